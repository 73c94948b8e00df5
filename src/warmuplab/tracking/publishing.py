"""Publish one finished record; a failure of W&B never gets further than a line on standard error."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmuplab.config.schema import TrackerConfig
from warmuplab.record.directory import read_config
from warmuplab.record.verifying import is_complete, problem_of, read_summary
from warmuplab.tracking.settings import mode_of
from warmuplab.tracking.view import View


def publish(directory: Path, mode: str | None = None, config: Mapping[str, Any] | None = None) -> bool:
    """Publish the finished record in `directory`, again if it was before; a failure is a line on standard error.

    `mode`, where given, takes the place of what the record says; `config` is the record's configuration, nested, where
    it is known already: reading it takes a fifth of all this. What W&B keeps on disk goes to `wandb/` in there and
    replaces what an earlier publication left. Returns whether the record is published now.
    """
    try:
        config = config or read_config(directory)
        mode = mode or mode_of(TrackerConfig(**config["tracker"]))
        if mode == "disabled":
            return False
        summary = read_summary(directory)
        if summary is None or not is_complete(directory):
            raise ValueError(problem_of(directory) or "there is no finished run")
        with View(directory, config, summary["run_id"], summary["timings"]["started"], mode) as view:
            view.close(summary)
    except Exception as error:
        warn(directory, f"{type(error).__name__}: {error}")
        return False
    return True


def warn(directory: Path, problem: str) -> None:
    """Say in one line on standard error that a record is not published, and how to do it."""
    remedy = f"the record is unharmed, `python -m warmuplab.tracking {shlex.quote(str(directory))}` publishes it"
    print(" ".join(f"warning: {directory}: not published to W&B ({problem}); {remedy}".split()), file=sys.stderr)
