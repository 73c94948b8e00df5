"""From run directories to committed evidence: `outputs/<study>/*/` into `results/<study>/`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from warmuplab.base.arguments import check_study, usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import replace_atomically, write_json
from warmuplab.base.words import plural
from warmuplab.config.overrides import as_cell
from warmuplab.config.rerun import again
from warmuplab.record.directory import Found, RunDirectory
from warmuplab.record.verifying import COMPLETE
from warmuplab.study import manifest, reading
from warmuplab.study.compact import write_compactly
from warmuplab.study.results import (
    CURVES,
    EPISODES,
    FACTS,
    LAYERS,
    MANIFEST,
    MEMBER,
    RUNS,
    SPIKES,
    Study,
    load,
    read_table,
)
from warmuplab.study.tables import Measured, curves_table, layers_table, rises_table


def update(
    study: str, outputs: Path, results: Path, registered: Mapping[str, str] | None = None
) -> tuple[Study, list[str]]:
    """Collect a study's run directories, if there are any, and load the study; with what a user should know of it.

    Evidence is never replaced by less: where `outputs/<study>` has fewer complete runs than `results/<study>`, as in
    the middle of a sweep on a fresh clone, the results stay as they are and a note says so. `registered` are the hashes
    of registered claims that need these runs, by id, for the manifest. Raises `ConfigError`
    where neither folder has runs, or one of them cannot be used.
    """
    check_study(study)
    source, folder = outputs / study, results / study
    with usable_folder("--outputs", source):
        there, measured = reading.read(source)
        directories = there.runs
    with usable_folder("--results", folder):
        collected = (folder / RUNS).exists()
    if not directories:
        if not collected:
            what = "no finished run" if not there.damaged else f"no whole record, {len(there.damaged)} damaged"
            problem = f"{what} in {source} and nothing collected in {folder}"
            raise ConfigError("STUDY", study, problem, f"train it first: {again('sweep', study)}")
        return load(study, results), _notes(study, there)
    found, known = _complete(directories), _complete_in(study, folder / RUNS) if collected else 0
    if found < known:
        note = (
            f"{source} has {found} complete runs and {folder} has {known}: {folder} stays as it is. Finish the sweep "
            f"({again('sweep', study)}), or collect the part elsewhere (--results FOLDER)."
        )
        return load(study, results), [note, *_notes(study, there)]
    with usable_folder("--results", folder):
        collect(study, directories, measured, folder, registered or {})
    return load(study, results), _notes(study, there)


def collect(
    study: str,
    directories: Sequence[RunDirectory],
    measured: list[Measured],
    folder: Path,
    registered: Mapping[str, str],
) -> None:
    """Write the tables and `manifest.json` to `folder`: of `directories`, and of what these runs `measured`.

    There is no `layers.parquet` without measurements. `measured` is empty at the end, and only one table at a time is
    in memory: that of a large study is a large one.
    """
    _write(curves_table(measured), folder / CURVES)
    _write(rises_table([row for part in measured for row in part.episodes]), folder / EPISODES)
    _write(rises_table([row for part in measured for row in part.spikes]), folder / SPIKES)
    _write(layers_table(measured), folder / LAYERS)
    measured.clear()
    varying = varying_keys(run.config for run in directories)
    runs = runs_table(directories, varying)
    _write(runs, folder / RUNS)
    write_json(folder / MANIFEST, manifest.describe(study, directories, runs, varying, registered))


def _write(table: pd.DataFrame | None, path: Path) -> None:
    """Write a table, or remove that of an earlier collection where there is none."""
    if table is None:
        path.unlink(missing_ok=True)
        return
    with replace_atomically(path) as temporary:
        write_compactly(table, temporary)


def varying_keys(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Keys whose value is not the same in all of `configs`, and `seed`; an absent key counts as null."""
    told = [config for config in configs if config]  # nothing can be said about a run that left no configuration
    keys = list(dict.fromkeys(key for config in told for key in config))
    return ["seed"] + [
        key for key in keys if key != "seed" and len({json.dumps(config.get(key)) for config in told}) > 1
    ]


def runs_table(directories: Sequence[RunDirectory], varying: Sequence[str]) -> pd.DataFrame:
    """`runs.parquet`: a row per run, failed ones too, null where a run has no value.

    Metrics have slashes, configuration keys have none, and no key is named as a fact: no two columns collide.
    """
    rows = [_row(run, varying) for run in directories]
    metrics = dict.fromkeys(name for run in directories for name in run.summary.get("values") or {})
    values = [run.summary.get("values") or {} for run in directories]
    columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
    columns |= {name: pd.Series([row.get(name) for row in values], dtype="float64") for name in metrics}
    return pd.DataFrame(columns).astype(FACTS | {MEMBER: "Int64"})


def _row(run: RunDirectory, varying: Sequence[str]) -> dict[str, Any]:
    summary = run.summary
    timings, corpus = summary.get("timings") or {}, summary.get("corpus") or {}
    config = run.config or {"seed": summary.get("seed")}
    return {
        "run_id": run.run_id,
        "status": summary.get("status"),
        **{key: as_cell(config.get(key)) for key in varying},
        "trained": summary.get("trained"),
        "diverged_at": summary.get("diverged_at"),
        "error": summary.get("error"),
        "early_steps": summary.get("early_steps"),
        "unigram_entropy": corpus.get("unigram_entropy"),
        "corpus": corpus.get("fingerprint"),
        "weights": summary.get("weights"),
        "population": (summary.get("population") or {}).get("name"),
        "member": _member(run),
        "seconds": timings.get("seconds"),
        "commit": summary.get("commit"),
        "dirty": summary.get("dirty"),
    }


def _member(run: RunDirectory) -> int | None:
    """The place of a run in its population, which trains it to the same bits only in the same order."""
    members = (run.summary.get("population") or {}).get("members") or []
    return members.index(run.run_id) if run.run_id in members else None


def _column(values: list[Any]) -> "pd.Series[Any]":
    """A column of configuration values: whole numbers and truth values stay what they are where some are null."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if None in values else "bool")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64" if None in values else "int64")
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")


def _complete(directories: Sequence[RunDirectory]) -> int:
    return sum(run.is_complete for run in directories)


def _complete_in(study: str, runs: Path) -> int:
    table = read_table(study, runs, ["status"], only=True)
    return int(table["status"].isin(COMPLETE).sum())


def _notes(study: str, there: Found) -> list[str]:
    failed = len(there.runs) - _complete(there.runs)
    notes = []
    if failed:
        notes.append(f"{failed} of {len(there.runs)} runs failed; the sweep's command tries them again.")
    if there.unfinished:
        notes.append(f"left out, still training or killed: {plural(len(there.unfinished), 'run')}.")
    if there.damaged:
        directory, problem = next(iter(there.damaged.items()))
        notes.append(
            f"left out, damaged: {plural(len(there.damaged), 'run')}, first {directory} ({problem}). "
            f"{again('verify', study)} lists them, and the sweep's command trains them again."
        )
    return notes
