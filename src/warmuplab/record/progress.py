"""How far a population is and what it measured so far, reported while it trains."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from warmuplab.base.files import read_json, write_json
from warmuplab.base.words import duration, plural


@dataclass(frozen=True)
class Progress:
    """A population after `step` of its `steps`."""

    step: int
    steps: int
    loss: float | None
    """Mean training loss of the members that have not diverged, in nats per token; None when all have."""
    diverged: int
    members: int
    spiking: int
    """Members in whose training loss a spike is under way."""
    seconds: float
    """Since training began."""
    work: float
    """Share of all the work that is done: steps with probes take longer than those without."""
    writing: bool = False
    """Whether all is trained, and summaries and records are being written: the memory of the training is free."""

    def __str__(self) -> str:
        loss = "all diverged" if self.loss is None else f"loss {self.loss:.3f}"
        members = f" (mean of {self.members - self.diverged} of {self.members} members)" if self.members > 1 else ""
        step = f"step {self.step:>{len(str(self.steps))}}/{self.steps}"
        if self.writing:
            return f"{step}  trained, writing {plural(self.members, 'run')}"
        return f"{step}  {loss}{members}  {duration(self.seconds_left)} left"

    @property
    def seconds_left(self) -> float:
        """Estimate from the mean pace so far."""
        return self.seconds * (1 / self.work - 1)

    def at_its_end(self) -> "Progress":
        """The same population with nothing left to train."""
        return replace(self, work=1.0, writing=True)

    def write(self, path: Path) -> None:
        """Say it in a file, for whoever started this process, here or on another machine."""
        write_json(path, asdict(self))

    @staticmethod
    def read(path: Path) -> "Progress | None":
        """What `write` said last, None before the first time, and where the file holds something else."""
        content = read_json(path)
        try:
            return Progress(**content) if isinstance(content, dict) else None
        except TypeError:
            return None


Report = Callable[[Progress], None]

Follow = Callable[[str, int, Mapping[str, np.ndarray]], None]
"""Takes new rows as training goes: when it started, the first step, and `[steps, M]` per metric, `lr` included."""
