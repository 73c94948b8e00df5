"""Offline runs go to W&B: every finished record of a study, once.

A W&B run's id follows from the record, and publishing continues the run of that id behind the rows that the server has,
so repeating this, also after it was interrupted, adds nothing twice. A mark in the record's `wandb/` saves a request.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from warmuplab.base.arguments import check_study, usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import TrackerConfig
from warmuplab.record.directory import look_through
from warmuplab.tracking.publishing import publish
from warmuplab.tracking.settings import account_problem, check, tracker_of
from warmuplab.tracking.view import identity_of

MARK = "uploaded"
DEFAULT_SERVER = "https://api.wandb.ai"


@dataclass(frozen=True)
class Synced:
    """How many records went where."""

    uploaded: int
    known: int
    """Uploaded before."""
    failed: int
    off: int
    """Trained with the tracker off."""
    damaged: int
    """Whose record is damaged: they stay here."""


def sync(study: str, outputs: Path) -> Synced | None:
    """Upload the finished runs in `outputs/<study>`, None where there are none; a failure is a line on standard error.

    A record that is damaged is not uploaded, and counted.

    Raises `ConfigError` where W&B knows no account here.
    """
    check_study(study)
    folder = outputs / study
    with usable_folder("--outputs", folder):
        found = look_through(folder)
    finished = {run.path: run.summary for run in found.runs if run.is_complete}
    if not finished and not found.damaged:
        return None
    wanted = [path for path in finished if is_on(tracker_of(path))]
    if wanted:
        check_upload(study, tracker_of(wanted[0]))
    uploaded = known = 0
    for path in wanted:
        mark = f"{identity_of(path, finished[path])} {server()}\n"
        if _read(path / "wandb" / MARK) == mark:
            known += 1
        elif publish(path, "online"):
            (path / "wandb").mkdir(exist_ok=True)
            (path / "wandb" / MARK).write_text(mark)
            uploaded += 1
    failed = len(wanted) - uploaded - known
    return Synced(uploaded, known, failed, len(finished) - len(wanted), len(found.damaged))


def check_upload(study: str, tracker: TrackerConfig) -> None:
    """Raise `ConfigError` where an upload of `study` is bound to fail: settings that W&B refuses, or no account."""
    check(dataclasses.replace(tracker, mode="offline"))
    problem = account_problem()
    if problem is not None:
        raise ConfigError("STUDY", study, problem, "run `wandb login` or set WANDB_API_KEY, then sync again")


def check_wanted() -> None:
    """Raise `ConfigError` where the environment says that nothing goes to W&B."""
    if os.environ.get("WANDB_MODE") == "disabled":
        raise ConfigError("WANDB_MODE", "disabled", "nothing is uploaded with it", "unset it, then sync again")


def is_on(tracker: TrackerConfig) -> bool:
    """Whether what was trained with `tracker` may be uploaded: also where it was to stay on this machine at first."""
    return tracker.name != "none" and tracker.mode != "disabled"


def server() -> str:
    """Where W&B's runs go."""
    return os.environ.get("WANDB_BASE_URL") or DEFAULT_SERVER


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
