"""The backend `slurm`: submits what waits, watches what SLURM runs, and takes up the jobs of an earlier command.

What a task achieved is read from the records of its runs. SLURM says where it stands on the way, and how it ended where
a record is missing. Whoever watches is not needed: without it the tasks go on, and come back after a preemption.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from warmuplab.base.files import say
from warmuplab.base.words import plural
from warmuplab.launch.queue import (
    ELSEWHERE,
    FAILED,
    QUEUED,
    TRAINING,
    WAITING,
    WRITING,
    QueuedPopulation,
    Show,
    Sweep,
)
from warmuplab.launch.slurm import arrays, question, states, submission
from warmuplab.launch.slurm.arrays import Array
from warmuplab.launch.slurm.jobs import Job, end, is_new, look_at, runs_left, show_state
from warmuplab.launch.slurm.settings import Settings
from warmuplab.launch.slurm.states import Key, SilentError, Task
from warmuplab.launch.slurm.submission import FullError, UnknownError
from warmuplab.launch.slurm.tries import MOST, Tries
from warmuplab.record import writing
from warmuplab.record.progress import Progress
from warmuplab.worker import unfinished

SECONDS_BETWEEN_LOOKS = 2.0  # at the files of the workers
SECONDS_BETWEEN_ASKS = 10.0  # what SLURM says
SECONDS_BETWEEN_TRIES = 60.0  # to submit what a full queue did not take
SECONDS_TO_BE_SEEN = 90.0  # by which a network file system shows everybody what a task wrote last


@dataclass
class _Watch:
    sweep: Sweep
    slots: int
    settings: Settings
    jobs: list[Job] = field(default_factory=list)
    tries: Tries = field(default_factory=Tries)
    asked: float = -SECONDS_BETWEEN_ASKS
    tried: float = -SECONDS_BETWEEN_TRIES
    full: str = ""
    """What SLURM said when it took no more jobs."""
    silent: str = ""
    """What came instead of an answer of SLURM."""
    unsure: Array | None = None
    """One that SLURM may have taken without saying so."""
    shares: dict[str, int] = field(default_factory=dict)
    """How many tasks each array may have at a time, where this command submitted it."""
    largest: int = 0
    """Most tasks of an array; 0 before SLURM was asked."""

    def take_up(self) -> None:
        """Find the jobs of earlier commands; what was written down of others, which are over, is removed."""
        tasks = states.tasks()
        waiting = {population.file.path.resolve(): population for population in self.sweep.populations}
        for array in arrays.known(path.parent for path in waiting):
            living = {index: task for (name, index), task in tasks.items() if name == array.name and not task.is_over}
            if not living and array.is_old:
                array.forget()
            for index, task in living.items():
                path = array.populations[index].resolve() if index < len(array.populations) else None
                population = waiting.pop(path, None) if path is not None else None
                if population is not None:
                    self._follow(array, task.array, index, population)
                    self.jobs[-1].last, self.jobs[-1].was_ending = task, task.state == "COMPLETING"
                    population.before = Progress.read(population.file.progress_path) or population.before
                    show_state(population, task)
        if self.jobs:
            running = sum(job.population.state == TRAINING for job in self.jobs)
            say(
                f"{plural(len(self.jobs), 'job')} of an earlier command, {running} of them running, are taken up again."
            )

    def submit(self) -> None:
        """Hand what waits to SLURM, all at once where it takes that, else in smaller arrays as there is room."""
        if self.full and time.monotonic() - self.tried < SECONDS_BETWEEN_TRIES:
            return
        if not self._is_settled() or not self.sweep.among(WAITING, ELSEWHERE):
            return
        largest, was_full = self._largest_array(), bool(self.full)
        while taken := self.sweep.take(largest):
            waiting = [population for population in taken if not self._is_given_up(population)]
            if not waiting:
                continue
            for population in waiting:
                population.file.progress_path.unlink(missing_ok=True)
                population.progress = None
            free = self._free_slots()
            array, text = submission.planned(waiting, self.settings, free, largest)[0]
            try:
                number = submission.submit(array, text, self.settings)
            except FullError as error:
                self.tried, self.full = time.monotonic(), str(error)
                if len(array.populations) > 1:
                    largest = len(array.populations) // 2
                    continue
                if not self.jobs and not was_full:
                    say(f"SLURM takes no more jobs now ({error}): tried again every {SECONDS_BETWEEN_TRIES:.0f} s.")
                return
            except UnknownError as error:
                say(f"SLURM may have taken the job array {array.name}, or not ({error}): looked for in a minute.")
                self.tried, self.full, self.unsure = time.monotonic(), str(error), array
                return
            self.full, self.asked, self.shares[array.name] = "", -SECONDS_BETWEEN_ASKS, free
            by_path = {population.file.path: population for population in waiting}
            for index, path in enumerate(array.populations):
                self._follow(array, number, index, by_path[path])

    def _free_slots(self) -> int:
        """How many tasks of a new array may run at a time: what others leave of a number that is set, at least one."""
        if self.slots >= len(self.sweep.populations):
            return self.slots
        living = Counter(job.key[0] for job in self.jobs)
        return max(1, self.slots - sum(min(count, self.shares.get(name, count)) for name, count in living.items()))

    def _is_settled(self) -> bool:
        """Whether it is known of every array if SLURM has it: its jobs are followed then, or it is forgotten."""
        if self.unsure is None:
            return True
        try:
            tasks = states.tasks()
        except SilentError as error:
            self.tried, self.full = time.monotonic(), str(error)
            return False
        array, self.unsure, self.full = self.unsure, None, ""
        found = {index: task for (name, index), task in tasks.items() if name == array.name}
        by_path = {population.file.path: population for population in self.sweep.populations}
        for index, task in found.items():
            self._follow(array, task.array, index, by_path[array.populations[index]])
        if not found:
            array.forget()
        return True

    def _is_given_up(self, population: QueuedPopulation) -> bool:
        """Whether a population failed, as it was submitted often enough and does not get further."""
        if not self.tries.are_over(population):
            return False
        population.state = FAILED
        log = population.file.log_path
        more = log.parent / arrays.FOLDER
        why = f"given up after {MOST} jobs that ended without getting further; see {log} and {more}"
        say(f"{population.file.name}: {why}")
        for run in unfinished(population.runs):
            if not (run.is_complete and is_new(run, self.tries.since(population))):
                writing.fail(run, why)
        return True

    def _largest_array(self) -> int:
        """Asked once: what others train is looked at every two seconds."""
        self.largest = self.largest or states.largest_array()
        return self.largest

    def _follow(self, array: arrays.Array, number: int, index: int, population: QueuedPopulation) -> None:
        self.jobs.append(Job(population, (array.name, index), number, array.listing.stat().st_mtime))
        self.tries.note(population, self.jobs[-1].submitted)
        population.state = QUEUED

    def look(self) -> None:
        """See how far all jobs are, and end those that are over."""
        if time.monotonic() - self.asked >= SECONDS_BETWEEN_ASKS:
            self.asked = time.monotonic()
            self._ask()
        for job in self.jobs:
            if job.population.state != QUEUED:
                look_at(job.population)
        self.sweep.scheduler = self._summary()

    def _ask(self) -> None:
        try:
            tasks = states.tasks()
        except SilentError as error:  # a controller that starts again comes back
            self.silent = str(error)
            return
        self.silent = ""
        self._cancel_what_is_trained(tasks)
        for job in list(self.jobs):
            task = tasks.get(job.key)
            job.last = task or job.last
            if task is not None and not task.is_over:
                job.over_since = None
                job.was_ending = job.was_ending and task.state == "COMPLETING"  # one that was preempted comes back
                show_state(job.population, task)
            elif self._is_over(job):
                self.jobs.remove(job)
                end(job, self.sweep, self.tries)

    def _cancel_what_is_trained(self, tasks: Mapping[Key, Task]) -> None:
        """Cancel, once, the jobs in the queue whose runs others have trained meanwhile."""
        queued = [job for job in self.jobs if not job.cancelled and (task := tasks.get(job.key)) and task.is_queued]
        spare = [job for job in queued if not runs_left(job)]
        if spare:
            states.cancel([(job.array, job.key[1]) for job in spare])
        for job in spare:
            job.cancelled = True

    def _is_over(self, job: Job) -> bool:
        """Whether a job that is not among the living is over: seen twice, and what it wrote is seen too."""
        now = time.monotonic()
        first = job.over_since is None
        job.over_since = now if job.over_since is None else job.over_since
        if not runs_left(job):
            return True
        well = job.last is None or job.last.state == "COMPLETED" or not job.last.is_over
        return not first and (not well or now - job.over_since >= SECONDS_TO_BE_SEEN)

    def _summary(self) -> str:
        if self.silent:
            return f"SLURM does not answer ({self.silent})"
        kinds: Counter[str] = Counter()
        for job in self.jobs:
            task = job.last
            kinds[task.kind if task else "PENDING"] += 1
        waiting = len(self.sweep.among(WAITING)) if self.full else 0
        if waiting:
            kinds["to be submitted when it takes more"] = waiting
        return "SLURM: " + (", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no jobs")

    def when_interrupted(self, may_ask: bool) -> None:
        """Ask what is to become of the jobs, or say that they go on."""
        if not self._is_settled() and self.unsure is not None:
            name = self.unsure.name
            say(
                f"SLURM may have taken the job array {name}: `squeue --name {name}` shows it, `scancel --name {name}`"
                " ends it."
            )
        question.ask([(job.array, job.key[1]) for job in self.jobs], may_ask)


def run(populations: Sweep, slots: int, show: Show, settings: Settings) -> None:
    """Have SLURM train all waiting populations, about `slots` at a time; a failed one stops no other.

    Raises `ConfigError` where SLURM does not answer or refuses the jobs.
    """
    states.check()
    watch = _Watch(populations, slots, settings)
    watch.take_up()
    populations.when_interrupted = watch.when_interrupted
    while populations.among(WAITING, ELSEWHERE, QUEUED, TRAINING, WRITING):
        watch.submit()
        watch.look()
        show(populations)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def job_files(populations: Sweep, slots: int, settings: Settings) -> dict[Path, str]:
    """The files that `run` would hand to `sbatch`, written down beside the populations, and nothing is submitted.

    A person may submit these files: `run` takes up their jobs.
    """
    plans = submission.planned(populations.populations, settings, slots, states.largest_array())
    for array, text in plans:
        array.write(text)
    return {array.script: text for array, text in plans}
