"""Draw figures of the studies in results/, each as PNG and SVG."""

import os
import sys
from pathlib import Path

from warmuplab.base.arguments import called_as
from warmuplab.base.errors import in_one_line

NOTES = "The two figures of the notes and a gallery of all schedules, into results/notes/figures/."
ALL = "Those of the notes and those of every study in results/."

HELP = f"""usage: {{command}} NAME [STUDY]

{__doc__}

  {{command}} --list                 every NAME, and what its figure shows
  {{command}} phase-diagram quick    one figure of a study
  {{command}} forest confirmatory    the one figure of a registry
  {{command}} notes                  {NOTES}
  {{command}} all                    {ALL}"""


def draw_notes() -> None:
    """Draw the figures that need no study."""
    from warmuplab.figures.gallery import draw_notes_figures

    for path in draw_notes_figures():
        print(os.path.relpath(path))


def draw_all(results: Path) -> None:
    """Draw the figures of the notes and those of every collected study, from what is collected alone."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.claims.registries import registries
    from warmuplab.report.page import draw_figures
    from warmuplab.study import results as collected

    draw_notes()
    for folder in sorted(results.glob(f"*/{collected.RUNS}")):
        study = collected.load(folder.parent.name, results)
        with usable_folder("results", results):
            for path in draw_figures(study):
                print(path)
    for registry in registries():
        for path in draw_forest(registry, results):
            print(path)


def draw_forest(registry: str, results: Path) -> list[Path]:
    """Draw the forest plot of a registry's claims; the PNG file, none where no study of it is collected."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.report.registry.page import draw_registry, judged_registry

    with usable_folder("results", results):
        return draw_registry(judged_registry(registry, results)[0], results / registry)


def draw_of_study(name: str, study_name: str, results: Path) -> None:
    """Draw one figure of a collected study: that of its claims where there is one, else that of any study."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.base.errors import ConfigError
    from warmuplab.claims.registries import check_is_study, registries
    from warmuplab.figures.files import draw_of_claims, draw_of_study
    from warmuplab.figures.index import CLAIM_FIGURES, FOREST, PILOT_FIGURES, STUDY_FIGURES, names
    from warmuplab.report.page import judged_of
    from warmuplab.study import results as collected
    from warmuplab.study.frozen import frozen
    from warmuplab.study.roles import arrange

    if name == FOREST.name:
        if study_name not in registries():
            remedy = f"type {called_as()} {name} {_of(name)}"
            raise ConfigError("STUDY", study_name, f"{name} is drawn of a registry, and this is none", remedy)
        drawn = draw_forest(study_name, results)
        if not drawn:
            remedy = "collect one with `make report STUDY=...`"
            raise ConfigError("STUDY", study_name, f"none of its studies is in {results}", remedy)
        _say(drawn[0])
        return
    check_is_study(study_name)
    study = collected.load(study_name, results)
    judged, evidence = judged_of(study)
    claimed = judged or frozen(study.folder)
    of_claims = [figure for figure in CLAIM_FIGURES.values() if claimed and figure.name == name]
    of_study = [figure for figure in (STUDY_FIGURES | PILOT_FIGURES).values() if figure.name == name]
    if not of_claims and not of_study:
        raise ConfigError("NAME", name, f"no claim is about the study {study_name}", "choose another figure")
    folder = study.folder / "figures"
    with usable_folder("results", results):
        drawn = draw_of_claims([figure.file for figure in of_claims], judged, evidence, folder)
        drawn = drawn or draw_of_study([figure.file for figure in of_study], study, arrange(study), folder)
    if not drawn:
        shows = names()[name].rstrip(".")
        raise ConfigError("NAME", name, f"{study.folder} has nothing for it ({shows})", "choose another figure")
    _say(drawn[0])


def _of(name: str) -> str:
    """What is typed after the name of a figure."""
    from warmuplab.claims.registries import registries
    from warmuplab.figures.index import FOREST

    return "|".join(registries()) if name == FOREST.name else "STUDY"


def _say(png: Path) -> None:
    print(f"{png}\n{png.with_suffix('.svg')}")


def main() -> int:
    """Draw what the command line names; its exit status."""
    return draw(sys.argv[1:], Path("results"))


def draw(arguments: list[str], results: Path) -> int:
    """Draw what `arguments` name; the exit status."""
    name, *rest = arguments or ["--list"]
    if {"-h", "--help"} & set(arguments):
        print(HELP.format(command=called_as()))
        return 0
    from warmuplab.figures.index import names

    captions = names()
    from warmuplab.config.messages import one_line_errors

    if name == "--list":
        with one_line_errors():
            of_studies = [(f"{typed} {_of(typed)}", caption) for typed, caption in captions.items()]
        listed = [("all", ALL), ("notes", NOTES), *of_studies]
        print("\n".join(f"{figure:<26} {shows}" for figure, shows in listed))
        return 0
    whole = name in ("notes", "all")
    if not whole and name not in captions:
        known = ", ".join(["all", "notes", *captions])
        print(in_one_line(f"error: {name}: there is no such figure; choose one of {known}"), file=sys.stderr)
        return 2
    if len(rest) != (not whole):
        if whole:
            problem, usage = "it takes no study", name
        else:
            problem = "too many arguments" if rest else f"{name} is drawn from what is collected of a study or registry"
            with one_line_errors():
                usage = f"{name} {_of(name)}"
        told = f"error: {' '.join(arguments)}: {problem}; type {called_as()} {usage}"
        print(in_one_line(told), file=sys.stderr)
        return 2
    with one_line_errors():
        if name == "notes":
            draw_notes()
        elif name == "all":
            draw_all(results)
        else:
            draw_of_study(name, rest[0], results)
    return 0
