"""Which process, on which machine: what another one, maybe on another machine, must know to tell whether it lives."""

import hashlib
import os
import socket
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process among those of all machines that share a folder."""

    host: str
    """As people call the machine."""
    machine: str
    """Tells machines apart that are called alike, a machine from itself before it was started again, and containers."""
    number: int
    """Its process id."""
    started: int | None
    """Tells processes apart that had the same number one after the other; None where the system does not say."""

    def __str__(self) -> str:
        return f"process {self.number} on {self.host}"

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, on this machine: only then can `is_alive` be asked."""
        return self.machine == machine()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs on this machine. One that was killed does not, though its parent never asked for it.

        Such a process keeps its number, in a container often for ever: what runs there as process 1 may ask for none.
        """
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # somebody else's
        return _told(self.number)[:1] not in (["Z"], ["X"]) and self.started in (None, _started(self.number))


def this_process() -> Process:
    """The process that asks."""
    return Process(socket.gethostname(), machine(), os.getpid(), _started(os.getpid()))


@cache
def machine() -> str:
    """A short name, of letters and digits, for this machine since its start, or for this container on it."""
    parts = [socket.gethostname()]
    for read in (_boot, _process_names):
        try:
            parts.append(read())
        except OSError:  # not Linux: a machine that was started again is then taken for one that still runs
            parts.append("")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _process_names() -> str:
    return os.readlink("/proc/self/ns/pid")


def _started(number: int) -> int | None:
    """When a process started, in ticks since the machine did; None where there is no such process or no /proc."""
    told = _told(number)
    return int(told[19]) if told else None


def _told(number: int) -> list[str]:
    """What the system tells of a process, from its state on, field 3 of proc(5); nothing as for `_started`."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()  # the name in brackets may hold spaces
