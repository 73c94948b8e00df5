"""What runs left on disk, read back: their summaries, configurations, series and spikes."""

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import reason
from warmuplab.base.words import listed
from warmuplab.config.keys import WHERE_IT_LIES, completed, is_among
from warmuplab.config.overrides import flat
from warmuplab.record.verifying import COMPLETE, CONFIG, SUMMARY, Contents, Read, problem_of, read_summary
from warmuplab.series.instability import Episode
from warmuplab.series.spikes import Spike, find_spikes

LOSS, PROBE_LOSS, BUCKET = "train/loss", "probe/loss", "data/bucket"
UNREADABLE = (OSError, ValueError, YAMLError, OmegaConfBaseException)  # what a damaged configuration raises
LAYERS_PREFIX = "layers/"  # of the names of series: in the record the layers are a table of their own


@dataclass(frozen=True)
class RunDirectory:
    """What one run left behind."""

    path: Path
    summary: dict[str, Any]
    config: dict[str, Any]
    """Flat, by dotted keys, without `keys.WHERE_IT_LIES`; empty where the run failed before it could write it."""

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def is_complete(self) -> bool:
        return self.summary.get("status") in COMPLETE


@dataclass(frozen=True)
class Found:
    """What there is in the folder of a study."""

    runs: list[RunDirectory]
    """Those that ended, by name."""
    damaged: dict[Path, str]
    """Directories of runs that ended, and what is wrong with their record."""
    unfinished: list[Path]
    """Directories of runs that train now, or were killed."""


def look_through(source: Path) -> Found:
    """The run directories in `source`, each read to its end."""
    found = Found([], {}, [])
    for path in sorted(source.glob("*/")):
        if ended(path):
            run = read_run(path, Contents())
            if isinstance(run, RunDirectory):
                found.runs.append(run)
            else:
                found.damaged[path] = run
        elif (path / CONFIG).exists():
            found.unfinished.append(path)
    return found


def ended(directory: Path) -> bool:
    """Whether the run there came to an end, well or not: else it trains now, or was killed."""
    return os.path.lexists(directory / SUMMARY)


def read_run(path: Path, read: Read) -> RunDirectory | str:
    """The run that ended in that directory, or what is wrong with its record. What `read` gives is looked at."""
    try:
        problem, summary = problem_of(path, thorough=True, read=read), read_summary(path, read)
    except OSError as error:
        problem, summary = reason(error), None
    config = {} if problem else evidence_of(path, read)
    if problem is None and summary is not None and (config or summary["status"] not in COMPLETE):
        return RunDirectory(path, summary, config)
    return problem or f"{CONFIG} cannot be read"


def find_directory(run: str, outputs: Path) -> Path:
    """The directory of a run that is named by its path or, as `outputs/<study>/<run_id>`, by its run_id alone.

    Raises `ConfigError` where there is none, or one in several studies.
    """
    if os.path.isdir(run):  # unlike Path.is_dir, it refuses no name
        return Path(run)
    remedy = "name the directory of a run, outputs/STUDY/RUN_ID, or a RUN_ID in the folder that --outputs names"
    found = [] if Path(run).name != run else sorted(path for path in outputs.glob("*/*") if path.name == run)
    if not found:
        raise ConfigError("RUN", run, "there is no such run", remedy)
    if len(found) > 1:
        raise ConfigError("RUN", run, f"it is in {listed([str(path.parent) for path in found])}", remedy)
    return found[0]


def read_config(directory: Path, read: Read = Path.read_bytes) -> dict[str, Any]:
    """The configuration in a run directory, nested, with the keys that came after it filled in.

    Raises one of `UNREADABLE` where there is none that can be read.
    """
    plain = _parsed(read(directory / CONFIG).decode("utf-8"))
    if not isinstance(plain, dict):
        raise ValueError(f"{directory / CONFIG} is not a mapping")
    return completed({str(name): value for name, value in plain.items()})


def _parsed(text: str) -> Any:
    """A configuration in YAML, as OmegaConf reads it.

    Runs of a study differ in few of their groups. Each group is parsed once, which takes milliseconds, where the text
    is nothing but groups; else the text is parsed as a whole.
    """
    lines = text.splitlines(keepends=True)
    begins = [i for i, line in enumerate(lines) if line[:1] not in (" ", "\n")]
    if not begins or begins[0] != 0 or not all(_GROUP.match(lines[i]) for i in begins):
        return _as_omegaconf_reads(text)
    members: dict[Any, Any] = {}
    for begin, end in pairwise([*begins, len(lines)]):
        group = _group("".join(lines[begin:end]))
        if group is None or members.keys() & group.keys():
            return _as_omegaconf_reads(text)  # which may say what is wrong
        members |= group
    return members


_GROUP = re.compile(r"\w+:(\s|$)", re.ASCII)


@lru_cache(maxsize=4096)
def _group(text: str) -> dict[Any, Any] | None:
    """A group with its name, not to be changed; None where it cannot be read alone."""
    try:
        group = _as_omegaconf_reads(text)
    except UNREADABLE:
        return None
    return group if isinstance(group, dict) and len(group) == 1 else None


def _as_omegaconf_reads(text: str) -> Any:
    loaded = OmegaConf.load(io.StringIO(text))
    return OmegaConf.to_container(loaded) if isinstance(loaded, DictConfig) else None


def evidence_of(directory: Path, read: Read = Path.read_bytes) -> dict[str, Any]:
    """The settings of a run, by dotted keys, as far as they describe the run; empty where it has no record of them."""
    try:
        config = read_config(directory, read)
    except UNREADABLE:
        return {}
    return told(config)


def told(config: Mapping[str, Any]) -> dict[str, Any]:
    """A nested configuration by dotted keys, without where the run lies and how it is published."""
    return {key: value for key, value in flat(config).items() if not _says_where(key)}


@cache
def _says_where(key: str) -> bool:
    return is_among(key, WHERE_IT_LIES)


def recorded_spikes(summary: Mapping[str, Any], metrics: "pd.DataFrame | Mapping[str, NDArray[Any]]") -> list[Spike]:
    """The spikes of a run's training loss, as its `summary` has them.

    Records that are older than that hold none: theirs are found in `metrics`, a row per step.
    """
    recorded = summary.get("spikes")
    if isinstance(recorded, list):
        return [Spike(**spike) for spike in recorded]
    return find_spikes(np.asarray(metrics[LOSS]), metrics.get(BUCKET)) if LOSS in metrics else []


def recorded_episodes(summary: Mapping[str, Any]) -> list[Episode]:
    """The episodes of a run's probe loss, as its `summary` has them; none in a record that is older than they are."""
    recorded = summary.get("episodes")
    return [Episode(**episode) for episode in recorded] if isinstance(recorded, list) else []


def recorded_series(directory: Path, *, with_layers: bool = True) -> pd.DataFrame:
    """The `metrics.parquet` of a record and, beside it, its `layers.parquet` with a column per metric and layer.

    Such as `layers/cka_drift/encoder_0`: a section of their own in W&B, where the layers of a metric are neighbours. No
    dots: in a metric's name W&B takes them for nested keys, which `define_metric` then misses.
    """
    metrics = pd.read_parquet(directory / "metrics.parquet")
    if not with_layers or not (directory / "layers.parquet").exists():
        return metrics
    layers = pd.read_parquet(directory / "layers.parquet")
    place = layers["stack"] + "_" + layers["layer"].astype(str)
    for name in layers.columns.drop(["step", "stack", "layer"]):
        wide = layers.assign(place=place).pivot(index="step", columns="place", values=name)
        metrics = metrics.join(wide.add_prefix(f"{LAYERS_PREFIX}{name.split('/')[-1]}/"), on="step")
    return metrics
