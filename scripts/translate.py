"""Translate sentences with a finished run: `python scripts/translate.py RUN "A man rides a bike"`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("translate"))
