"""Processes that a library starts and that would print on our terminal."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_OUTPUTS = (1, 2)
_one_at_a_time = threading.Lock()  # the second would take the first one's silence for what was there before


@contextmanager
def silent_start() -> Iterator[None]:
    """What starts in the block has no output and no errors to print to. Nothing else may print in there."""
    with _one_at_a_time:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # a closed pipe is told by whoever prints next
                stream.flush()
        kept = {number: copy for number in _OUTPUTS if (copy := _copy(number)) is not None}
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            for number in kept:
                os.dup2(nowhere, number)
            yield
        finally:
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)
            os.close(nowhere)


def _copy(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # closed
        return None
