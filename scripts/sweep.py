"""Train the runs of a study that are not finished, and write its report: `python scripts/sweep.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("sweep"))
