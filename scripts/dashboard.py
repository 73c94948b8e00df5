"""Write a study's page, to open in a browser: `python scripts/dashboard.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("dashboard"))
