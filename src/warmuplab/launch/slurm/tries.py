"""How often a population is handed to SLURM before it counts as failed.

A task that is killed on another node, as by a system without memory, leaves neither a record nor a word: its runs seem
to be in other hands until their leases run out, and then they wait again. Without a bound that would go on for ever.
"""

from dataclasses import dataclass, field

from warmuplab.launch.queue import QueuedPopulation
from warmuplab.worker import checkpoint_path

Signature = tuple[int, int] | None
MOST = 3  # in a row, in which its checkpoint does not get further


@dataclass
class Tries:
    """What was handed over, by the names of the populations."""

    _count: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, tuple[Signature, int | None]] = field(default_factory=dict)
    """Its checkpoint when it was last looked at, and the steps in that where they were read: it may be large."""
    _since: dict[str, float] = field(default_factory=dict)

    def note(self, population: QueuedPopulation, submitted: float) -> None:
        """It was handed over at that time."""
        name = population.file.name
        self._count[name] = self._count.get(name, 0) + 1
        self._since.setdefault(name, submitted)
        there = _signature(population)
        self._kept.setdefault(name, (there, 0 if there is None else None))

    def forgive(self, population: QueuedPopulation) -> None:
        """The last time does not count: another one really had its runs."""
        self._count[population.file.name] -= 1

    def since(self, population: QueuedPopulation) -> float:
        """When it was handed over for the first time."""
        return self._since[population.file.name]

    def are_over(self, population: QueuedPopulation) -> bool:
        """Whether it had its tries, and its checkpoint is where it was before them."""
        name = population.file.name
        if not self._count.get(name):
            return False
        there, (before, steps_before) = _signature(population), self._kept[name]
        if there != before:
            steps = _steps_kept(population)
            self._kept[name] = there, steps
            if steps != steps_before:  # fewer: a checkpoint of other code was not used
                self._count[name] = 0
        return self._count[name] >= MOST


def _signature(population: QueuedPopulation) -> Signature:
    """Which checkpoint there is; None without one."""
    try:
        status = checkpoint_path(population.runs[0].config, population.file.name).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _steps_kept(population: QueuedPopulation) -> int:
    """The steps in its checkpoint; 0 where it has none that can be read."""
    from warmuplab.population import checkpoint  # slow to import, and seldom needed

    try:
        kept = checkpoint.read(checkpoint_path(population.runs[0].config, population.file.name))
    except checkpoint.DamagedError:
        return 0
    return 0 if kept is None else int(kept.state["population.members.clock"])
