"""How a run's directory is written: configuration first, then metrics, and `summary.json` last and in one piece.

So a run that was killed at any moment has no summary and is trained again.
"""

import shutil
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from warmuplab.base.files import reason, replace_atomically, write_json, write_text
from warmuplab.config.mapping import to_mapping
from warmuplab.record import weights
from warmuplab.record.run import Run
from warmuplab.record.verifying import CONFIG, LAYERS, METRICS, SUMMARY, sealed
from warmuplab.record.weights import Trained

_unrecorded: dict[Path, str] = {}  # why runs of this process failed, where their directories do not take it


def begin(run: Run) -> None:
    """Make the directory ready for a training that starts now; an earlier attempt is removed, its summary first."""
    _unrecorded.pop(run.directory, None)
    (run.directory / SUMMARY).unlink(missing_ok=True)
    for path in sorted(run.directory.iterdir()) if run.directory.exists() else ():  # which may be a link to elsewhere
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=path.name == "wandb")  # which a publication may be writing to
        else:
            path.unlink()
    _write_config(run)


def _write_config(run: Run) -> None:
    write_text(run.directory / CONFIG, OmegaConf.to_yaml(OmegaConf.create(to_mapping(run.config))), durable=True)


def finish(
    run: Run,
    metrics: pd.DataFrame,
    summary: dict[str, Any],
    layers: pd.DataFrame | None = None,
    trained: Trained | None = None,
) -> None:
    """Write the result of a run: its metrics (a row per step), those of its layers if measured, then its summary.

    Before the summary comes what was `trained`, where the run keeps it. All is on the disk when this returns.
    """
    _write_config(run)  # again: someone may have removed the directory while the run trained
    for name, table in ((METRICS, metrics), (LAYERS, layers)):
        if table is not None:
            with replace_atomically(run.directory / name, durable=True) as temporary:
                table.to_parquet(temporary, index=False)
    if trained is not None:
        weights.write(run.directory, run.run_id, trained)
    whole = sealed({"run_id": run.run_id} | summary, run.directory)
    write_json(run.directory / SUMMARY, whole, durable=True)


def fail(run: Run, error: str, trace: str | None = None) -> None:
    """Record that a run failed: one line in its summary, the traceback in `error.txt`.

    Raises nothing where the directory cannot be written: then `failure_of` knows it as long as this process lives. So
    it does where there is a complete record, which stays: a training that should replace it did not begin.
    """
    if run.is_complete:
        _unrecorded[run.directory] = error
        return
    summary = {
        "run_id": run.run_id,
        "study": run.config.study,
        "seed": run.config.seed,
        "status": "failed",
        "error": error,
    }
    try:
        if trace is not None:
            write_text(run.directory / "error.txt", trace)
        write_json(run.directory / SUMMARY, summary)
    except OSError as refused:
        why = reason(refused, run.directory)
        said_already = why.partition(" (")[0] in error
        _unrecorded[run.directory] = error if said_already else f"{error}; and not recorded: {why}"


def fail_with(run: Run, error: Exception) -> None:
    """Record that `error`, which is being handled, ended a run."""
    said = reason(error, run.directory) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    fail(run, " ".join(said.split()), traceback.format_exc())


def attempt(run: Run, write: Callable[[], None]) -> bool:
    """Whether `write` went well; what the file system refuses it is recorded as the failure of this run alone."""
    try:
        write()
    except OSError as error:
        fail_with(run, error)
        return False
    return True


def failures(runs: Sequence[Run]) -> list[str]:
    """A line for each run without a result: its directory and why."""
    return [f"{run.directory}: {why}" for run in runs if (why := failure_of(run)) is not None]


def failure_of(run: Run) -> str | None:
    """Why a run has no result, in one line; None where it has one."""
    if run.directory in _unrecorded:
        return _unrecorded[run.directory]
    if run.is_complete:
        return None
    if run.damage is not None:
        return f"its record is damaged: {run.damage}"
    if not run.directory.exists():
        return "its directory was removed"
    said = str((run.summary or {}).get("error", "it was not trained to its end"))
    return " ".join(said.split())
