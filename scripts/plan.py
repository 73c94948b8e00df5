"""Say what a study will take, and train nothing: `python scripts/plan.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("plan"))
