"""Train a collected run again and compare it with its record: `python scripts/retrain.py STUDY RUN_ID`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("retrain"))
