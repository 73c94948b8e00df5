"""What a training keeps on the way to its end, so that it can go on from there after it was interrupted or killed."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from warmuplab.base.files import reason
from warmuplab.population import checkpoint
from warmuplab.population.checkpoint import Checkpoint, DamagedError, State

LARGEST_SHARE = 0.02  # of the time of a training that writing its checkpoints may take


class Keeper:
    """Keeps the checkpoint of one training in a file."""

    def __init__(self, path: Path | None, seconds: float | None, identity: dict[str, Any]) -> None:
        """In `path`, every so many `seconds`; never where either is None.

        `identity`, of plain JSON values, is all that the bytes of the result depend on: another training's checkpoint
        is not used.
        """
        self._path, self._identity = path if seconds is not None else None, identity
        self._seconds = seconds or 0.0
        self._last, self._cost, self._warned = time.perf_counter(), 0.0, False

    def found(self) -> Checkpoint | None:
        """The checkpoint to go on from. One that cannot be used is a line on standard error, and None."""
        if self._path is None:
            return None
        try:
            kept = checkpoint.read(self._path)
        except DamagedError as error:
            self._say_unused(str(error))
            return None
        if kept is None or kept.facts.get("identity") == self._identity:
            return kept
        told = kept.facts.get("identity")
        others = [key for key in self._identity if not isinstance(told, dict) or told.get(key) != self._identity[key]]
        self._say_unused(f"other than now in: {', '.join(others)}")
        return None

    def is_due(self) -> bool:
        """Whether it is time to keep something: not more often than its cost allows."""
        if self._path is None:
            return False
        return time.perf_counter() - self._last >= max(self._seconds, self._cost / LARGEST_SHARE)

    def keep(self, state: State, facts: dict[str, Any]) -> bool:
        """Keep `state`; whether it is kept. What the system refuses is a line, once: training goes on."""
        if self._path is None:
            return False
        began = time.perf_counter()
        try:
            checkpoint.write(self._path, Checkpoint(state, {"identity": self._identity} | facts))
            return True
        except (OSError, MemoryError, RuntimeError) as error:  # torch says so where memory is short
            if not self._warned:
                why = reason(error, self._path) if isinstance(error, OSError) else " ".join(str(error).split())
                print(f"warning: no checkpoint: {why}", file=sys.stderr)
            self._warned = True
            return False
        finally:
            self._last = time.perf_counter()
            self._cost = self._last - began

    def forget(self) -> None:
        """The training is over, and its results are written."""
        with suppress(OSError):
            if self._path is not None:
                self._path.unlink()

    def _say_unused(self, problem: str) -> None:
        print(f"note: {self._path} is not used ({problem}); the training begins anew", file=sys.stderr)
