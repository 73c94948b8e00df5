"""A process that `make` started ends with it, also where `make` is killed and can tell nobody."""

import os
import signal
import subprocess
import sys
import time

import pytest

CHILD = """
import os, signal, sys, time
from warmuplab.base import interrupts
interrupts.end_with_make()
print(os.getpid(), flush=True)
time.sleep(60)
"""
MAKE = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a parent's end")
@pytest.mark.parametrize("by_make", [True, False])
def test_a_process_ends_with_its_make_and_with_no_other_parent(by_make: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    environment |= {"MAKELEVEL": "1"} if by_make else {}
    parent = subprocess.Popen([sys.executable, "-c", MAKE], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        assert ends_within(parent.stdout.fileno(), 5.0 if by_make else 0.5) is by_make
    finally:
        if not by_make:
            os.kill(child, signal.SIGKILL)
        parent.stdout.close()


def ends_within(pipe: int, seconds: float) -> bool:
    """Whether all processes that could write to the pipe are gone by then."""
    os.set_blocking(pipe, False)
    latest = time.monotonic() + seconds
    while time.monotonic() < latest:
        try:
            if os.read(pipe, 1) == b"":
                return True
        except BlockingIOError:
            time.sleep(0.02)
    return False
