"""The backend `local`: worker processes on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from warmuplab.base import interrupts
from warmuplab.base.errors import ConfigError
from warmuplab.base.memory import kills_for_memory
from warmuplab.launch import devices
from warmuplab.launch.queue import (
    DONE,
    ELSEWHERE,
    FAILED,
    TRAINING,
    WAITING,
    WRITING,
    QueuedPopulation,
    Show,
    Sweep,
)
from warmuplab.record import writing
from warmuplab.record.leases import owner_of
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.tracking.background import Publisher, publisher
from warmuplab.worker import ATTENDED, BUSY, OUT_OF_MEMORY, SECONDS_TO_SAVE, unfinished, write_population

POLL_SECONDS = 0.2
WRITING_PER_SLOT = 1  # workers that write their records while the next population trains


@dataclass
class _Worker:
    population: QueuedPopulation
    left: list[Run]
    """Its runs that were not finished before, or are to be overwritten."""
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    killed_before: int
    """Processes that the system had killed for want of memory when this one started."""
    gpu: str | None = None
    """The only one that it sees; None where workers are not dealt out to GPUs."""
    before: dict[str, Any] = field(default_factory=dict)
    """Summaries of the runs that are to be overwritten, by run_id."""

    @property
    def is_done(self) -> bool:
        """Whether all of its records are written, of which the summary comes last."""
        return all((run.directory / "summary.json").exists() for run in self.left)


def run(populations: Sweep, slots: int, show: Show) -> None:
    """Worker processes, `slots` of them in training at a time; a failed one does not stop the others.

    Where there are GPUs each worker sees one of them, and they are shared out evenly.
    A slot is free for the next population as soon as a worker has trained its last step and writes its records. What
    is to be published offline is published beside them, and done when this returns. What another sweep trains is waited
    for.
    """
    folders = [population.file.path.parent for population in populations.populations]
    with publisher(folders[0]) as published:
        _run(populations, slots, show, published)


def _run(populations: Sweep, slots: int, show: Show, published: Publisher) -> None:
    workers: list[_Worker] = []
    try:
        while workers or populations.among(WAITING, ELSEWHERE):
            for population in populations.take(_room(workers, slots)):
                workers += _started(population, _next_gpu(populations.gpus, workers))
            time.sleep(POLL_SECONDS)
            for worker in list(workers):
                ended = worker.process.poll() is not None
                _look_at(worker.population)
                if ended:
                    workers.remove(worker)
                    if worker.process.returncode != BUSY:  # else whoever trained them publishes them
                        published.publish(worker.left)
                    _end(worker, populations)
            show(populations)
    finally:
        _stop(workers)  # only when interrupted


def _stop(workers: Sequence[_Worker]) -> None:
    """Ask all to keep what they have and to end; what they trained goes on the next time."""
    for worker in workers:
        worker.process.terminate()
    latest = time.monotonic() + SECONDS_TO_SAVE
    for worker in workers:
        try:
            worker.process.wait(max(0.1, latest - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.log.close()


def _room(workers: Sequence[_Worker], slots: int) -> int:
    """How many workers may start now. One that waits for W&B's server after its records are written is in no way."""
    training = sum(worker.population.state == TRAINING for worker in workers)
    working = training + sum(worker.population.state == WRITING and not worker.is_done for worker in workers)
    return max(0, min(slots - training, slots * (1 + WRITING_PER_SLOT) - working))


def _next_gpu(gpus: Sequence[str], workers: Sequence[_Worker]) -> str | None:
    training, writing = (
        [worker.gpu for worker in workers if worker.population.state == state] for state in (TRAINING, WRITING)
    )
    return devices.next_gpu(gpus, training, writing)


def _look_at(population: QueuedPopulation) -> None:
    population.hear(Progress.read(population.file.progress_path))
    if population.progress is not None and population.progress.writing:
        population.state = WRITING


def _started(population: QueuedPopulation, gpu: str | None) -> list[_Worker]:
    """The worker of the population; none where the system refuses it a file or its process: the others go on."""
    population.state = TRAINING
    try:
        return [_start(population, gpu)]
    except (OSError, ConfigError) as error:
        population.state = FAILED
        for member in unfinished(population.runs):
            writing.fail_with(member, error)
        return []


def _start(population: QueuedPopulation, gpu: str | None) -> _Worker:
    if not population.file.lists(population.runs):  # removed, or written by a sweep with another overwrite or tracker
        write_population(population.runs)
    population.file.progress_path.unlink(missing_ok=True)
    population.progress = None
    left = unfinished(population.runs)
    before = {run.run_id: run.summary for run in left if run.is_complete}
    log = population.file.log_path.open("ab")  # behind what another sweep's worker may be writing there
    command = [sys.executable, "-m", "warmuplab.worker", str(population.file.path), ATTENDED]
    # The pipe is never written to: it closes with this process, even a killed one, and that ends the worker.
    seen = None if gpu is None else os.environ | {devices.VISIBLE: gpu}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=seen)
    return _Worker(population, left, process, log, kills_for_memory(), gpu, before)


def _ran_out_of_memory(worker: _Worker) -> bool:
    """Whether it says so, or was killed while the system killed for want of memory."""
    status = worker.process.returncode
    return status == OUT_OF_MEMORY or (status == -signal.SIGKILL and kills_for_memory() > worker.killed_before)


def _end(worker: _Worker, populations: Sweep) -> None:
    worker.log.close()
    status = worker.process.returncode
    if status == BUSY or (status and any(owner_of(run.directory) for run in worker.left)):  # another sweep was faster
        worker.population.state = ELSEWHERE
        return
    if _ran_out_of_memory(worker) and populations.halve(worker.population):
        return
    worker.population.state = FAILED if status else DONE
    if status and status - 128 not in interrupts.SIGNALS:  # an interrupted one kept what it had: its runs go on
        log = worker.population.file.log_path
        why = f"its worker {_how_it_ended(status)}{last_words(log)}; see {log}"
        for run in worker.left:  # where the worker could not say so itself: killed, or the record is one to overwrite
            if run.summary in (None, worker.before.get(run.run_id)):
                writing.fail(run, why)


def _how_it_ended(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed (signal 9), most likely by the system for want of memory; fewer members need less"
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def last_words(log: Path) -> str:
    """The line in which a worker said what is wrong, if it came to that."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines and lines[-1].startswith(("error: ", "failed: ")) else ""
