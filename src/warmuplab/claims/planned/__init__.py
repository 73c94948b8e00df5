"""Contrasts that are planned before their runs: where they find these, and what claims they make up."""
