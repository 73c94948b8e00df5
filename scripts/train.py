"""Train one run, or sweep over many (-m). `python scripts/train.py --help` lists what can be set."""

from warmuplab.cli import hydra_command, train_one

if __name__ == "__main__":
    hydra_command(train_one)()
