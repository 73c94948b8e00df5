"""The W&B run of one record.

Its id follows from the record, so publishing a record again fills the same W&B run. `wandb` is imported only where
something is published.
"""

import hashlib
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd

from warmuplab.base.words import layers_label
from warmuplab.config.schema import TrackerConfig
from warmuplab.record.directory import LAYERS_PREFIX, read_config
from warmuplab.schedules import normalized
from warmuplab.series.catalogue import LARGEST, SERIES
from warmuplab.tracking import notes
from warmuplab.tracking.settings import quiet_wandb, run_settings

LONGEST_TAG = 64  # that W&B takes
OUTCOME = ("status", "diverged_at", "trained")  # of `summary.json`, beside `values`; the rest tells how it came about
ELSEWHERE = (
    "values",
    "study",
    "seed",
    "episodes",
    "spikes",
    *OUTCOME,
)  # in W&B's summary, its configuration and its notes


class View:
    """The W&B run of one record, from its first row to its summary. Any method may raise what W&B raises."""

    def __init__(self, directory: Path, run_id: str, started: str, mode: str) -> None:
        """Begin the W&B run of the training of `run_id` that `started` then and has its record in `directory`."""
        self._config = config = read_config(directory)
        tracker = TrackerConfig(**config["tracker"])
        shutil.rmtree(directory / "wandb", ignore_errors=True)
        wandb = quiet_wandb(mode)
        self._run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            id=_identity(config["study"], run_id, started),
            name=run_id,
            group=config["study"],
            tags=_tags(config),
            config=config,
            dir=str(directory.resolve()),
            mode=mode,
            resume="allow" if mode == "online" else None,
            reinit="create_new",  # several at a time in one process
            settings=run_settings(wandb),
        )
        self._run.define_metric("step", hidden=True)
        self._known = {"step"}
        self._first_step = self._next_step = self._run.step  # not 0 where W&B has rows of this very training already

    def log(self, table: pd.DataFrame) -> None:
        """Log the rows of `table`, by their `step`, that were not logged before; nulls are left out."""
        self._define(table)
        for row in table[table["step"] >= self._next_step].to_dict("records"):
            self._log_row(row, int(row["step"]))
            self._next_step = int(row["step"]) + 1

    def close(self, metrics: pd.DataFrame, summary: dict[str, Any]) -> None:
        """Log what the record's `metrics` have beyond the rows logged so far and end with the record's summary."""
        rows = metrics[metrics["step"].between(self._first_step, self._next_step - 1)]
        late = rows[["step", *(name for name in metrics.columns if name not in self._known)]]
        self.log(metrics)
        for row in late.dropna(thresh=2).to_dict("records"):  # what follows only from the whole series
            self._log_row(row)
        facts = {name: value for name, value in summary.items() if name not in ELSEWHERE}
        self._run.config.update({"record": facts})
        # A null in `values` is passed on: it clears what W&B derived from the last row.
        self._run.notes = notes.describe(self._config, summary, metrics)
        self._run.summary.update(summary["values"] | {name: summary.get(name) for name in OUTCOME})
        self._run.finish(exit_code=0)

    def _define(self, table: pd.DataFrame) -> None:
        for name in table.columns.difference(list(self._known), sort=False):
            self._run.define_metric(name, step_metric="step", summary=_summary_mode(name))
            self._known.add(name)

    def _log_row(self, row: Mapping[Any, float], step: int | None = None) -> None:
        """Log a row as that of W&B's own `step`, which only rises; None: its next one."""
        measured = {name: value for name, value in row.items() if math.isfinite(value)}
        # Without `commit` W&B would hold the last row back until the end and let it overwrite the summary.
        self._run.log(measured, step=step, commit=True)

    def abandon(self) -> None:
        """End the W&B run as failed: its training has no result, or W&B did not take it."""
        self._run.finish(exit_code=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self.abandon()


def _summary_mode(name: str) -> str:
    """What W&B derives from a series until the record's summary is there: `max` or `last`, as the catalogue reduces it.

    The last snapshot of a layer sums up nothing; how the last layer differs from the first is in the record's values.
    """
    if name.startswith(LAYERS_PREFIX):
        return "none"
    metric = SERIES.get(name)
    return "max" if metric and metric.reductions and metric.reductions[0] == LARGEST else "last"


def identity_of(directory: Path, summary: Mapping[str, Any]) -> str:
    """The id of the W&B run of a finished record."""
    return _identity(read_config(directory)["study"], summary["run_id"], summary["timings"]["started"])


def _identity(study: str, run_id: str, started: str) -> str:
    """The same for the same training, another for a run that was trained again."""
    return hashlib.sha256(f"{study}/{run_id}/{started}".encode()).hexdigest()[:16]


def _tags(config: dict[str, Any]) -> list[str]:
    """What one filters runs by."""
    warmup = config["schedule"]["warmup"]
    tags = [f"norm:{config['model']['norm']}", f"decay:{config['schedule']['decay']['name']}"]
    tags.append(f"warmup:{warmup['shape']}")
    if warmup["fraction"] is not None:
        tags.append(f"warmup:{warmup['fraction']:g}")
    if warmup["steps"] is not None:
        tags.append(f"warmup:{warmup['steps']} steps")
    layers = layers_label(normalized(config["schedule"])["warmup"]["layers"])
    return tags + [f"layers:{part}"[:LONGEST_TAG] for part in filter(None, layers.split(", "))]
