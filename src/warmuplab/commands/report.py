"""Collect the runs of a study into results/STUDY/ and write its tables and figures.

The name of a registry, such as `confirmatory`, writes the report on all of its claims, from what is collected. With
--opening, README.md and CITATION.cff of this folder open with what it says."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from warmuplab.base.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from warmuplab.study.results import Study


def main() -> int:
    """Read the command line, write `results/<study>/` and print the result table."""
    parser = Parser(__doc__)
    parser.add_study("or in results/ where the runs are missing")
    parser.add_argument(
        "--opening", action="store_true", help="the README's opening too, of the registry `confirmatory`"
    )
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        report(arguments.study, arguments.outputs, arguments.results, arguments.opening)
    return 0


def report(name: str, outputs: Path, results: Path, opening: bool = False) -> None:
    """Collect, write the report and print what a user wants to know."""
    from rich.console import Console

    from warmuplab.base.arguments import check_study, usable_folder
    from warmuplab.claims.registration import hashes
    from warmuplab.claims.registries import registries
    from warmuplab.outcome.publishing import publish
    from warmuplab.report.page import judged_of, obtained, write_report
    from warmuplab.report.verdicts import terminal_lines
    from warmuplab.study import collect
    from warmuplab.study.frozen import frozen

    check_study(name)
    if opening:
        check_opens(name)
    if name in registries():
        check_has_no_runs(name, outputs, results)
        report_registry(name, results, opening)
        return
    with usable_folder("--results", results / name):
        because = frozen(results / name)
    if because:
        print(f"{results / name} is frozen, its report and verdicts stay as they are ({because})")
        return
    study, notes = collect.update(name, outputs, results, hashes(name))
    with usable_folder("--results", results):
        claims = judged_of(study)
        written = write_report(study, claims)
    console = Console(highlight=False)
    console.print(obtained(study), markup=False)
    console.print()
    if claims[0]:
        console.print("\n".join(terminal_lines(claims[0])), markup=False, soft_wrap=True)
    else:
        show_arms(study, console)
    for path in written:
        print(path)  # unbroken, whatever the width
    published = publish(study, outputs)
    if published is not None:
        print(published)  # the W&B run of the study
    for note in notes:
        print(f"note: {note}")


def check_has_no_runs(registry: str, outputs: Path, results: Path) -> None:
    """Raise `ConfigError` where a study has the name of a registry: one report would be written over the other."""
    from warmuplab.base.errors import ConfigError
    from warmuplab.record.directory import ended
    from warmuplab.study.results import RUNS

    trained, collected = any(map(ended, (outputs / registry).glob("*/"))), (results / registry / RUNS).exists()
    if trained or collected:
        problem = f"a registry, but {(outputs if trained else results) / registry} has runs of a study of that name"
        raise ConfigError("STUDY", registry, problem, "move that folder to another name")


def check_opens(name: str) -> None:
    """Raise `ConfigError` unless the README opens with the report of this name."""
    from warmuplab.base.errors import ConfigError
    from warmuplab.claims.planned.claims import REGISTRY

    if name != REGISTRY:
        problem = f"the README opens with the registry {REGISTRY} and no other report"
        raise ConfigError("STUDY", name, problem, f"leave --opening out, or use {REGISTRY}")


def report_registry(name: str, results: Path, opening: bool = False) -> None:
    """Judge all claims of a registry on the studies in `results`, write its report and print the verdicts."""
    from warmuplab.base.arguments import usable_folder
    from warmuplab.claims.planned.confirm import LENGTH
    from warmuplab.report.registry.opening import write_opening
    from warmuplab.report.registry.page import judged_registry, write_registry
    from warmuplab.report.verdicts import terminal_lines

    with usable_folder("--results", results):
        judged, evidence = judged_registry(name, results)
        written = write_registry(name, judged, evidence, results)
    if opening:
        seen = Path(os.path.relpath(results / name)).as_posix()
        written += write_opening(judged, evidence, LENGTH, seen, Path())
    print("\n".join(terminal_lines(judged)))
    for path in written:
        print(path)


def show_arms(study: "Study", console: "Console") -> None:
    """Print the result table of a study that no claim is about."""
    from warmuplab.report import sentences, tables
    from warmuplab.study import roles

    arranged = roles.arrange(study)
    for table in tables.terminal_tables(arranged, study.name):
        console.print(table)
    console.print(
        "Loss in nats per token: mean (smallest–largest) over seeds. Rise: of the loss on a fixed held-out batch above"
        " its lowest, in nats, early on; Episodes: large ones. Spikes: of the training loss. Gap: early overfitting.",
        markup=False,
    )
    for line in sentences.shows(study, arranged)[:1]:
        console.print(line, markup=False)
