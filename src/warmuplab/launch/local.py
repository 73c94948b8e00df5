"""The backend `local`: worker processes on this machine."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from warmuplab.launch.queue import DONE, FAILED, TRAINING, WAITING, QueuedPopulation, Show, Sweep
from warmuplab.record import writing
from warmuplab.record.progress import Progress
from warmuplab.worker import ATTENDED

POLL_SECONDS = 0.5


@dataclass
class _Worker:
    population: QueuedPopulation
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def run(populations: Sweep, slots: int, show: Show) -> None:
    """Worker processes, `slots` at a time; a failed one does not stop the others."""
    workers: list[_Worker] = []
    try:
        while workers or populations.among(WAITING):
            for population in populations.among(WAITING)[: slots - len(workers)]:
                workers += _started(population)
            time.sleep(POLL_SECONDS)
            for worker in list(workers):
                worker.population.progress = Progress.read(worker.population.file.progress_path)
                if worker.process.poll() is not None:
                    workers.remove(worker)
                    _end(worker)
            show(populations)
    finally:
        for worker in workers:  # only when interrupted: their runs stay unfinished and are trained next time
            worker.process.terminate()
            worker.process.wait()
            worker.log.close()


def _started(population: QueuedPopulation) -> list[_Worker]:
    """The worker of the population; none where the system refuses it its log or its process: the others go on."""
    population.state = TRAINING
    try:
        return [_start(population)]
    except OSError as error:
        population.state = FAILED
        for member in population.runs:
            writing.fail_with(member, error)
        return []


def _start(population: QueuedPopulation) -> _Worker:
    population.file.progress_path.unlink(missing_ok=True)
    log = population.file.log_path.open("wb")
    command = [sys.executable, "-m", "warmuplab.worker", str(population.file.path), ATTENDED]
    # The pipe is never written to: it closes with this process, even a killed one, and that ends the worker.
    return _Worker(population, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log), log)


def _end(worker: _Worker) -> None:
    worker.log.close()
    status = worker.process.returncode
    worker.population.state = FAILED if status else DONE
    if status:
        log = worker.population.file.log_path
        why = f"its worker ended with status {status}{_last_words(log)}; see {log}"
        for run in worker.population.runs:
            if run.summary is None:  # the worker could not say so itself: killed, or out of memory
                writing.fail(run, why)


def _last_words(log: Path) -> str:
    """The line in which a worker said what is wrong, if it came to that."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines and lines[-1].startswith(("error: ", "failed: ")) else ""
