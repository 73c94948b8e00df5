"""From run directories to committed evidence: `outputs/<study>/*/` into `results/<study>/`, and back from there.

Everything that looks at runs (report, figures, dashboard) reads `results/<study>/` alone, through `load`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from warmuplab import records
from warmuplab.arguments import check_study, usable_folder
from warmuplab.errors import ConfigError
from warmuplab.files import read_json, replace_atomically, write_json
from warmuplab.series_tables import curves_and_spikes, layers_table

RUNS, CURVES, MANIFEST = "runs.parquet", "curves.parquet", "manifest.json"
SPIKES, LAYERS = "spikes.parquet", "layers.parquet"  # a clone collected before there were these has neither

# Columns of `runs.parquet` that every study has, beside `run_id`, `seed` and `status`.
FACTS = {
    "trained": "boolean",  # whether it ended well below the unigram entropy
    "diverged_at": "Int64",  # step of the first loss that was not finite
    "error": "str",  # of a failed run
    "early_steps": "Int64",  # length of the early window
    "unigram_entropy": "float64",  # of the corpus, nats per token
    "corpus": "str",  # its fingerprint
    "weights": "Int64",
    "population": "str",
    "seconds": "float64",  # that the population trained
    "commit": "str",
    "dirty": "boolean",
}

# What the other tables have at least.
CURVE_COLUMNS = ("run_id", "metric", "step", "value")
SPIKE_COLUMNS = ("run_id", "start", "peak", "end", "height")
LAYER_COLUMNS = ("run_id", "layer", "step")

# What every manifest has, and of which kind; the members of those in `_ENTRIES` are mappings with these keys.
_PARTS: dict[str, type | tuple[type, ...]] = {
    "command": (str, type(None)),
    "runs": dict,
    "steps": list,
    "weights": list,
    "wall_seconds": (int, float, type(None)),
    "seconds": (int, float, type(None)),
    "commits": list,
    "versions": dict,
    "hardware": list,
    "corpora": list,
    "configuration": dict,
    "varying": dict,
}
_COUNTS = ("total", "finished", "diverged", "failed", "stuck")
_ENTRIES = {"commits": ("commit", "dirty"), "corpora": ("name", "sentences", "fingerprint", "unigram_entropy")}
_ENTRIES |= {"hardware": ()}

# What reading a damaged Parquet file raises: pyarrow's errors are each of one of these kinds as well.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, NotImplementedError)

# Where a run lies and how it is published says nothing about it, and `data.path` is a place on one machine.
NOT_EVIDENCE = ("study", "outputs", "overwrite", "data.path", "tracker.")


@dataclass(frozen=True)
class Study:
    """A collected study, as `results/<study>/` holds it."""

    name: str
    folder: Path
    """`results/<study>`."""
    runs: pd.DataFrame
    """A row per run: `run_id`, `status`, each configuration key that varies, `FACTS` and all summary values."""
    curves: pd.DataFrame
    """A row per measurement kept: `run_id`, `metric`, `step`, `value`."""
    manifest: dict[str, Any]
    """How and with what the runs were obtained; see `warmuplab.manifest`."""


@dataclass(frozen=True)
class RunDirectory:
    """What one run left behind."""

    path: Path
    summary: dict[str, Any]
    config: dict[str, Any]
    """Flat, by dotted keys, without `NOT_EVIDENCE`; empty where the run failed before it could write it."""

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def is_complete(self) -> bool:
        return self.summary.get("status") in records.COMPLETE


def update(study: str, outputs: Path, results: Path) -> tuple[Study, list[str]]:
    """Collect a study's run directories, if there are any, and load the study; with what a user should know of it.

    Evidence is never replaced by less: where `outputs/<study>` has fewer complete runs than `results/<study>`, as in
    the middle of a sweep on a fresh clone, the results stay as they are and a note says so. Raises `ConfigError`
    where neither folder has runs, or one of them cannot be used.
    """
    check_study(study)
    source, folder = outputs / study, results / study
    with usable_folder("--outputs", source):
        directories = read_directories(source)
    with usable_folder("--results", folder):
        collected = (folder / RUNS).exists()
    if not directories:
        if not collected:
            problem = f"no finished run in {source} and nothing collected in {folder}"
            raise ConfigError("STUDY", study, problem, f"train it first: make sweep STUDY={study}")
        return load(study, results), []
    found, known = _complete(directories), _complete_in(study, folder / RUNS) if collected else 0
    if found < known:
        note = (
            f"{source} has {found} complete runs and {folder} has {known}: {folder} stays as it is. Finish the sweep "
            f"(make sweep STUDY={study}), or collect the part elsewhere (--results FOLDER)."
        )
        return load(study, results), [note]
    with usable_folder("--results", folder):
        collect(study, directories, folder)
    return load(study, results), _notes(source, directories)


def collect(study: str, directories: Sequence[RunDirectory], folder: Path) -> None:
    """Write the tables and `manifest.json` of `directories` to `folder`; no `layers.parquet` without measurements."""
    from warmuplab import manifest

    varying = varying_keys(run.config for run in directories)
    runs = runs_table(directories, varying)
    curves, spikes = curves_and_spikes(directories)
    layers = layers_table(directories)
    for name, table in ((CURVES, curves), (SPIKES, spikes), (LAYERS, layers), (RUNS, runs)):
        if table is None:
            (folder / name).unlink(missing_ok=True)  # of an earlier collection
            continue
        with replace_atomically(folder / name) as temporary:
            table.to_parquet(temporary, index=False, compression="zstd")
    write_json(folder / MANIFEST, manifest.describe(study, directories, runs, varying))


def load(study: str, results: Path) -> Study:
    """The study that `results/<study>` holds. Raises `ConfigError` where a part of it is missing or damaged."""
    check_study(study)
    folder = results / study
    with usable_folder("--results", folder):
        missing = [name for name in (RUNS, CURVES, MANIFEST) if not (folder / name).exists()]
    if missing:
        remedy = f"restore {' and '.join(missing)} there, or make sweep STUDY={study}"
        raise ConfigError("STUDY", study, f"{folder} is not complete (no {', '.join(missing)})", remedy)
    manifest: Any = read_json(folder / MANIFEST)
    problem = _problem_of(manifest)
    if problem:
        raise _damaged(study, folder / MANIFEST, problem)
    runs = read_table(study, folder / RUNS, ("run_id", "seed", "status", *FACTS))
    if runs.empty:
        raise _damaged(study, folder / RUNS, "it has no rows")
    return Study(study, folder, runs, read_table(study, folder / CURVES, CURVE_COLUMNS), manifest)


def read_table(study: str, path: Path, columns: Sequence[str], only: bool = False) -> pd.DataFrame:
    """A table of collected results, of which `only` those columns; `ConfigError` where it is not readable or lacks one.

    The error says what to restore or type.
    """
    try:
        table = pd.read_parquet(path, columns=list(columns) if only else None)
    except _UNREADABLE as error:
        problem = str(error).strip().partition("\n")[0].removesuffix(".")
        raise _damaged(study, path, problem or "it is not readable") from error
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise _damaged(study, path, f"it has no column {', '.join(lacking)}")
    return table


def _damaged(study: str, path: Path, problem: str) -> ConfigError:
    remedy = f"restore it, or remove it and make report STUDY={study} (without the runs: make sweep STUDY={study})"
    return ConfigError("STUDY", study, f"{path} is damaged ({problem})", remedy)


def _problem_of(manifest: Any) -> str | None:
    """What keeps `manifest` from being one, None where nothing does."""
    if not isinstance(manifest, dict):
        return "it is not readable JSON" if manifest is None else "it is not a mapping"
    lacking = [key for key in _PARTS if key not in manifest]
    if lacking:
        return f"it has no {', '.join(lacking)}"
    wrong = [key for key, kind in _PARTS.items() if not isinstance(manifest[key], kind)]
    if not wrong:
        members = {"runs": all(isinstance(manifest["runs"].get(key), int) for key in _COUNTS)}
        members["varying"] = all(isinstance(values, list) for values in manifest["varying"].values())
        for key, needed in _ENTRIES.items():
            members[key] = all(isinstance(entry, dict) and set(needed) <= set(entry) for entry in manifest[key])
        wrong = [key for key, right in members.items() if not right]
    return f"not what it should be: {', '.join(wrong)}" if wrong else None


def read_directories(source: Path) -> list[RunDirectory]:
    """The runs in `source` that ended, by name; those still training, or killed, have no summary and are left out."""
    directories = []
    for path in sorted(source.glob("*/summary.json")):
        summary = records.read_summary(path.parent)
        if summary is not None:
            directories.append(RunDirectory(path.parent, summary, _read_config(path.parent / "config.yaml")))
    return directories


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
    return pd.DataFrame(columns).astype(FACTS)


def typed(value: Any) -> Any:
    """A value of a configuration as one cell: lists as typed on a command line, everything else as it is."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value


def _row(run: RunDirectory, varying: Sequence[str]) -> dict[str, Any]:
    summary = run.summary
    timings, corpus = summary.get("timings") or {}, summary.get("corpus") or {}
    config = run.config or {"seed": summary.get("seed")}
    return {
        "run_id": run.run_id,
        "status": summary.get("status"),
        **{key: typed(config.get(key)) for key in varying},
        "trained": summary.get("trained"),
        "diverged_at": summary.get("diverged_at"),
        "error": summary.get("error"),
        "early_steps": summary.get("early_steps"),
        "unigram_entropy": corpus.get("unigram_entropy"),
        "corpus": corpus.get("fingerprint"),
        "weights": summary.get("weights"),
        "population": (summary.get("population") or {}).get("name"),
        "seconds": timings.get("seconds"),
        "commit": summary.get("commit"),
        "dirty": summary.get("dirty"),
    }


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


def _read_config(path: Path) -> dict[str, Any]:
    try:
        loaded = OmegaConf.load(path)
    except (OSError, ValueError, OmegaConfBaseException):
        return {}
    plain = OmegaConf.to_container(loaded) if isinstance(loaded, DictConfig) else {}
    assert isinstance(plain, dict)
    return {key: value for key, value in flat(plain).items() if not key.startswith(NOT_EVIDENCE)}


def flat(nested: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping by dotted keys, as typed on a command line."""
    members: dict[str, Any] = {}
    for key, value in nested.items():
        members |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return members


def _complete(directories: Sequence[RunDirectory]) -> int:
    return sum(run.is_complete for run in directories)


def _complete_in(study: str, runs: Path) -> int:
    table = read_table(study, runs, ["status"], only=True)
    return int(table["status"].isin(records.COMPLETE).sum())


def _notes(source: Path, directories: Sequence[RunDirectory]) -> list[str]:
    failed = len(directories) - _complete(directories)
    unfinished = sum(1 for path in source.glob("*/config.yaml") if not (path.parent / "summary.json").exists())
    notes = []
    if failed:
        notes.append(f"{failed} of {len(directories)} runs failed; the sweep's command tries them again.")
    if unfinished:
        notes.append(f"left out, still training or killed: {unfinished} of the runs in {source}.")
    return notes
