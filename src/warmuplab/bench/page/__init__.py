"""What was measured, as a page and a figure."""
