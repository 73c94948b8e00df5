"""What training costs on this machine: `python scripts/bench.py [overrides]`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("bench"))
