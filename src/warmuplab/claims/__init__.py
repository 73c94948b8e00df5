"""From claims to verdicts: the claims, the runs that test them, and the rules of judging."""
