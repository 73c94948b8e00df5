"""Memory: what is left of it, whether an error says that there is none, and what happens to what was freed."""

import ctypes
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT_BYTES = 2**31 - 1


_SAID_BY_TORCH = ("not enough memory", "can't allocate memory", "out of memory")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CACHED = (
    ("/sys/fs/cgroup/memory.stat", "inactive_file "),
    ("/sys/fs/cgroup/memory/memory.stat", "total_inactive_file "),
)
_IN_USE = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


class OutOfMemoryError(Exception):
    """A population does not fit into the memory of its device."""


def says_out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that there is no memory left; torch says it in words."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SAID_BY_TORCH)


def kills_for_memory() -> int:
    """How often the system has killed a process since it started because memory ran out; 0 where it does not say."""
    return _number_after("oom_kill ", Path("/proc/vmstat"))


def available_memory() -> int | None:
    """Bytes that programs on this machine, or in this container, can still take; None where the system does not say."""
    free = _number_after("MemAvailable:", Path("/proc/meminfo")) * 1024
    for limit, in_use, (statistics, cached) in zip(_LIMITS, _IN_USE, _CACHED, strict=True):
        most, used = (_number_after("", Path(path)) for path in (limit, in_use))
        if most:
            # What was read from files and may be dropped counts as used there.
            free = min(free, max(0, most - used + _number_after(cached, Path(statistics))))
    return free or None


def available_gpu_memory() -> int | None:
    """Bytes that are free on the fullest of the GPUs that this process may use; None where the driver does not say.

    Asks the driver's own tool and no CUDA: a launcher that did would hold some of the memory while its workers train.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").replace(" ", "")
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if visible:
        command[1:1] = ["-i", visible]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    free = [int(each) for each in said if each.isdigit()]
    return min(free) * 2**20 if free and len(free) == len(said) else None


def _number_after(name: str, path: Path) -> int:
    """The first number in the line of a file that begins with `name`; 0 where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    said = [line.removeprefix(name).split()[0] for line in lines if line.startswith(name) and line != name]
    return int(said[0]) if said and said[0].isdigit() else 0


def keep_freed_memory() -> None:
    """Let glibc keep large buffers between steps, where by default it returns each one and page-faults it back.

    Without it 15-30 % of a training step on the CPU goes into page faults. No effect with another C library.
    """
    glibc = _glibc()
    if glibc is not None:
        glibc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        glibc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def return_freed_memory() -> None:
    """Give the system back what was kept: training is over, and another process may need it."""
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)


@cache
def _glibc() -> Any | None:
    try:
        library = ctypes.CDLL("libc.so.6")
        _ = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        return None
    return library
