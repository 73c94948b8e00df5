"""Find a peak learning rate: `python scripts/find_lr.py [overrides]`. `--help` lists what can be set."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("find-lr"))
