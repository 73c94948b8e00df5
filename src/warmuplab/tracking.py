"""W&B, fed from the record: a W&B run per run directory, filled at the end when offline, as training goes when online.

The id of a W&B run follows from the record, so publishing a record again fills the same W&B run. `wandb` is imported
only where something is published.
"""

import hashlib
import math
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from warmuplab import notes, records
from warmuplab.config import TrackerConfig
from warmuplab.errors import ConfigError
from warmuplab.records import Run

MODES = ("online", "offline", "disabled")
OUTCOME = ("status", "diverged_at", "trained")  # of `summary.json`, beside `values`; the rest tells how it came about
LAYERS = "layers/"  # of W&B only: in the record they are a table of their own
INIT_SECONDS = 30.0  # for W&B's server to answer at first
FINISH_SECONDS = 60.0  # for the upload to end, after the last row

_NOT_IN_A_PROJECT_NAME = "/\\#?%:"

Follow = Callable[[str, int, Mapping[str, np.ndarray]], None]
"""Takes new rows as training goes: when it started, the first step, and `[steps, M]` per metric, `lr` included."""


def mode_of(tracker: TrackerConfig) -> str:
    """`online`, `offline` or `disabled`: what `tracker.mode` says, else WANDB_MODE, else offline.

    Raises `ConfigError` for a WANDB_MODE that is none of these.
    """
    if tracker.name == "none" or tracker.mode == "disabled":
        return "disabled"
    environment = os.environ.get("WANDB_MODE") or "offline"
    if environment not in MODES:  # wandb reads it as well, and refuses to work with such a value whatever we ask for
        raise ConfigError("WANDB_MODE", environment, "unknown", f"choose one of {', '.join(MODES)}, or unset it")
    return tracker.mode or environment


def check(tracker: TrackerConfig) -> None:
    """Raise `ConfigError` where publishing is bound to fail, so that it is known before any training.

    Asks no server: a key that W&B does not accept is noticed later, when the record is safe.
    """
    mode = mode_of(tracker)
    if mode == "disabled":
        return
    name = tracker.project
    if not 1 <= len(name) <= 128 or any(character in name for character in _NOT_IN_A_PROJECT_NAME):
        remedy = f"use 1 to 128 characters, none of {' '.join(_NOT_IN_A_PROJECT_NAME)}"
        raise ConfigError("tracker.project", name, "not a name for a W&B project", remedy)
    if mode != "online":
        return
    wandb = _quiet_wandb(mode)
    problem = "W&B knows no account here"
    try:
        known = wandb.login(prompt=False, verify=False)
    except wandb.errors.Error as error:
        known, problem = False, str(error)
    if not known:
        field = "tracker.mode" if tracker.mode else "WANDB_MODE"
        remedy = "run `wandb login`, set WANDB_API_KEY, or use tracker.mode=offline"
        raise ConfigError(field, mode, problem.rstrip("."), remedy)


@contextmanager
def publication(runs: Sequence[Run]) -> Iterator[Follow | None]:
    """Around the training of `runs`, which share a tracker: whatever is complete at its end is published.

    Gives what training calls with its new rows, None where nobody asks for them before the end. Nothing here makes
    training wait, and no failure of W&B gets out: it ends in a line on standard error per run directory.
    """
    mode = mode_of(runs[0].config.tracker)
    if mode == "online":
        from warmuplab.streaming import Stream

        with Stream(runs) as stream:
            yield stream.rows
        return
    yield None
    if mode == "offline":
        for run in runs:
            if run.is_complete:
                publish(run.directory)


def publish(directory: Path, mode: str | None = None) -> bool:
    """Publish the finished record in `directory`, again if it was before; a failure is a line on standard error.

    `mode`, where given, takes the place of what the record says. What W&B keeps on disk goes to `wandb/` in there and
    replaces what an earlier publication left. Returns whether the record is published now.
    """
    try:
        mode = mode or mode_of(tracker_of(directory))
        if mode == "disabled":
            return False
        summary = records.read_summary(directory)
        if summary is None or summary["status"] not in records.COMPLETE:
            raise ValueError("there is no finished run")
        with View(directory, summary["run_id"], summary["timings"]["started"], mode) as view:
            view.close(recorded_series(directory), summary)
    except Exception as error:
        warn(directory, f"{type(error).__name__}: {error}")
        return False
    return True


def warn(directory: Path, problem: str) -> None:
    """Say in one line on standard error that a record is not published, and how to do it."""
    remedy = f"the record is unharmed, `python -m warmuplab.tracking {shlex.quote(str(directory))}` publishes it"
    print(" ".join(f"warning: {directory}: not published to W&B ({problem}); {remedy}".split()), file=sys.stderr)


def recorded_series(directory: Path) -> pd.DataFrame:
    """The `metrics.parquet` of a record and, beside it, its `layers.parquet` with a column per metric and layer.

    Such as `layers/cka_drift/encoder_0`: a section of their own in W&B, where the layers of a metric are neighbours. No
    dots: in a metric's name W&B takes them for nested keys, which `define_metric` then misses.
    """
    metrics = pd.read_parquet(directory / "metrics.parquet")
    if not (directory / "layers.parquet").exists():
        return metrics
    layers = pd.read_parquet(directory / "layers.parquet")
    place = layers["stack"] + "_" + layers["layer"].astype(str)
    for name in layers.columns.drop(["step", "stack", "layer"]):
        wide = layers.assign(place=place).pivot(index="step", columns="place", values=name)
        metrics = metrics.join(wide.add_prefix(f"{LAYERS}{name.split('/')[-1]}/"), on="step")
    return metrics


class View:
    """The W&B run of one record, from its first row to its summary. Any method may raise what W&B raises."""

    def __init__(self, directory: Path, run_id: str, started: str, mode: str) -> None:
        """Begin the W&B run of the training of `run_id` that `started` then and has its record in `directory`."""
        self._config = config = _config(directory)
        tracker = TrackerConfig(**config["tracker"])
        shutil.rmtree(directory / "wandb", ignore_errors=True)
        wandb = _quiet_wandb(mode)
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
            settings=_settings(wandb),
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
        facts = {name: value for name, value in summary.items() if name not in ("values", "study", "seed", *OUTCOME)}
        self._run.config.update({"record": facts})
        # A null in `values` is passed on: it clears what W&B derived from the last row.
        self._run.notes = notes.describe(self._config, summary, metrics)
        self._run.summary.update(summary["values"] | {name: summary.get(name) for name in OUTCOME})
        self._run.finish(exit_code=0)

    def _define(self, table: pd.DataFrame) -> None:
        for name in table.columns.difference(list(self._known), sort=False):
            # The last snapshot of a layer sums up nothing; how the last layer differs from the first is in `values`.
            self._run.define_metric(name, step_metric="step", summary="none" if name.startswith(LAYERS) else None)
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


def main(arguments: Sequence[str]) -> int:
    """Publish, again if need be, the finished records in the directories of `arguments`; returns the exit status."""
    from warmuplab.cli import one_line_errors

    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m warmuplab.tracking RUN_DIRECTORY...", file=sys.stderr)
        return 2
    directories = [Path(argument) for argument in arguments]
    with one_line_errors():
        for directory in directories:
            if (records.read_summary(directory) or {}).get("status") not in records.COMPLETE:
                raise ConfigError("RUN_DIRECTORY", directory, "no finished run", "give outputs/<study>/<run_id>")
            tracker = tracker_of(directory)
            check(tracker)
            if mode_of(tracker) == "disabled":
                remedy = "change `tracker` in its config.yaml, and WANDB_MODE"
                raise ConfigError("RUN_DIRECTORY", directory, "its tracker is off", remedy)
    published = [publish(directory) for directory in directories]
    print(f"{sum(published)} of {len(directories)} published")
    return 0 if all(published) else 1


def _config(directory: Path) -> dict[str, Any]:
    config = OmegaConf.to_container(OmegaConf.load(directory / "config.yaml"))
    assert isinstance(config, dict)
    return {str(name): value for name, value in config.items()}


def tracker_of(directory: Path) -> TrackerConfig:
    """What the record in `directory` says of its tracker."""
    return TrackerConfig(**_config(directory)["tracker"])


def identity_of(directory: Path, summary: Mapping[str, Any]) -> str:
    """The id of the W&B run of a finished record."""
    return _identity(_config(directory)["study"], summary["run_id"], summary["timings"]["started"])


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
    return tags


def _quiet_wandb(mode: str) -> Any:
    """The module, silent: it writes no word on the terminal."""
    if mode == "offline":  # means no network, not even for reports of wandb's own errors
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    wandb.setup(settings=wandb.Settings(mode=mode, silent=True, quiet=True))  # type: ignore[arg-type]
    return wandb


def _settings(wandb: Any) -> Any:
    """No more than the record: nothing of the machine, the process, its output or the working tree."""
    return wandb.Settings(
        silent=True,
        quiet=True,
        console="off",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        host="",
        program="",
        use_dot_wandb=False,
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
