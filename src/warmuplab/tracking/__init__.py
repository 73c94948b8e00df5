"""W&B, fed from the record: a W&B run per run directory, at its end when offline, as training goes when online."""
