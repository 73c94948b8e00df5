"""What a bench measures, how often, and what it says on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from warmuplab.bench.protocol import Spec

Say = Callable[[str], None]
Keep = Callable[[list[dict[str, Any]]], None]

MEMBERS = 8  # of a population, as the launcher packs them on a CPU
WARM_UP = 4


@dataclass(frozen=True)
class Plan:
    """The settings of a bench."""

    overrides: tuple[str, ...]
    """Settings of a run, which hold for every contender."""
    rounds: int
    steps: int
    """Optimizer steps of a measurement."""
    workers: int
    """Processes at a time: one per core."""
    outputs: str
    """Folder for what the measured processes write."""
    most_runs: int
    """Runs of the largest sweep whose cost per run is measured."""
    say: Say
    warm_up: int = WARM_UP
    """Optimizer steps before those that are measured."""
    keep: Keep = lambda measured: None
    """Writes what a part has measured so far, so that an interruption does not lose it."""

    def spec(self, kind: str, members: int = 1, *, threads: int = 1, first_seed: int = 0, steps: int = 0) -> Spec:
        """One process; its members have the seeds from `first_seed` on."""
        seeds = tuple(range(first_seed, first_seed + members))
        return Spec(kind, self.overrides, seeds, threads, steps or self.steps, self.warm_up, self.outputs)

    def one_per_core(self, kind: str, members: int = 1) -> list[Spec]:
        """As many processes as there are cores, with a thread each."""
        return [self.spec(kind, members, first_seed=members * worker) for worker in range(self.workers)]
