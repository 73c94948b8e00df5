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
from warmuplab.tracking.server import is_uploaded, note_upload, why_unreachable
from warmuplab.tracking.settings import account_problem, check, tracker_of


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
        if is_uploaded(path):
            known += 1
        elif publish(path, "online"):
            note_upload(path)
            uploaded += 1
    failed = len(wanted) - uploaded - known
    return Synced(uploaded, known, failed, len(finished) - len(wanted), len(found.damaged))


def check_upload(study: str, tracker: TrackerConfig) -> None:
    """Raise `ConfigError` where an upload of `study` is bound to fail: refused settings, no account, no server."""
    check(dataclasses.replace(tracker, mode="offline"))
    problem = account_problem()
    if problem is not None:
        raise ConfigError("STUDY", study, problem, "run `wandb login` or set WANDB_API_KEY, then sync again")
    problem = why_unreachable()
    if problem is not None:
        remedy = "connect to it, or set WANDB_BASE_URL to another one, then sync again"
        raise ConfigError("STUDY", study, problem, remedy)


def check_wanted() -> None:
    """Raise `ConfigError` where the environment says that nothing goes to W&B."""
    if os.environ.get("WANDB_MODE") == "disabled":
        raise ConfigError("WANDB_MODE", "disabled", "nothing is uploaded with it", "unset it, then sync again")


def is_on(tracker: TrackerConfig) -> bool:
    """Whether what was trained with `tracker` may be uploaded: also where it was to stay on this machine at first."""
    return tracker.name != "none" and tracker.mode != "disabled"
