"""From collected results to what they say: arms, tables, statements, figures. Nothing here imports the trainer."""
