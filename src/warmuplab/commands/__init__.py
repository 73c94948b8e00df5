"""The commands that a user types, a file for each. The scripts only call these."""
