"""Draw figures as PNG and SVG: `python scripts/figures.py phase-diagram quick`, `all`, or `--list`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("figures"))
