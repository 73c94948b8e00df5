"""What SLURM says of the jobs of this user, by `squeue` and `scontrol`.

Not by `sacct`: it needs an accounting daemon, lags behind, and shows old jobs whose ids were given out again. Tasks are
found by the name of their array, which no other array ever had.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from warmuplab.base.errors import ConfigError, in_one_line

ENDED = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
)  # fmt: skip
IN_THE_QUEUE = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT")
NO_REASON = ("None", "", "N/A")
SECONDS_TO_ANSWER = 60.0
FILTERS = ("SQUEUE_", "SCANCEL_", "SINFO_", "SLURM_RESTART_COUNT")
"""Variables, by how they begin, that a user has for commands of their own."""

Key = tuple[str, int]
"""A task: the name of its array and its index there."""


class SilentError(Exception):
    """SLURM does not answer; the message says what it, or the system, said instead."""


@dataclass(frozen=True)
class Task:
    """A task of an array as SLURM sees it."""

    array: int
    """The job id of the array."""
    index: int
    state: str
    reason: str

    @property
    def job(self) -> str:
        """As SLURM's commands take it."""
        return f"{self.array}_{self.index}"

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    @property
    def is_queued(self) -> bool:
        return self.state in IN_THE_QUEUE

    @property
    def kind(self) -> str:
        """Its state, and why it waits."""
        return f"{self.state} ({self.reason})" if self.is_queued and self.reason not in NO_REASON else self.state

    def __str__(self) -> str:
        return f"{self.job} {self.kind}"


@dataclass(frozen=True)
class Ended:
    """How a task ended, by `scontrol`."""

    state: str
    status: int
    """Its exit status."""


def tasks() -> dict[Key, Task]:
    """The tasks of all arrays of this user that SLURM remembers. Raises `SilentError`."""
    command = ["squeue", "--me", "--array", "--states=all", "--noheader", "--format=%F|%K|%T|%r|%j"]
    return read(_answer(command))


def read(answer: str) -> dict[Key, Task]:
    """The tasks in what `squeue` prints. Of two arrays with one name, a file submitted twice, the later one counts."""
    found: dict[Key, Task] = {}
    for line in answer.splitlines():
        array, index, state, reason, name = [*line.strip().split("|", 4), *[""] * 5][:5]
        if not array.isdigit() or not index.isdigit():  # a job that is no array
            continue
        task = Task(int(array), int(index), state, reason)
        before = found.get((name, task.index))
        if before is None or (before.is_over, -before.array) >= (task.is_over, -task.array):
            found[name, task.index] = task
    return found


def ended(job: str) -> Ended | None:
    """How the task ended; None where SLURM has forgotten it or does not answer."""
    try:
        answer = _answer(["scontrol", "--oneliner", "show", "job", job])
    except SilentError:
        return None
    state, status = re.search(r"\bJobState=(\w+)", answer), re.search(r"\bExitCode=(\d+):(\d+)", answer)
    return Ended(state[1], int(status[1])) if state and status else None


def largest_array() -> int:
    """The most tasks of one array; SLURM's default where it does not say.

    Raises `ConfigError` where it has no arrays.
    """
    try:
        said = re.search(r"MaxArraySize\s*=\s*(\d+)", _answer(["scontrol", "show", "config"]))
    except SilentError:
        said = None
    if said and int(said[1]) < 1:
        remedy = "ask its administrators for job arrays, or use hydra.launcher.cluster=local within a job"
        raise ConfigError("hydra.launcher.cluster", "slurm", f"this SLURM has none ({said[0]})", remedy)
    return int(said[1]) if said else 1001


def partitions() -> list[str]:
    """The names of all partitions; none where SLURM does not say."""
    try:
        return sorted(set(_answer(["sinfo", "--noheader", "--format=%R"]).split()))
    except SilentError:
        return []


def named(tasks: Iterable[tuple[int, int]]) -> list[str]:
    """`tasks`, each the job id of an array and an index there, as SLURM's commands take them: `12_[0-2,5]`, `9_3`."""
    by_array: dict[int, set[int]] = {}
    for array, index in tasks:
        by_array.setdefault(array, set()).add(index)
    return [f"{array}_{_listed(indices)}" for array, indices in sorted(by_array.items())]


def _listed(indices: set[int]) -> str:
    """Each row of neighbours by its first and last one."""
    firsts = sorted(index for index in indices if index - 1 not in indices)
    lasts = sorted(index for index in indices if index + 1 not in indices)
    rows = [str(first) if first == last else f"{first}-{last}" for first, last in zip(firsts, lasts, strict=True)]
    return rows[0] if len(indices) == 1 else f"[{','.join(rows)}]"


def cancel(tasks: Iterable[tuple[int, int]]) -> str | None:
    """Cancel these tasks, each the job id of an array and an index there; what SLURM said where it refused."""
    try:
        _answer(["scancel", *named(tasks)])
    except SilentError as error:
        return str(error)
    return None


def check() -> None:
    """Raise `ConfigError` unless SLURM's commands are here, its controller answers, and it has job arrays."""
    missing = [name for name in ("sbatch", "squeue", "scontrol", "scancel") if shutil.which(name) is None]
    if missing:
        remedy = "run it on a machine of the cluster; hydra.launcher.dry=true prints the job file anywhere"
        raise ConfigError("hydra.launcher.cluster", "slurm", f"no {missing[0]} on this machine", remedy)
    try:
        tasks()
    except SilentError as error:
        raise ConfigError("hydra.launcher.cluster", "slurm", str(error), "see whether `sinfo` answers here") from None
    largest_array()


def environment() -> dict[str, str]:
    """This process's, without what would filter or change the answers of SLURM's commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FILTERS)}


def _answer(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False, env=environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SilentError(in_one_line(f"{command[0]}: {error}")) from None
    if done.returncode:
        words = (done.stderr or done.stdout).replace(f"{command[0]}: error: ", "")
        raise SilentError(in_one_line(f"{command[0]}: {words or f'exit status {done.returncode}'}"))
    return done.stdout
