"""The populations of a sweep as its launcher sees them: waiting, in training here or elsewhere, writing, done."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.base.words import plural
from warmuplab.launch import cost
from warmuplab.record.leases import owner_of
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.worker import PopulationFile, decided, unfinished, write_population

WAITING, ELSEWHERE, TRAINING, WRITING = "waiting", "elsewhere", "training", "writing"
QUEUED = "queued"  # by a cluster's scheduler, which starts it when it has room
DONE, FAILED = "done", "failed"
SECONDS_BETWEEN_LOOKS = 2.0  # at what other sweeps train
TRAINED = (WRITING, DONE, FAILED)  # with no step left to train


@dataclass
class QueuedPopulation:
    """Runs that train in lockstep, and how far they are."""

    runs: list[Run]
    file: PopulationFile
    state: str = WAITING
    progress: Progress | None = None
    """What its worker said last."""
    owner: str | None = None
    """Who trains a run of it, where that is another sweep or a single run."""
    job: str = ""
    """What a cluster's scheduler calls it, and says of it."""

    def look_around(self) -> None:
        """See whether others train a run of it, or have finished them all, while it waits here."""
        left = unfinished(self.runs)
        self.owner = next(filter(None, (owner_of(run.directory) for run in left)), None)
        self.state = DONE if not left else WAITING if self.owner is None else ELSEWHERE

    @property
    def steps(self) -> int:
        """Optimizer steps of each member."""
        return self.runs[0].config.training.steps

    @property
    def member_steps(self) -> int:
        """Steps of all members together."""
        return self.steps * len(self.runs)

    @property
    def member_steps_done(self) -> int:
        """Those of them behind it; one whose training has ended, well or not, has none left."""
        if self.state in TRAINED:
            return self.member_steps
        return self.progress.step * len(self.runs) if self.progress else 0

    @cached_property
    def cost(self) -> float:
        """Operations of all its members together."""
        return cost.of_population(self.runs)

    @property
    def work_done(self) -> float:
        """Share of its work that is behind it."""
        return 1.0 if self.state in TRAINED else self.progress.work if self.progress else 0.0


@dataclass
class Sweep:
    """All populations of a sweep."""

    populations: list[QueuedPopulation]
    gpus: Sequence[str] = ()
    """GPUs that worker processes are dealt out to, as `CUDA_VISIBLE_DEVICES` names them; none on a CPU."""
    began: float = field(default_factory=time.monotonic)
    scheduler: str = ""
    """What a cluster's scheduler says of all of them, in a few words."""
    when_interrupted: Callable[[], None] = lambda: None
    """To be called when a person or a signal ended the sweep, as soon as the terminal is free."""
    _looked: float = -math.inf

    @property
    def seconds(self) -> float:
        """Since the sweep began."""
        return time.monotonic() - self.began

    def among(self, *states: str) -> list[QueuedPopulation]:
        """The populations in one of `states`."""
        return [population for population in self.populations if population.state in states]

    @property
    def member_steps_per_second(self) -> float:
        """Steps of single members per second, over all workers."""
        return sum(population.member_steps_done for population in self.populations) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace so far, in operations; None before the first step."""
        total = sum(population.cost for population in self.populations)
        done = sum(population.cost * population.work_done for population in self.populations)
        return self.seconds * (total / done - 1) if done else None

    def take(self, number: int) -> list[QueuedPopulation]:
        """At most so many populations to train now, the first ones first, that nobody else trains or has finished.

        Those in other hands are looked at again from time to time: whoever trains them may die.
        """
        if time.monotonic() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = time.monotonic()
            for population in self.among(ELSEWHERE):
                population.look_around()
        taken: list[QueuedPopulation] = []
        for population in self.among(WAITING):
            if len(taken) == number:
                break
            population.look_around()
            if population.state == WAITING:
                taken.append(population)
        return taken

    def halve(self, population: QueuedPopulation) -> bool:
        """Let the runs of a population for which there was no memory wait again, as two of half the size.

        Returns whether that can be done: not with a single run, nor where their files cannot be written. Members that
        are finished are left out.
        """
        members = len(population.runs)
        if members < 2:
            return False
        runs = unfinished(population.runs)
        middle = -(-len(runs) // 2)
        place = self.populations.index(population)
        parts = [part for part in (runs[:middle], runs[middle:]) if part]
        try:
            halves = [QueuedPopulation(part, write_population(part)) for part in parts]
        except ConfigError:
            return False
        self.populations[place : place + 1] = halves
        population.file.forget()
        names = " and ".join(half.file.name for half in halves)
        say(f"{population.file.name}: out of memory with {plural(members, 'member')}, is tried again as {names}.")
        return True


Show = Callable[[Sweep], None]
"""Called whenever there may be something new to see."""


def plan(packed: Sequence[list[Run]], gpus: Sequence[str] = ()) -> Sweep:
    """The sweep over `packed`, each population's file written, the costliest first.

    Then the last ones are short, and no worker goes on for long when the others have nothing left to do (longest
    processing time first: Graham 1969, at most a third above the shortest time that there is). Those of the same cost
    keep their order.
    """
    populations = [QueuedPopulation(runs, write_population(runs)) for runs in map(decided, packed)]
    return Sweep(sorted(populations, key=lambda population: -population.cost), gpus)
