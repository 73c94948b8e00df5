"""Loss and BLEU of a finished run on held-out text: `python scripts/evaluate.py RUN`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("evaluate"))
