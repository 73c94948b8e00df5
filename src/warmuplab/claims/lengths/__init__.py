"""How long a warmup: ladders of lengths in several situations, and rules that say a length for each."""
