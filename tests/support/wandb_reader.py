"""What W&B wrote on disk, through its own reader, and an environment in which nobody has an account."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WANDB = Path(sys.executable).with_name("wandb")
KEY = "0123456789" * 4


def forget_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, no settings and no server of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))


def inspect(path: Path, *options: str) -> str:
    """What `wandb leet inspect --json` says of the run in a folder."""
    command = [str(WANDB), "leet", "inspect", "--json", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def entries_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The entries of W&B's file in `folder`, by kind."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in map(json.loads, inspect(folder).splitlines()):
        entries.setdefault(entry["type"], []).append(entry[entry["type"]])
    return entries
