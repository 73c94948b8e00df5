"""W&B's server: where it is, whether it can be reached at all, and which records it has."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from warmuplab.record.run import Run
from warmuplab.record.verifying import read_summary
from warmuplab.tracking.settings import mode_of
from warmuplab.tracking.view import identity_of

DEFAULT_SERVER = "https://api.wandb.ai"
REACH_SECONDS = 5.0  # W&B itself tries for 30
PORTS = {"http": 80, "https": 443}
_MARK = "uploaded"  # file in a record's `wandb/`


def server() -> str:
    """Where W&B's runs go."""
    return os.environ.get("WANDB_BASE_URL") or DEFAULT_SERVER


def why_unreachable() -> str | None:
    """Why nothing is listening at the server's address; None where something is, or where a proxy would know.

    Asks only whether a connection can be made: a server that is down costs no more than this.
    """
    try:
        url = urlsplit(server())
        port = url.port or PORTS.get(url.scheme)
        if not url.hostname or port is None or getproxies():
            return None
        socket.create_connection((url.hostname, port), REACH_SECONDS).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"{server()} cannot be reached: {reason}"
    return None


def note_upload(directory: Path) -> None:
    """Keep beside a finished record that the server has it: it need not be asked again."""
    (directory / "wandb").mkdir(exist_ok=True)
    (directory / "wandb" / _MARK).write_text(_mark(directory, read_summary(directory) or {}))


def is_uploaded(directory: Path) -> bool:
    """Whether the finished record, of this very training, was uploaded to this server."""
    try:
        told = (directory / "wandb" / _MARK).read_text()
    except (OSError, ValueError):
        return False
    return told == _mark(directory, read_summary(directory) or {})


def not_uploaded(runs: list[Run]) -> list[Run]:
    """Those of `runs` that are complete and should be on the server by now, but are not known to be."""
    return [
        run
        for run in runs
        if run.is_complete and mode_of(run.config.tracker) == "online" and not is_uploaded(run.directory)
    ]


def _mark(directory: Path, summary: Mapping[str, Any]) -> str:
    return f"{identity_of(directory, summary)} {server()}\n"
