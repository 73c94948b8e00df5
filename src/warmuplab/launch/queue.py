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
from warmuplab.worker import PopulationFile, checkpoint_path, decided, unfinished, write_population

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
    before: Progress | None = None
    """How far it was as this command found it, where it goes on from there."""
    since: float | None = None
    """When this command first heard of its training, or when that began."""
    by_others: bool = False
    """Whether another sweep or a single run trained all of it."""
    owner: str | None = None
    """Who trains a run of it, where that is another sweep or a single run."""
    job: str = ""
    """What a cluster's scheduler calls it, and says of it."""

    def look_around(self) -> None:
        """See whether others train a run of it, or have finished them all, while it waits here."""
        left = unfinished(self.runs)
        self.owner = next(filter(None, (owner_of(run.directory) for run in left)), None)
        self.state = DONE if not left else WAITING if self.owner is None else ELSEWHERE
        self.by_others = not left

    def hear(self, progress: Progress | None) -> None:
        """Take what its worker says; nothing where it has said nothing yet."""
        if progress is None:
            return
        if self.since is None:
            self.since = time.monotonic() - (0.0 if self.before else progress.seconds)
            self.before = progress if self.before else None
        self.progress = progress

    @property
    def steps(self) -> int:
        """Optimizer steps of each member."""
        return self.runs[0].config.training.steps

    @property
    def member_steps(self) -> int:
        """Steps of all members together."""
        return self.steps * len(self.runs)

    @property
    def member_steps_here(self) -> int:
        """Those of them that were trained since this command found it."""
        ended = self.state in (WRITING, DONE)
        step = self.steps if ended else self.progress.step if self.progress else 0
        before = self.steps if self.by_others else self.before.step if self.before else 0
        return max(0, step - before) * len(self.runs)

    @cached_property
    def cost(self) -> float:
        """Operations of all its members together."""
        return cost.of_population(self.runs)

    @property
    def work_left(self) -> float:
        """Share of its work that is to be done; one whose training has ended, well or not, has none left."""
        last = self.progress or self.before
        return 0.0 if self.state in TRAINED else 1.0 - last.work if last else 1.0

    @property
    def work_here(self) -> float:
        """Share of its work that was done since this command found it."""
        work = 1.0 if self.state in (WRITING, DONE) else self.progress.work if self.progress else 0.0
        return max(0.0, work - (1.0 if self.by_others else self.before.work if self.before else 0.0))


@dataclass
class Sweep:
    """All populations of a sweep."""

    populations: list[QueuedPopulation]
    gpus: Sequence[str] = ()
    """GPUs that worker processes are dealt out to, as `CUDA_VISIBLE_DEVICES` names them; none on a CPU."""
    began: float = field(default_factory=time.monotonic)
    scheduler: str = ""
    """What a cluster's scheduler says of all of them, in a few words."""
    when_interrupted: Callable[[bool], None] = lambda _: None
    """To be called when the sweep ended before its time, as soon as the terminal is free; with whether to ask a person,
    who is there after Ctrl-C only."""
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
        """Steps of single members per second, over all workers, since this command saw the first of them."""
        steps = sum(population.member_steps_here for population in self.populations)
        return steps / max(self._seconds_of_training, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace that this command saw, in operations; None before there is one.

        What earlier commands and others trained says nothing about the pace. Nor is a sweep over before the population
        that takes longest at its own pace.
        """
        here = sum(population.cost * population.work_here for population in self.populations)
        left = sum(population.cost * population.work_left for population in self.populations)
        each = [population.progress for population in self.among(TRAINING)]
        longest = max((one.seconds_left for one in each if one and one.work), default=0.0)
        return max(self._seconds_of_training * left / here, longest) if here else None

    @property
    def _seconds_of_training(self) -> float:
        """Since the first step that this command saw: jobs may wait for hours before it."""
        seen = [self.began if each.since is None else each.since for each in self.populations if each.work_here]
        return time.monotonic() - min(seen, default=self.began)

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


def plan(packed: Sequence[list[Run]], gpus: Sequence[str] = (), *, here: bool = True, printed: bool = False) -> Sweep:
    """The sweep over `packed`, each population's file written, those with most left to do first.

    Then the last ones are short, and no worker goes on for long when the others have nothing left to do (longest
    processing time first: Graham 1969, at most a third above the shortest time that there is). Those of the same cost
    keep their order. What is to be decided by the machine that trains is decided for those that train `here`. See
    `write_population` for `printed`.
    """
    populations = []
    for runs in map(decided, packed) if here else packed:
        population = QueuedPopulation(runs, write_population(runs, printed=printed))
        if checkpoint_path(runs[0].config, population.file.name).exists():
            population.before = Progress.read(population.file.progress_path)
        populations.append(population)
    return Sweep(sorted(populations, key=lambda population: -population.cost * population.work_left), gpus)
