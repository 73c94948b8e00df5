"""What a user types, a file per command. The scripts are doors to these."""
