"""How often a population is handed to SLURM before it counts as failed.

A task that is killed on another node, as by a system without memory, leaves neither a record nor a word: its runs seem
to be in other hands until their leases run out, and then they wait again. Without a bound that would go on for ever.
"""

from dataclasses import dataclass, field

from warmuplab.launch.queue import QueuedPopulation
from warmuplab.worker import checkpoint_path

MOST = 3  # in a row, in which its checkpoint does not get further


@dataclass
class Tries:
    """What was handed over, by the names of the populations."""

    _count: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, int] = field(default_factory=dict)
    """Steps in the checkpoint when they were last counted."""
    _since: dict[str, float] = field(default_factory=dict)

    def note(self, population: QueuedPopulation, submitted: float) -> None:
        """It was handed over at that time."""
        name = population.file.name
        self._count[name] = self._count.get(name, 0) + 1
        self._since.setdefault(name, submitted)
        if name not in self._kept:
            self._kept[name] = _steps_kept(population)

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
        steps = _steps_kept(population)
        if steps != self._kept[name]:  # fewer: a checkpoint of other code was not used
            self._kept[name], self._count[name] = steps, 0
        return self._count[name] >= MOST


def _steps_kept(population: QueuedPopulation) -> int:
    """The steps in its checkpoint; 0 where it has none that can be read."""
    path = checkpoint_path(population.runs[0].config, population.file.name)
    if not path.exists():
        return 0
    from warmuplab.population import checkpoint  # slow to import, and seldom needed

    try:
        kept = checkpoint.read(path)
    except checkpoint.DamagedError:
        return 0
    return 0 if kept is None else int(kept.state["population.members.clock"])
