"""From configurations to trained runs: packed into populations, trained by a backend, watched on the way."""
