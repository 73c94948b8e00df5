"""Collect a study and write its tables and figures: `python scripts/report.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("report"))
