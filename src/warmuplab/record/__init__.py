"""What a run is and what it left on disk: where the training wing and the reading wing meet."""
