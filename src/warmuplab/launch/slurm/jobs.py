"""A population that was handed to SLURM: where it is, and what became of it, by the records of its runs.

SLURM says where it stands on the way, and how it ended where a record is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from warmuplab.base.files import say
from warmuplab.launch.local import last_words
from warmuplab.launch.queue import DONE, ELSEWHERE, FAILED, QUEUED, TRAINING, WAITING, WRITING, QueuedPopulation, Sweep
from warmuplab.launch.slurm import arrays, states
from warmuplab.launch.slurm.states import Ended, Key, Task
from warmuplab.launch.slurm.tries import Tries
from warmuplab.record import writing
from warmuplab.record.leases import owner_of
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.worker import BUSY, OUT_OF_MEMORY, unfinished

INTERRUPTED = ("CANCELLED", "PREEMPTED", "NODE_FAIL", "TIMEOUT", "BOOT_FAIL", "DEADLINE")  # keeps what it trained


@dataclass
class Job:
    """A population that was handed to SLURM."""

    population: QueuedPopulation
    key: Key
    array: int
    """The job id of its array."""
    submitted: float
    """When its array was written down, by the clock of the file system."""
    last: Task | None = None
    was_ending: bool = False
    """Whether it was taken up on its way out, and has not come back: somebody had cancelled it before."""
    cancelled: bool = False
    """Whether this command cancelled it, as others had trained its runs."""
    over_since: float | None = None
    """When it was first seen to have ended, or not to be there, by this process's clock."""


def show_state(population: QueuedPopulation, task: Task) -> None:
    """Show where SLURM says that it is."""
    population.job = str(task)
    population.state = QUEUED if task.is_queued else WRITING if population.state == WRITING else TRAINING


def look_at(population: QueuedPopulation) -> None:
    """Read how far its worker says that it is."""
    population.hear(Progress.read(population.file.progress_path))
    writes = population.progress is not None and population.progress.writing
    population.state = WRITING if writes else TRAINING


def runs_left(job: Job) -> list[Run]:
    """The runs of a job that it has not finished."""
    return [run for run in unfinished(job.population.runs) if not (run.is_complete and is_new(run, job.submitted))]


def is_new(run: Run, submitted: float) -> bool:
    """Whether its record is one that a job of that time wrote: runs that are to be overwritten had one before."""
    try:
        return (run.directory / "summary.json").stat().st_mtime >= submitted
    except OSError:
        return False


def end(job: Job, sweep: Sweep, tries: Tries) -> None:
    """Say what became of the population of a job that is over."""
    population, left = job.population, runs_left(job)
    population.job = ""
    how = states.ended(job.last.job) if left and job.last is not None else None
    how = how or Ended(job.last.state if job.last and job.last.is_over else "", 0)
    if not left:
        population.state = DONE
    elif how.status == BUSY:
        tries.forgive(population)
        population.state = ELSEWHERE
    elif (how.status == OUT_OF_MEMORY or how.state == "OUT_OF_MEMORY") and sweep.halve(population):
        return
    elif job.was_ending and how.state in INTERRUPTED:  # an earlier command's job: this one wants it trained
        tries.forgive(population)
        population.state = ELSEWHERE if any(owner_of(run.directory) for run in left) else WAITING
    elif how.state not in INTERRUPTED and any(owner_of(run.directory) for run in left):
        population.state = ELSEWHERE  # the lease of a task that was ended lives on for a while, and is nobody else's
    else:
        population.state = FAILED
        _record(job, left, how)


def _record(job: Job, left: Sequence[Run], how: Ended) -> None:
    """Say in the records why there is no result, where the worker could not; what was interrupted goes on later."""
    name = f"job {job.last.job}" if job.last is not None else f"job of {job.key[0]}"
    population = job.population
    if how.state in INTERRUPTED:
        say(f"{population.file.name}: its {name} ended as {how.state}; the same command goes on with what it kept.")
        return
    ended = f"as {how.state}, exit status {how.status}" if how.state else "before SLURM could be asked how"
    log = population.file.log_path
    why = f"its {name} ended {ended}{last_words(log)}; see {log} and {log.parent / arrays.FOLDER}"
    for run in left:
        if run.summary is None or not is_new(run, job.submitted):
            writing.fail(run, why)
