"""Studies as collected: from run directories to `results/<study>/`, and what is read back from there."""
