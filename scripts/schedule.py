"""Show a schedule: `python scripts/schedule.py schedule=cosine training.steps=1000 [+out=FILE.csv]`."""

import signal

from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.schedule import show_run

if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when `| head` has seen enough
    hydra_command(show_run, sweeps=False)()
