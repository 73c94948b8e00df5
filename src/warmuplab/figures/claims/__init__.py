"""The figures of the claims, a module per kind of picture."""
