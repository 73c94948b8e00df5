"""Read all that a study left behind and list what is damaged: `python scripts/verify.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("verify"))
