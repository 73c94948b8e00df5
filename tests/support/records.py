"""Records of runs that a test changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warmuplab.record.verifying import sealed


def reseal(directory: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    """Let the record in `directory` be whole as it is now, its summary after `change`."""
    path = directory / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(sealed(summary, directory)))


def numbers_of(directory: Path) -> dict[str, bytes]:
    """The bytes of what a run measured, by file."""
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.parquet"))}
