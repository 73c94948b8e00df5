"""A run's identity and its directory: configuration, metrics, summary.

`summary.json` is written last and in one piece, so a run that was killed at any moment has none and is trained again.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from warmuplab import schedules
from warmuplab.config import RunConfig, to_mapping
from warmuplab.files import read_json, replace_atomically, write_json, write_text

COMPLETE = ("finished", "diverged")  # states that are a result; a `failed` run is trained again


@dataclass(frozen=True)
class Run:
    """One run: its configuration and its name."""

    config: RunConfig
    run_id: str

    @property
    def directory(self) -> Path:
        """`<outputs>/<study>/<run_id>`."""
        return Path(self.config.outputs) / self.config.study / self.run_id

    @property
    def summary(self) -> dict[str, Any] | None:
        """What `summary.json` says, None where there is none."""
        return read_summary(self.directory)

    @property
    def has_other_probes(self) -> bool:
        """Whether the recorded run was measured otherwise than this configuration asks for."""
        try:
            recorded = OmegaConf.to_container(OmegaConf.load(self.directory / "config.yaml"))
        except (OSError, ValueError):
            return False
        return isinstance(recorded, dict) and recorded.get("probes") != to_mapping(self.config)["probes"]

    @property
    def is_complete(self) -> bool:
        """Whether there is a result that need not be trained again."""
        return (self.summary or {}).get("status") in COMPLETE


def identify(config: RunConfig, fingerprint: str) -> Run:
    """Name a run: a readable slug and a hash of what determines the result.

    Not of tracker, probes, device, folders or commit; the corpus counts by its `fingerprint`, not by where it lies.
    """
    schedule = schedules.normalized(config.schedule)
    everything = to_mapping(config)
    data = {
        name: everything["data"][name]
        for name in ("source_language", "target_language", "vocabulary_size", "max_length")
    }
    determining = {
        "data": data | {"fingerprint": fingerprint},
        "schedule": schedule,
        "dtype": config.hardware.dtype,
        **{part: everything[part] for part in ("model", "optimizer", "training", "seed")},
    }
    digest = hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:8]
    return Run(config, f"{_slug(config)}-{digest}")


def population_key(config: RunConfig) -> str:
    """Equal for runs that can train in lockstep: those that differ in seed and schedule only."""
    everything = to_mapping(config)
    return json.dumps(
        {k: v for k, v in everything.items() if k not in ("seed", "schedule", "overwrite")}, sort_keys=True
    )


def read_summary(directory: Path) -> dict[str, Any] | None:
    """The `summary.json` of a run directory, None where there is none that can be read."""
    summary = read_json(directory / "summary.json")
    return summary if isinstance(summary, dict) else None


def begin(run: Run) -> None:
    """Make the directory ready for a training that starts now; an earlier attempt is removed, its summary first."""
    (run.directory / "summary.json").unlink(missing_ok=True)
    if run.directory.exists():
        shutil.rmtree(run.directory)
    from omegaconf import OmegaConf

    write_text(run.directory / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(to_mapping(run.config))))


def finish(run: Run, metrics: pd.DataFrame, summary: dict[str, Any], layers: pd.DataFrame | None = None) -> None:
    """Write the result of a run: its metrics (a row per step), those of its layers if measured, then its summary."""
    for name, table in (("metrics", metrics), ("layers", layers)):
        if table is not None:
            with replace_atomically(run.directory / f"{name}.parquet") as temporary:
                table.to_parquet(temporary, index=False)
    write_json(run.directory / "summary.json", {"run_id": run.run_id} | summary)


def fail(run: Run, error: str, trace: str | None = None) -> None:
    """Record that a run failed: one line in its summary, the traceback in `error.txt`."""
    if trace is not None:
        write_text(run.directory / "error.txt", trace)
    summary = {
        "run_id": run.run_id,
        "study": run.config.study,
        "seed": run.config.seed,
        "status": "failed",
        "error": error,
    }
    write_json(run.directory / "summary.json", summary)


def _slug(config: RunConfig) -> str:
    warmup = config.schedule.warmup
    length = (
        f"{warmup.fraction:g}"
        if warmup.fraction is not None
        else f"{warmup.steps}steps"
        if warmup.steps is not None
        else ""
    )
    shape = "" if warmup.shape == "linear" else f"_{warmup.shape}"
    parts = [f"{config.model.norm}_ln", str(config.schedule.decay["name"]), f"w{length}{shape}"]
    if config.schedule.peak_lr is not None:
        parts.append(f"lr{config.schedule.peak_lr:g}")
    return "-".join([*parts, f"s{config.seed}"])
