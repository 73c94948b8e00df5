"""A trained run put to use: its network read back, translations, and how good they are."""
