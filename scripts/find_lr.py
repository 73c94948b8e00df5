"""Find a peak learning rate: `python scripts/find_lr.py [overrides]`. `--help` lists what can be set."""

import sys

from warmuplab.cli import hydra_command
from warmuplab.find_lr import find_lr

if __name__ == "__main__":
    if {"-m", "--multirun"} & set(sys.argv):  # Hydra would hand the jobs to the launcher, and nobody would read them
        print("error: -m: one network is tried at a time; leave it out", file=sys.stderr)
        sys.exit(2)
    hydra_command(find_lr, "find_lr")()
