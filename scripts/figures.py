"""Draw figures as PNG and SVG: `python scripts/figures.py phase-diagram quick`, or `--list`."""

import os
import sys
from pathlib import Path

from warmuplab.cli import one_line_errors

NOTES = "the two figures of the notes and a gallery of all schedules, into results/notes/figures/"

# As typed -> the file it becomes in results/STUDY/figures/, and what it shows. The list stands here as matplotlib takes
# a second that --list need not wait for.
OF_STUDIES = {
    "phase-diagram": ("final_loss", "final held-out loss over warmup and peak learning rate, a map per setting"),
    "training-loss": ("training_loss", "training loss by step"),
    "held-out-loss": ("held_out_loss", "held-out loss by step"),
    "early-overfitting": ("early_overfitting", "what early steps taught about their own batch alone, summed up"),
    "memorisation": ("memorisation", "how much better the earliest sentences are predicted than unseen ones"),
    "distribution": ("distribution", "how the output distribution moves"),
}


def draw_notes() -> None:
    """Draw the figures that need no study."""
    from warmuplab.notes_figures import draw_all

    for path in draw_all():
        print(os.path.relpath(path))


def draw_of_study(name: str, study_name: str, results: Path) -> None:
    """Draw one figure of a collected study."""
    from warmuplab import results as collected
    from warmuplab.arguments import usable_folder
    from warmuplab.claims.arms import arrange
    from warmuplab.claims.figures import draw_named
    from warmuplab.errors import ConfigError

    study = collected.load(study_name, results)
    file, shows = OF_STUDIES[name]
    with usable_folder("results", results):
        path = draw_named(file, study, arrange(study), study.folder / "figures")
    if path is None:
        raise ConfigError("NAME", name, f"{study.folder} has nothing for it ({shows})", "choose another figure")
    print(f"{path}\n{path.with_suffix('.svg')}")


def main(arguments: list[str], results: Path = Path("results")) -> int:
    """Draw what the command line names; its exit status."""
    name, *rest = arguments or ["--list"]
    if name in ("--list", "-h", "--help"):
        for figure, shows in [("notes", NOTES), *((f"{name} STUDY", shows) for name, (_, shows) in OF_STUDIES.items())]:
            print(f"{figure:<24} {shows}")
        return 0
    if name != "notes" and name not in OF_STUDIES:
        names = ", ".join(["notes", *OF_STUDIES])
        print(f"error: {name}: there is no such figure; choose one of {names}", file=sys.stderr)
        return 2
    if len(rest) != (name != "notes"):
        usage = name if name == "notes" else f"{name} STUDY"
        print(f"error: {' '.join(arguments)}: wrong arguments; type python scripts/figures.py {usage}", file=sys.stderr)
        return 2
    with one_line_errors():
        if name == "notes":
            draw_notes()
        else:
            draw_of_study(name, rest[0], results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
