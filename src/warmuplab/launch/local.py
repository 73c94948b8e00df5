"""The backend `local`: worker processes on this machine."""

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
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
                workers.append(_start(population))
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


def _start(population: QueuedPopulation) -> _Worker:
    population.state = TRAINING
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
        why = f"its worker ended with status {status}; see {worker.population.file.log_path}"
        for run in worker.population.runs:
            if run.summary is None:  # the worker could not say so itself: killed, or out of memory
                with suppress(OSError):  # a directory that cannot be written must not end the sweep
                    writing.fail(run, why)
