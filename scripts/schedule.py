"""Show a schedule: `python scripts/schedule.py schedule=cosine training.steps=1000 [+out=FILE.csv]`."""

import signal
import sys

from warmuplab.cli import hydra_command
from warmuplab.schedule_view import show

if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when `| head` has seen enough
    if {"-m", "--multirun"} & set(sys.argv):  # Hydra would hand the jobs to the launcher, which trains
        print("error: -m: one schedule is shown at a time; leave it out", file=sys.stderr)
        sys.exit(2)
    hydra_command(show)()
