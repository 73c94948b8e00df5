"""Train one run, or sweep over many (-m): `python scripts/train.py --help` lists what can be set."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("train"))
