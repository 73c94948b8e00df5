"""Draw figures as PNG and SVG: `python scripts/figures.py NAME [ARGUMENTS]`, or `--list`."""

import inspect
import os
import sys
from collections.abc import Callable


def notes() -> None:
    """the two figures of the notes and a gallery of all schedules, into results/notes/figures/"""
    from warmuplab.notes_figures import draw_all  # matplotlib takes a second that --list need not wait for

    for path in draw_all():
        print(os.path.relpath(path))


FIGURES: dict[str, Callable[..., None]] = {"notes": notes}


def main(arguments: list[str]) -> int:
    """Draw what the command line names; its exit status."""
    name, *rest = arguments or ["--list"]
    if name == "--list":
        for figure, draw in FIGURES.items():
            print(f"{figure:<16} {draw.__doc__}")
        return 0
    if name not in FIGURES:
        print(f"error: {name}: there is no such figure; choose one of {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    wanted = inspect.signature(FIGURES[name]).parameters
    if len(rest) != len(wanted):
        usage = " ".join([name, *(argument.upper() for argument in wanted)])
        print(f"error: {' '.join(arguments)}: wrong arguments; type python scripts/figures.py {usage}", file=sys.stderr)
        return 2
    FIGURES[name](*rest)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
