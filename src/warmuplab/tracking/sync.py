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
from warmuplab.config.rerun import again
from warmuplab.record.run import COMPLETE, read_summary
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


def sync(study: str, outputs: Path) -> Synced:
    """Upload the finished runs in `outputs/<study>`; failures are a line each on standard error.

    Raises `ConfigError` where there is no finished run or W&B knows no account here.
    """
    check_study(study)
    folder = outputs / study
    with usable_folder("--outputs", folder):
        summaries = {path.parent: read_summary(path.parent) for path in sorted(folder.glob("*/summary.json"))}
    finished = {path: summary for path, summary in summaries.items() if summary and _is_complete(summary)}
    if not finished:
        raise ConfigError("STUDY", study, f"no finished run in {folder}", f"train it first: {again('sweep', study)}")
    wanted = [path for path in finished if tracker_of(path).name != "none"]
    if wanted:
        check(dataclasses.replace(tracker_of(wanted[0]), mode="offline"))
        problem = account_problem()
        if problem is not None:
            raise ConfigError("STUDY", study, problem, "run `wandb login` or set WANDB_API_KEY, then sync again")
    uploaded = known = 0
    for path in wanted:
        mark = f"{identity_of(path, finished[path])} {server()}\n"
        if _read(path / "wandb" / MARK) == mark:
            known += 1
        elif publish(path, "online"):
            (path / "wandb").mkdir(exist_ok=True)
            (path / "wandb" / MARK).write_text(mark)
            uploaded += 1
    return Synced(uploaded, known, len(wanted) - uploaded - known, len(finished) - len(wanted))


def server() -> str:
    """Where W&B's runs go."""
    return os.environ.get("WANDB_BASE_URL") or DEFAULT_SERVER


def _is_complete(summary: dict[str, object]) -> bool:
    return summary.get("status") in COMPLETE


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
