"""What `hydra.launcher.slurm` says: what a task of the array gets, and how its worker is started."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from warmuplab.base.errors import ConfigError

KEY = "hydra.launcher.slurm"
OURS = (
    "array", "chdir", "cluster-constraint", "clusters", "cpus-per-gpu", "cpus-per-task", "error", "gpus",
    "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres", "job-name", "mem", "mem-per-cpu", "mem-per-gpu",
    "no-requeue", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "parsable", "requeue", "signal",
    "test-only", "time", "tres-per-task", "wait", "wrap",
)  # fmt: skip
"""Options of sbatch without which a task would not be found again, or not go on after a preemption."""
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Settings:
    """See `conf/hydra/launcher/slurm.yaml`, which says what each of them means."""

    partition: str | None = None
    account: str | None = None
    gpus: int = 0
    gpu_memory: str | None = None
    cpus: int | None = None
    memory: str | None = None
    time: int = 240
    parallel: int | None = None
    requeues: int = 20
    setup: tuple[str, ...] = ()
    container: str | None = None
    python: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The settings in `told`. Raises `ConfigError` for a value that SLURM or a worker cannot use."""
        settings = cls(**{key: _plain(told[key]) for key in (each.name for each in fields(cls)) if key in told})
        settings._check()
        return settings

    @property
    def memory_bytes(self) -> int | None:
        """Of a task; None where nothing is asked for."""
        return None if self.memory is None else _bytes(self.memory)

    @property
    def gpu_memory_bytes(self) -> int | None:
        """Of a task's GPU; None where it is not told."""
        return None if self.gpu_memory is None else _bytes(self.gpu_memory)

    def _check(self) -> None:
        for name, least in (("cpus", 1), ("time", 1), ("parallel", 1), ("requeues", 0), ("gpus", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{KEY}.{name}", value, f"must be at least {least}", f"use {KEY}.{name}={least}")
        if self.gpus > 1:
            problem = "a population trains on one GPU"
            raise ConfigError(
                f"{KEY}.gpus", self.gpus, problem, f"use {KEY}.gpus=1; SLURM runs the populations at once"
            )
        for name in ("memory", "gpu_memory"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(r"[1-9]\d{0,8}[KMGT]?", value):
                problem = "not an amount of memory"
                raise ConfigError(
                    f"{KEY}.{name}", value, problem, f"use a whole number of K, M, G or T: {KEY}.{name}=8G"
                )
        for name in ("partition", "account", "container", "python"):
            _check_lines(name, getattr(self, name), one=True)
        for line in self.setup:
            _check_lines("setup", line, one=False)
        self._check_options()

    def _check_options(self) -> None:
        for name, value in self.options.items():
            remedy = f"see `man sbatch`, and write {KEY}.options as {{constraint: a100}}"
            if not re.fullmatch(r"[a-z][a-z0-9_-]*", str(name)):
                raise ConfigError(f"{KEY}.options", name, "not a long option of sbatch", remedy)
            if name.replace("_", "-") in OURS:
                remedy = f"leave it out; settings of {KEY} say what there is to say about it"
                raise ConfigError(f"{KEY}.options.{name}", value, "set by warmuplab", remedy)
            if not isinstance(value, str | int | float | bool):
                raise ConfigError(f"{KEY}.options.{name}", value, "not a text, a number or true", remedy)
            _check_lines(f"options.{name}", str(value), one=True)


def _check_lines(name: str, value: str | None, *, one: bool) -> None:
    """Raise `ConfigError` for a text that would end the line of the job file in which it stands."""
    if value is not None and (not value.strip() or not value.isprintable()):
        remedy = "write one line" if one else "write one command in each entry of the list"
        raise ConfigError(f"{KEY}.{name}", repr(value), "empty, or with line breaks or control characters", remedy)


def _bytes(amount: str) -> int:
    """As SLURM reads it: a number without a unit is one of megabytes."""
    number = amount.rstrip("".join(UNITS))
    return int(number) * UNITS[amount[len(number) :] or "M"]


def _plain(value: Any) -> Any:
    """Lists and mappings of a configuration as Python's own."""
    if isinstance(value, Mapping):
        return dict(value)
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
