"""What training costs, against what users would run otherwise: measured side by side, in turn."""
