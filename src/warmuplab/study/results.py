"""A collected study, as `results/<study>/` holds it.

Everything that looks at runs (report, figures, dashboard) reads it from there alone, through `load`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from warmuplab.base.arguments import check_study, usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import read_json
from warmuplab.config.keys import introduced
from warmuplab.config.overrides import nested
from warmuplab.config.rerun import again
from warmuplab.study.later import with_later_values

RUNS, CURVES, MANIFEST = "runs.parquet", "curves.parquet", "manifest.json"
# Results that were collected before there were these have them not.
EPISODES, SPIKES, LAYERS = "episodes.parquet", "spikes.parquet", "layers.parquet"

# Columns of `runs.parquet` that every study has, beside `run_id`, `seed` and `status`.
FACTS = {
    "trained": "boolean",  # whether it ended well below the unigram entropy
    "diverged_at": "Int64",  # step of the first loss, or the last update, that was not finite
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

MEMBER = "member"  # the place in the population, in studies that were collected since there is this column

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


def load(study: str, results: Path) -> Study:
    """The study that `results/<study>` holds. Raises `ConfigError` where a part of it is missing or damaged."""
    check_study(study)
    folder = results / study
    with usable_folder("--results", folder):
        missing = [name for name in (RUNS, CURVES, MANIFEST) if not (folder / name).exists()]
    if missing:
        remedy = f"restore {' and '.join(missing)} there, or {again('sweep', study)}"
        raise ConfigError("STUDY", study, f"{folder} is not complete (no {', '.join(missing)})", remedy)
    manifest: Any = read_json(folder / MANIFEST)
    problem = _problem_of(manifest)
    if problem:
        raise _damaged(study, folder / MANIFEST, problem)
    manifest = manifest | {"configuration": _with_later_keys(manifest)}
    runs = read_table(study, folder / RUNS, ("run_id", "seed", "status", *FACTS))
    if runs.empty:
        raise _damaged(study, folder / RUNS, "it has no rows")
    runs = with_later_values(runs, manifest["corpora"])
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


def _with_later_keys(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The shared configuration, with the keys that came after the study at the value they were introduced with."""
    shared, varying = manifest["configuration"], manifest["varying"]
    later = introduced(nested(shared))
    return {**shared, **{key: value for key, value in later.items() if key not in shared and key not in varying}}


def _damaged(study: str, path: Path, problem: str) -> ConfigError:
    remedy = f"restore it, or remove it and {again('report', study)} (without the runs: {again('sweep', study)})"
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
