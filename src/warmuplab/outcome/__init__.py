"""The outcome of a study on W&B: one W&B run per study, fed from `results/<study>/`."""
