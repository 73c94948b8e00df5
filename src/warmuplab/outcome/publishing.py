"""Publish a study's outcome: offline with its report, online when asked for, once for the same content.

The W&B run's id follows from the content, so that asking again, also after an interruption, fills the same run. Marks
in `outputs/<study>/wandb/` say what was done: `written` holds the id, `uploaded` also where it went.
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from omegaconf import OmegaConf

from warmuplab.base.arguments import check_study, usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.config.compose import CONFIG_FOLDER, compose
from warmuplab.config.rerun import again
from warmuplab.config.schema import TrackerConfig
from warmuplab.outcome.content import outcome_of
from warmuplab.outcome.sending import SendingError, send
from warmuplab.outcome.view import write
from warmuplab.study import results
from warmuplab.study.results import RUNS, Study
from warmuplab.tracking.server import server
from warmuplab.tracking.settings import mode_of, tracker_of
from warmuplab.tracking.sync import check_upload, is_on

WRITTEN, UPLOADED = "written", "uploaded"


@dataclasses.dataclass(frozen=True)
class Upload:
    """What became of a study's upload."""

    what: Literal["uploaded", "uploaded before", "failed", "off"]
    place: str
    """`<project>/runs/<id>`."""


def publish(study: Study, outputs: Path) -> Path | None:
    """Write the W&B run of `study` to `outputs/<study>/wandb`, offline, unless it is there already; that folder.

    None where the study's tracker is off. Nothing leaves the machine. A failure is a line on standard error, and None.
    """
    folder = outputs / study.name
    try:
        tracker = tracker_of_study(study.name, outputs)
        if mode_of(tracker) == "disabled":
            return None
        outcome = outcome_of(study)
        if _read(folder, WRITTEN) != outcome.identity:
            write(outcome, folder, tracker, "offline")
            _mark(folder, WRITTEN, outcome.identity)
    except Exception as error:
        _warn(study.name, error, f"the report is unharmed, and {again('report', study.name)} tries again")
        return None
    return folder / "wandb"


def upload(name: str, outputs: Path, results_folder: Path) -> Upload | None:
    """Upload the W&B run of the study in `results_folder/<name>`, unless it was; None where nothing is collected.

    A failure is a line on standard error. Raises `ConfigError` where the results are damaged, or W&B knows no account.
    """
    check_study(name)
    with usable_folder("--results", results_folder):
        if not (results_folder / name / RUNS).exists():
            return None
    tracker = tracker_of_study(name, outputs)
    study = results.load(name, results_folder)
    outcome = outcome_of(study)
    place = f"{tracker.project}/runs/{outcome.identity}"
    if not is_on(tracker):
        return Upload("off", place)
    check_upload(name, tracker)
    mark = f"{outcome.identity} {server()} {tracker.entity or ''}/{tracker.project}"
    folder = outputs / name
    if _read(folder, UPLOADED) == mark:
        return Upload("uploaded before", place)
    try:
        send(study, folder, tracker)
        _mark(folder, WRITTEN, outcome.identity)
        _mark(folder, UPLOADED, mark)
    except Exception as error:
        _warn(name, error, f"{again('sync', name)} tries again")
        return Upload("failed", place)
    return Upload("uploaded", place)


def tracker_of_study(name: str, outputs: Path) -> TrackerConfig:
    """The tracker of a study: that of its runs in `outputs/<name>`, of which one that is on counts first.

    Without runs, what its file in `conf/study/` says, or the default where it has none.
    """
    told = None
    for tracker in _trackers(outputs / name):
        if is_on(tracker):
            return tracker
        told = tracker
    return told or _composed_tracker(name)


def _trackers(folder: Path) -> Iterator[TrackerConfig]:
    for path in sorted(folder.glob("*/summary.json")):
        try:
            yield tracker_of(path.parent)
        except ConfigError:
            continue  # a run that left no configuration says nothing


def _composed_tracker(name: str) -> TrackerConfig:
    is_known = (CONFIG_FOLDER / "study" / f"{name}.yaml").exists()
    composed = compose([f"+study={name}"] if is_known else [])
    return TrackerConfig(**OmegaConf.to_container(composed.tracker, resolve=True))  # type: ignore[arg-type]


def _mark(folder: Path, name: str, text: str) -> None:
    (folder / "wandb" / name).write_text(f"{text}\n", encoding="utf-8")


def _read(folder: Path, name: str) -> str | None:
    path = folder / "wandb" / name
    return path.read_text(encoding="utf-8").removesuffix("\n") if path.is_file() else None


def _warn(study: str, error: Exception, remedy: str) -> None:
    problem = str(error) if isinstance(error, SendingError) else f"{type(error).__name__}: {error}"
    print(" ".join(f"warning: study {study}: not published to W&B ({problem}); {remedy}".split()), file=sys.stderr)
