"""Find a peak learning rate: `python scripts/find_lr.py [overrides]`. `--help` lists what can be set."""

from warmuplab.cli import hydra_command
from warmuplab.find_lr import find_lr

if __name__ == "__main__":
    hydra_command(find_lr, "find_lr", sweeps=False)()
