"""Whether and how runs are published: modes of the tracker, what is refused before training, W&B's own settings."""

import logging
import os
from pathlib import Path
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import reason
from warmuplab.base.silence import silent_start
from warmuplab.config.schema import TrackerConfig
from warmuplab.record.directory import UNREADABLE, read_config

MODES = ("online", "offline", "disabled")
INIT_SECONDS = 30.0  # for W&B's server to answer at first
FINISH_SECONDS = 60.0  # for the upload to end, after the last row

_NOT_IN_A_PROJECT_NAME = "/\\#?%:"


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
    problem = account_problem() if mode == "online" else None
    if problem is not None:
        field = "tracker.mode" if tracker.mode else "WANDB_MODE"
        remedy = "run `wandb login`, set WANDB_API_KEY, or use tracker.mode=offline"
        raise ConfigError(field, mode, problem, remedy)


def account_problem() -> str | None:
    """Why nothing can be uploaded to W&B from here; None where an account is known. Asks no server."""
    wandb = quiet_wandb("online")
    try:
        known = wandb.login(prompt=False, verify=False)
    except wandb.errors.Error as error:
        return str(error).rstrip(".")
    return None if known else "W&B knows no account here"


def tracker_of(directory: Path) -> TrackerConfig:
    """What the record in `directory` says of its tracker. Raises `ConfigError` where it says nothing."""
    try:
        return TrackerConfig(**read_config(directory)["tracker"])
    except (*UNREADABLE, KeyError, TypeError) as error:
        problem = reason(error) if isinstance(error, OSError) else f"its config.yaml is damaged ({error})"
        remedy = "train it again with overwrite=true"
        raise ConfigError("RUN_DIRECTORY", directory, problem, remedy) from error


def quiet_wandb(mode: str) -> Any:
    """The module, silent: neither it nor the process that it starts here prints anything."""
    if mode == "offline":  # means no network, not even for reports of wandb's own errors
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    logging.raiseExceptions = False  # of wandb's own log: on a full disk each message would print a traceback
    import wandb

    settings = wandb.Settings(mode=mode, silent=True, quiet=True)  # type: ignore[arg-type]
    with silent_start():
        wandb.setup(settings=settings)
    return wandb


def run_settings(wandb: Any) -> Any:
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
