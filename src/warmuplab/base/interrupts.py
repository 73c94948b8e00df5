"""Interrupts: a signal that asks a training to end waits for its next step, so that nothing of it is lost."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)  # of a terminal, of a system or scheduler that ends a job, of a scheduler that wants its place for another

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_asked: list[int] = []  # signals that came, the first one first


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_at(number: int, _: FrameType | None = None) -> NoReturn:
    """Handle a signal as Ctrl-C is handled."""
    raise Interrupted(number)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal in the block wait until `raise_if_asked`, or until its end; a second Ctrl-C does not wait.

    Outside the main thread, where Python gives no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.clear()
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # a shell's background job
    before = {number: signal.signal(number, _defer) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        raise_if_asked()  # also where the block ends in an error: the person who asked waits


def are_asked() -> bool:
    """Whether a signal waits."""
    return bool(_asked)


def raise_if_asked() -> None:
    """Raise `Interrupted` where a signal waits."""
    if _asked:
        raise Interrupted(_asked[0])


def _defer(number: int, _: FrameType | None) -> None:
    if number == signal.SIGINT and signal.SIGINT in _asked:
        raise Interrupted(number)
    _asked.append(number)


def end_with_make() -> None:
    """Be asked to end when the `make` that started this process is killed, which it can tell nobody. On Linux."""
    if "MAKELEVEL" in os.environ:
        end_with_parent()


def end_with_parent() -> None:
    """Be asked to end when the process that started this one ends, however it does. On Linux."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_standard_input(seconds: float) -> None:
    """Be asked to end when the standard input does, and end so many `seconds` later: it is a pipe of the parent's."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds)
        os._exit(1)  # what it does stays unfinished, as when it is killed

    threading.Thread(target=wait, daemon=True).start()
