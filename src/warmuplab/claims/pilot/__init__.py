"""The pilot: from tuning runs to what confirmatory studies are registered with, by rules written before the runs."""
