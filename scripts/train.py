"""Train one run, or sweep over many (-m). `python scripts/train.py --help` lists what can be set."""

from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.train import train_one

if __name__ == "__main__":
    hydra_command(train_one)()
