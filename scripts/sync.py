"""Upload a study's finished offline runs to W&B, each once: `python scripts/sync.py quick`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("sync"))
