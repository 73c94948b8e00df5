"""The W&B run of one record.

Its id follows from the record, so publishing a record again fills the same W&B run. `wandb` is imported only where
something is published.
"""

import hashlib
import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pandas as pd

from warmuplab.base.words import layers_label
from warmuplab.config.schema import TrackerConfig
from warmuplab.record.directory import (
    LAYERS_PREFIX,
    LOSS,
    read_config,
    recorded_episodes,
    recorded_series,
    recorded_spikes,
)
from warmuplab.record.verifying import CHECKSUM, FILES
from warmuplab.schedules import normalized
from warmuplab.series.catalogue import LARGEST, SERIES
from warmuplab.series.markers import MARKERS, markers
from warmuplab.tracking import notes
from warmuplab.tracking.arm import arm_of
from warmuplab.tracking.settings import quiet_wandb, run_settings

LONGEST_TAG = 64  # that W&B takes
LONGEST_TITLE = 63  # of an alert
OUTCOME = ("status", "diverged_at", "trained")  # of `summary.json`, beside `values`; the rest tells how it came about
ELSEWHERE = (
    *("values", "study", "seed", "episodes", "spikes", *OUTCOME),  # in W&B's summary, its configuration and its notes
    *(FILES, CHECKSUM),  # what tells that the record is whole
)


class View:
    """The W&B run of one record, from its first row to its summary. Any method may raise what W&B raises."""

    def __init__(self, directory: Path, config: Mapping[str, Any], run_id: str, started: str, mode: str) -> None:
        """Begin the W&B run of the training of `run_id` that `started` then and has its record in `directory`.

        `config` is the record's, nested.
        """
        self._directory, self._config, self._run_id = directory, config, run_id
        tracker = TrackerConfig(**config["tracker"])
        self._is_light = tracker.detail == "light"
        self._arm = arm_of(config)
        shutil.rmtree(directory / "wandb", ignore_errors=True)
        wandb = quiet_wandb(mode)
        self._run = wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            id=_identity(config["study"], run_id, started),
            name=run_id,
            group=config["study"],
            job_type="train",
            tags=_tags(config),
            config={**config, "arm": self._arm},
            dir=str(directory.resolve()),
            mode=mode,
            resume="allow" if mode == "online" else None,
            reinit="create_new",  # several at a time in one process
            settings=run_settings(wandb),
        )
        self._run.define_metric("step", hidden=True)
        self._known = {"step"}
        self._has_alerted = False
        self._first_step = self._next_step = self._run.step  # not 0 where W&B has rows of this very training already

    def log(self, table: pd.DataFrame) -> None:
        """Log the rows of `table`, by their `step`, that were not logged before; nulls are left out.

        With `tracker.detail=light`, the columns alone that the catalogue marks.
        """
        table = table[["step", *filter(self._is_published, table.columns.drop("step"))]]
        self._define(table)
        for row in table[table["step"] >= self._next_step].to_dict("records"):
            self._log_row(row, int(row["step"]))
            self._next_step = int(row["step"]) + 1

    def close(self, summary: Mapping[str, Any]) -> None:
        """Log what the record has beyond the rows logged so far, and end with its `summary`."""
        metrics = recorded_series(self._directory, with_layers=not self._is_light)
        marked = markers(len(metrics), recorded_episodes(summary), recorded_spikes(summary, metrics))
        table = metrics.assign(**marked)
        rows = table[table["step"].between(self._first_step, self._next_step - 1)]
        is_late = (name for name in table.columns if name not in self._known and self._is_published(name))
        late = rows[["step", *is_late]]
        self.log(table)
        for row in late.dropna(thresh=2).to_dict("records"):  # what follows only from the whole series
            self._log_row(row)
        facts = {name: value for name, value in summary.items() if name not in ELSEWHERE}
        self._run.config.update({"record": facts})
        # A null in `values` is passed on: it clears what W&B derived from the last row.
        self._run.notes = notes.describe(self._config, summary, metrics)
        self._run.summary.update(summary["values"] | {name: summary.get(name) for name in OUTCOME})
        self._run.finish(exit_code=0)

    def alert_of_divergence(self, step: int) -> None:
        """Have W&B tell people, once, that the run diverged at `step`; where that fails, nothing happens."""
        if self._has_alerted or step < self._first_step:  # then it was told before
            return
        self._has_alerted = True
        title, where = f"{self._run_id} diverged"[:LONGEST_TITLE], f"seed {self._config['seed']}, {self._arm}"
        text = f"{self._run_id} of the study {self._config['study']} ({where}) diverged at step {step}."
        with suppress(Exception):
            self._run.alert(title, text, level="WARN")

    def _is_published(self, name: str) -> bool:
        known = SERIES.get(name) or MARKERS.get(name)
        return not self._is_light or (known is not None and known.light)

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

    The last snapshot of a layer sums up nothing, and neither does the last marker: both are summed up in the record.
    """
    if name.startswith(LAYERS_PREFIX) or name in MARKERS:
        return "none"
    metric = SERIES.get(name)
    return "max" if metric and metric.reductions and metric.reductions[0] == LARGEST else "last"


def identity_of(directory: Path, summary: Mapping[str, Any]) -> str:
    """The id of the W&B run of a finished record."""
    return _identity(read_config(directory)["study"], summary["run_id"], summary["timings"]["started"])


def _identity(study: str, run_id: str, started: str) -> str:
    """The same for the same training, another for a run that was trained again."""
    return hashlib.sha256(f"{study}/{run_id}/{started}".encode()).hexdigest()[:16]


def diverged_at(table: pd.DataFrame) -> int | None:
    """The step at which a run diverged, from rows of its series: the first one without a training loss."""
    steps = table["step"][table[LOSS].isna()]
    return None if steps.empty else int(steps.iloc[0])


def _tags(config: Mapping[str, Any]) -> list[str]:
    """What one filters runs by."""
    warmup = config["schedule"]["warmup"]
    tags = [f"norm:{config['model']['norm']}", f"decay:{config['schedule']['decay']['name']}"]
    tags += [f"optimizer:{config['optimizer']['name']}", f"warmup:{warmup['shape']}"]
    if warmup["fraction"] is not None:
        tags.append(f"warmup:{warmup['fraction']:g}")
    if warmup["steps"] is not None:
        tags.append(f"warmup:{warmup['steps']} steps")
    layers = layers_label(normalized(config["schedule"])["warmup"]["layers"])
    tags += [f"layers:{part}" for part in filter(None, layers.split(", "))]
    return [tag[:LONGEST_TAG] for tag in tags]
