"""Write a study's page, to open in a browser: `python scripts/dashboard.py quick` (results/quick/dashboard.html)."""

import argparse
from pathlib import Path

from warmuplab.cli import one_line_errors


def main() -> None:
    """Read the command line, write the page and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a study that was collected: `make report STUDY=...` does that")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the collected studies")
    arguments = parser.parse_args()
    with one_line_errors():
        from warmuplab import results
        from warmuplab.dashboard.page import write_dashboard

        path = write_dashboard(results.load(arguments.study, arguments.results))
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser")


if __name__ == "__main__":
    main()
