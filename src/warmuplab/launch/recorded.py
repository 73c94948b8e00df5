"""Populations that an earlier sweep wrote and did not finish: they are trained as they were packed then.

A member comes out to the last bit as it would have only with the same neighbours, threads and compiler, and a
checkpoint is that of one population.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from warmuplab.base.files import read_json, remove_halves
from warmuplab.launch.queue import QueuedPopulation
from warmuplab.record import leases
from warmuplab.record.identity import population_key
from warmuplab.record.run import Run
from warmuplab.record.verifying import is_complete
from warmuplab.worker import CACHE, CHECKPOINT, PRINTED, checkpoint_path

RECORDED = ("compile", "threads")  # settings of the hardware that are decided for a population


def unfinished(
    jobs: Mapping[str, Run], to_train: Sequence[Run], members_allowed: int | None
) -> tuple[list[list[Run]], list[Run]]:
    """The recorded populations with a run that is still to be trained, and the runs that are in none.

    All members are among the `jobs`, by run_id, and no more than a person allows; the latest record of a run counts. A
    population that is to be trained again as a whole, by `overwrite`, is packed anew unless it left a checkpoint.
    """
    left = {run.run_id: run for run in to_train}
    taken: set[str] = set()
    populations = []
    for path, content in _records(to_train):
        run_ids = content["run_ids"]
        if not left.keys() & set(run_ids) or taken & set(run_ids) or not all(run_id in jobs for run_id in run_ids):
            continue
        members = [jobs[run_id] for run_id in run_ids]
        first = members[0]
        is_one = len({population_key(run.config) for run in members}) == 1
        is_one = is_one and len(members) <= (members_allowed or len(members))
        overwritten = first.config.overwrite and not checkpoint_path(first.config, path.stem).exists()
        if not is_one or overwritten:
            continue
        populations.append(_as_recorded(members, content))
        taken |= set(run_ids)
        left = {run_id: run for run_id, run in left.items() if run_id not in run_ids}
    return populations, list(left.values())


def tidy(runs: Sequence[Run]) -> None:
    """Remove, in and beside the directories of `runs`, what killed processes left: halves, leases, old checkpoints.

    A checkpoint outlives its use where a process was killed between its last record and its end.
    """
    for folder in {run.directory.parent / "populations" for run in runs}:
        for path in folder.glob(f"*{CHECKPOINT}"):
            content = read(path.with_suffix(".json")) or {"run_ids": [path.stem]}  # a single run has no such file
            if all(is_complete(folder.parent / run_id) for run_id in content["run_ids"]):
                with suppress(OSError):
                    path.unlink()
        for place in (folder, folder.parent, folder.parent.parent / CACHE):
            remove_halves(place)
        leases.remove_dead(folder)
    for run in runs:
        remove_halves(run.directory)


def _records(runs: Sequence[Run]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The readable population files beside the directories of `runs`, the latest first; none of a dry run's own."""
    folders = {run.directory.parent / "populations" for run in runs}
    paths = [path for folder in folders for path in population_files(folder)]
    for path in sorted(paths, key=_written, reverse=True):
        content = read(path)
        if content is not None and PRINTED not in content:
            yield path, content


def population_files(folder: Path) -> list[Path]:
    """The files in `folder` that list populations, by name."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(".progress.json"))


def read(path: Path) -> dict[str, Any] | None:
    """What a population's file holds: `run_ids`, and `runs`, their configurations; None where it is no such file."""
    content = read_json(path)
    whole = isinstance(content, dict) and _is_list(content.get("run_ids"), str) and _is_list(content.get("runs"), dict)
    return content if whole else None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, kind) for each in value)


def _as_recorded(members: Sequence[Run], content: Mapping[str, Any]) -> list[Run]:
    told = content["runs"][0].get("hardware")
    hardware = members[0].config.hardware
    kept = {key: told[key] for key in RECORDED if isinstance(told, dict) and type(told.get(key)) in (bool, int)}
    hardware = replace(hardware, **kept)
    return [replace(run, config=replace(run.config, hardware=hardware)) for run in members]


def has_other_settings(population: QueuedPopulation) -> bool:
    """Whether a sweep wrote its file with other settings than it has now; what a machine decides is none of them."""
    content = read(population.file.path)
    if content is None or PRINTED in content:
        return False
    return not population.file.lists(_as_recorded(population.runs, content))
