"""Upload a study to W&B, its runs and its outcome, each once: `python scripts/sync.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("sync"))
