"""Draw figures as PNG and SVG: `python scripts/figures.py phase-diagram quick`, `all`, or `--list`."""

import os
import signal
import sys
from pathlib import Path

from warmuplab.config.messages import one_line_errors

NOTES = "the two figures of the notes and a gallery of all schedules, into results/notes/figures/"
ALL = "those of the notes and of every study in results/"

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

# The same of studies that claims are about, where they come before those above.
OF_CLAIMS = {
    "phase-diagram": ("phase_diagram", "final loss over warmup and peak rate, a map per normalisation"),
    "spikes": ("spikes", "training loss with its spikes marked, with and without warmup"),
    "memorisation": ("memorisation", "memory of the first batches at matched held-out loss, three arms"),
    "distribution-path": ("distribution_path", "how far the output distribution moved by then, three arms"),
    "depth-drift": ("depth_drift", "drift of every layer in the early window, three arms"),
    "sharpness": ("sharpness", "sharpness as Adam sees it, three arms"),
    "lost-time": ("lost_time", "held-out loss of runs that start at a large rate"),
    "late-decay": ("late_decay", "held-out loss where the rate falls late, and where it does not"),
    "shapes": ("shapes", "rise, plateau and fall against their parts"),
    "warmup-response": ("warmup_response", "final loss over the length of the warmup, at both run lengths"),
    "rate-sensitivity": ("rate_sensitivity", "final loss over the peak rate, with and without warmup"),
    "jitter-rates": ("jitter_rates", "where a ramp starts to jitter against the best peak rate"),
    "schedule-ranking": ("schedule_ranking", "the notes' schedules, each at its own best rate"),
    "optimizers": ("optimizers", "RAdam and GI-Adam without warmup against Adam with it"),
    "noam": ("noam", "the transformer's rule at its published length"),
}


def draw_notes() -> None:
    """Draw the figures that need no study."""
    from warmuplab.figures.gallery import draw_all

    for path in draw_all():
        print(os.path.relpath(path))


def draw_all(results: Path) -> None:
    """Draw the figures of the notes and those of every collected study, from what is collected alone."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.report.page import draw_figures
    from warmuplab.study import results as collected

    draw_notes()
    for folder in sorted(results.glob(f"*/{collected.RUNS}")):
        study = collected.load(folder.parent.name, results)
        with usable_folder("results", results):
            for path in draw_figures(study):
                print(path)


def draw_of_study(name: str, study_name: str, results: Path) -> None:
    """Draw one figure of a collected study."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.base.errors import ConfigError
    from warmuplab.figures.claims import index
    from warmuplab.figures.study import draw_named
    from warmuplab.report.page import judged_of
    from warmuplab.study import results as collected
    from warmuplab.study.roles import arrange

    study = collected.load(study_name, results)
    judged, evidence = judged_of(study)
    named = OF_CLAIMS if judged and name in OF_CLAIMS else OF_STUDIES
    if name not in named:
        raise ConfigError("NAME", name, f"no claim is about the study {study_name}", "choose another figure")
    file, shows = named[name]
    path = None
    with usable_folder("results", results):
        if named is OF_CLAIMS:
            path = next(iter(index.draw_all([file], judged, evidence, study.folder / "figures")), None)
        if (named is OF_STUDIES or path is None) and name in OF_STUDIES:  # claims about the study, but not these arms
            path = draw_named(OF_STUDIES[name][0], study, arrange(study), study.folder / "figures")
    if path is None:
        raise ConfigError("NAME", name, f"{study.folder} has nothing for it ({shows})", "choose another figure")
    print(f"{path}\n{path.with_suffix('.svg')}")


def main(arguments: list[str], results: Path = Path("results")) -> int:
    """Draw what the command line names; its exit status."""
    name, *rest = arguments or ["--list"]
    of_studies = OF_STUDIES | OF_CLAIMS
    if name in ("--list", "-h", "--help"):
        listed = [
            ("all", ALL),
            ("notes", NOTES),
            *((f"{typed} STUDY", shows) for typed, (_, shows) in of_studies.items()),
        ]
        print("\n".join(f"{figure:<26} {shows}" for figure, shows in listed))
        return 0
    whole = name in ("notes", "all")
    if not whole and name not in of_studies:
        names = ", ".join(["all", "notes", *of_studies])
        print(f"error: {name}: there is no such figure; choose one of {names}", file=sys.stderr)
        return 2
    if len(rest) != (not whole):
        usage = name if whole else f"{name} STUDY"
        print(f"error: {' '.join(arguments)}: wrong arguments; type python scripts/figures.py {usage}", file=sys.stderr)
        return 2
    with one_line_errors():
        if name == "notes":
            draw_notes()
        elif name == "all":
            draw_all(results)
        else:
            draw_of_study(name, rest[0], results)
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when `| head` has seen enough
    sys.exit(main(sys.argv[1:]))
