"""The identity of a run and its files on disk: used by the training wing and the reading wing alike."""
