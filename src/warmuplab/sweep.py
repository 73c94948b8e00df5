"""Populations waiting, in training and done: starts the workers of a sweep and watches them."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from warmuplab import records
from warmuplab.progress import Progress
from warmuplab.records import Run
from warmuplab.worker import ATTENDED, PopulationFile, train_population, write_population

POLL_SECONDS = 0.5

WAITING, TRAINING, DONE, FAILED = "waiting", "training", "done", "failed"


@dataclass
class Population:
    """Runs that train in lockstep, and how far they are."""

    runs: list[Run]
    file: PopulationFile
    state: str = WAITING
    progress: Progress | None = None
    """What its worker said last."""

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
        """Those of them behind it; one that has ended, well or not, has none left."""
        if self.state in (DONE, FAILED):
            return self.member_steps
        return self.progress.step * len(self.runs) if self.progress else 0

    @property
    def work_done(self) -> float:
        """Share of its work that is behind it."""
        return 1.0 if self.state in (DONE, FAILED) else self.progress.work if self.progress else 0.0


@dataclass
class Sweep:
    """All populations of a sweep."""

    populations: list[Population]
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the sweep began."""
        return time.monotonic() - self.began

    def among(self, *states: str) -> list[Population]:
        """The populations in one of `states`."""
        return [population for population in self.populations if population.state in states]

    @property
    def member_steps_per_second(self) -> float:
        """Steps of single members per second, over all workers."""
        return sum(population.member_steps_done for population in self.populations) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace so far; None before the first step."""
        total = sum(population.member_steps for population in self.populations)
        done = sum(population.member_steps * population.work_done for population in self.populations)
        return self.seconds * (total / done - 1) if done else None


Show = Callable[[Sweep], None]
"""Called whenever there may be something new to see."""


@dataclass
class _Worker:
    population: Population
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def plan(packed: Sequence[list[Run]]) -> Sweep:
    """The sweep over `packed`, each population's file written."""
    return Sweep([Population(runs, write_population(runs)) for runs in packed])


def train_here(sweep: Sweep, show: Show) -> None:
    """One population after the other, in this process."""
    for population in sweep.populations:

        def report(progress: Progress, population: Population = population) -> None:
            population.progress = progress
            show(sweep)

        population.state = TRAINING
        population.state = DONE if train_population(population.runs, population.file.name, report) else FAILED
        show(sweep)


def train_in_workers(sweep: Sweep, slots: int, show: Show) -> None:
    """Worker processes, `slots` at a time; a failed one does not stop the others."""
    workers: list[_Worker] = []
    try:
        while workers or sweep.among(WAITING):
            for population in sweep.among(WAITING)[: slots - len(workers)]:
                workers.append(_start(population))
            time.sleep(POLL_SECONDS)
            for worker in list(workers):
                worker.population.progress = Progress.read(worker.population.file.progress_path)
                if worker.process.poll() is not None:
                    workers.remove(worker)
                    _end(worker)
            show(sweep)
    finally:
        for worker in workers:  # only when interrupted: their runs stay unfinished and are trained next time
            worker.process.terminate()
            worker.process.wait()
            worker.log.close()


def _start(population: Population) -> _Worker:
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
                    records.fail(run, why)
