"""`results/<study>/report.md`, and the same tables in a terminal."""
