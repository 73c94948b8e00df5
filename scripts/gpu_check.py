"""Check one GPU: `python scripts/gpu_check.py [--data FOLDER] [--dry]`."""

import sys

from warmuplab.commands.main import run

if __name__ == "__main__":
    sys.exit(run("gpu-check"))
