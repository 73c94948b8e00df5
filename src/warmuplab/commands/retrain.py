"""Train a collected run again, in the population that it was trained in, and compare every number with the record.

A member of a population comes out to the last bit only with the same neighbours, in the same order, on the same kind of
processor. The exit status is 0 where all final numbers are equal, and 1 where they differ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmuplab.base.arguments import Parser

if TYPE_CHECKING:
    from warmuplab.record.run import Run
    from warmuplab.study.results import Study

FOLDER = "retrained"  # in the outputs: records are never written where a sweep's are
LOSSES = ("test/loss", "val/loss")


@dataclass(frozen=True)
class Compared:
    """A member with what it came to then and now."""

    run_id: str
    recorded: float
    again: float
    """The final loss, that on the test split where there is one; NaN of a run that diverged."""
    differing: tuple[str, ...]
    """Recorded values that are not equal now, or not there."""
    values: int
    """How many there are."""


def main() -> int:
    """Read the command line, train and print the comparison; the exit status."""
    parser = Parser(__doc__)
    parser.add_argument("study", help="a folder in results/")
    parser.add_argument("run", help="a run_id of the study")
    parser.add_argument("--data-path", help="folder of the corpus, where it does not come from the Hugging Face Hub")
    parser.add_argument("--outputs", type=Path, default=Path("outputs"), help=f"its records go into {FOLDER}/ there")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the collected studies")
    arguments = parser.parse_args()
    from warmuplab.config.messages import one_line_errors

    compared: list[Compared] = []
    with one_line_errors():
        compared = retrain(
            arguments.study, arguments.run, arguments.data_path, arguments.outputs, arguments.results, say=print
        )
    return int(any(one.differing for one in compared))


def retrain(
    study_name: str, run_id: str, data_path: str | None, outputs: Path, results: Path, say: Any
) -> list[Compared]:
    """Train the population of a run again and say what came out. Raises `ConfigError` for wrong input."""
    from warmuplab.claims.registries import check_is_study
    from warmuplab.record.environment import describe_hardware
    from warmuplab.study import recorded
    from warmuplab.study.results import load

    check_is_study(study_name)
    study = load(study_name, results)
    rows = recorded.population_of(study, run_id)
    runs = _runs(study, rows, data_path, outputs)
    say(f"Training the {len(runs)} runs of population {rows[0]['population']} again, {rows[0]['seconds']:.0f} s then.")
    _train(runs, say)
    compared = [_compare(row, run) for row, run in zip(rows, runs, strict=True)]
    for one in compared:
        mark = "equal" if not one.differing else f"{len(one.differing)} of {one.values} numbers differ"
        say(f"{one.run_id}  {one.recorded:.10g} then, {one.again:.10g} now: {mark}")
    if any(one.differing for one in compared):
        then = " or ".join(map(describe_hardware, study.manifest["hardware"]))
        gaps = [abs(one.recorded - one.again) for one in compared]
        spread = max((gap for gap in gaps if not math.isnan(gap)), default=math.nan)
        say(f"The largest difference of a final loss is {spread:.2g} nats; recorded on {then}.")
        say("Another kind of processor rounds otherwise, and so may another version of PyTorch.")
    return compared


def _runs(study: "Study", rows: Sequence[dict[Any, Any]], data_path: str | None, outputs: Path) -> "list[Run]":
    from warmuplab.base.errors import ConfigError
    from warmuplab.study import recorded
    from warmuplab.worker import prepare

    runs = []
    for row in rows:
        config = recorded.configuration_of(study, row)
        data = replace(config.data, path=data_path)
        config = replace(config, study=FOLDER, outputs=str(outputs), overwrite=True, keep_weights=False, data=data)
        run = prepare(config)
        if run.run_id != row["run_id"]:
            problem = f"here it would be {run.run_id}: its corpus had the fingerprint {row['corpus']}"
            raise ConfigError("RUN", row["run_id"], problem, "give the folder of that very text with --data-path")
        runs.append(run)
    return runs


def _train(runs: "Sequence[Run]", say: Any) -> None:
    from warmuplab.config.messages import RunFailedError
    from warmuplab.record import writing
    from warmuplab.record.progress import Progress
    from warmuplab.worker import population_name, train_population

    def report(progress: Progress) -> None:
        say(str(progress))

    if not train_population(runs, population_name(runs), report):
        raise RunFailedError.of(writing.failures(runs), len(runs))


def _compare(row: dict[Any, Any], run: "Run") -> Compared:
    from warmuplab.record.verifying import read_summary

    values = (read_summary(run.directory) or {}).get("values") or {}
    names = [name for name in row if "/" in name and not math.isnan(_number(row[name]))]
    differing = tuple(name for name in names if not _equal(row[name], values.get(name)))
    loss = next(name for name in LOSSES if name in row)
    return Compared(str(row["run_id"]), _number(row[loss]), _number(values.get(loss)), differing, len(names))


def _equal(then: Any, now: Any) -> bool:
    a, b = _number(then), _number(now)
    return a == b or (math.isnan(a) and math.isnan(b))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
