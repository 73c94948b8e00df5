"""Find a peak learning rate: `python scripts/find_lr.py [overrides]`. `--help` lists what can be set."""

from warmuplab.commands.find_lr import find_lr
from warmuplab.commands.hydra_command import hydra_command

if __name__ == "__main__":
    hydra_command(find_lr, "find_lr", sweeps=False)()
