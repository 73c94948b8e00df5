"""Show a schedule: `python scripts/schedule.py schedule=cosine training.steps=1000 [+out=FILE.csv]`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("schedule"))
