"""Claims in, verdicts out: what is claimed, which runs tell, how it is judged."""
