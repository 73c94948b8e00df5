"""From a list of jobs to trained runs: validate all, leave out what is finished, pack into populations, run workers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

from warmuplab import environment, records
from warmuplab.config import RunConfig
from warmuplab.errors import ConfigError
from warmuplab.progress import Progress, duration
from warmuplab.records import Run
from warmuplab.worker import PopulationFile, prepare, train_population, write_population

CPU_MEMBERS = 8  # of a population on a CPU: more spill out of its caches and gain nothing
POLL_SECONDS = 0.5
SECONDS_BETWEEN_LINES = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Slots:
    """What the launcher may use."""

    cluster: str
    """`local` (worker processes on this machine) or `debug` (in this process, one after the other)."""
    workers: int | None
    """Worker processes at a time; None: as many as the cores have room for on a CPU, one on a GPU."""
    members: int | None
    """Most members of a population; None: `CPU_MEMBERS` on a CPU, no limit on a GPU."""


def launch(configs: Sequence[RunConfig], slots: Slots, say: Say = print) -> list[Run]:
    """Train every run of `configs` that is not finished; returns all of them, repeated ones once.

    Raises `ConfigError` before any run is trained where a setting or a corpus cannot be used.
    """
    if slots.cluster not in ("local", "debug"):
        raise ConfigError("hydra.launcher.cluster", slots.cluster, "unknown", "choose one of local, debug")
    for name, number in (("workers", slots.workers), ("members", slots.members)):
        if number is not None and number < 1:
            raise ConfigError(
                f"hydra.launcher.{name}", number, "must be at least 1", f"use hydra.launcher.{name}=1 or more"
            )
    runs = list({run.run_id: run for run in map(prepare, configs)}.values())
    to_train = [run for run in runs if run.config.overwrite or not run.is_complete]
    _say_what_is_left_out(runs, to_train, say)
    if not to_train:
        return runs
    on_gpu = _is_on_gpu({run.config.hardware.device for run in to_train})
    populations = pack(to_train, slots.members or (len(to_train) if on_gpu else CPU_MEMBERS))
    threads = max(run.config.hardware.threads for run in to_train)
    workers = min(slots.workers or (1 if on_gpu else max(1, (os.cpu_count() or 1) // threads)), len(populations))
    say(f"Training {_count(to_train, 'run')} in {_count(populations, 'population')}, {workers} at a time.")
    sweep = _Sweep(populations, workers, say)
    if slots.cluster == "debug":
        sweep.run_here()
    else:
        sweep.run_workers()
    return runs


def pack(runs: Sequence[Run], largest: int) -> list[list[Run]]:
    """Runs that differ in seed and schedule only together, at most `largest` of them and evenly divided."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(records.population_key(run.config), []).append(run)
    populations = []
    for group in groups.values():
        parts = -(-len(group) // largest)
        bounds = [len(group) * part // parts for part in range(parts + 1)]
        populations += [group[low:high] for low, high in pairwise(bounds)]
    return populations


def failures(runs: Sequence[Run]) -> list[str]:
    """A line for each run without a result: its directory and why."""
    return [
        f"{run.directory}: {(run.summary or {}).get('error', 'its directory cannot be written')}"
        for run in runs
        if not run.is_complete
    ]


def _is_on_gpu(devices: set[str]) -> bool:
    from warmuplab.population import pick_device

    return any(pick_device(device).type == "cuda" for device in sorted(devices))


def _say_what_is_left_out(runs: list[Run], to_train: list[Run], say: Say) -> None:
    trained = {run.run_id for run in to_train}
    skipped = [run for run in runs if run.run_id not in trained]
    if not skipped:
        return
    say(f"{_count(skipped, 'run')} of {len(runs)} finished before and not trained again (overwrite=true would).")
    here = environment.commit()
    others = [
        run
        for run in skipped
        if (run.summary or {}).get("commit") != here["commit"] or (run.summary or {}).get("dirty")
    ]
    if others:
        say(f"{_count(others, 'run')} of them with another commit of the code or with uncommitted changes.")


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


@dataclass
class _Worker:
    population: list[Run]
    file: PopulationFile
    process: subprocess.Popen[bytes]
    log: IO[bytes]


class _Sweep:
    """Populations waiting, in training and done."""

    def __init__(self, populations: list[list[Run]], workers: int, say: Say) -> None:
        self._waiting, self._workers, self._say = list(populations), workers, say
        self._running: list[_Worker] = []
        self._done_steps = self._done = 0
        self._populations = len(populations)
        self._total_steps = sum(_member_steps(population) for population in populations)
        self._began = time.monotonic()

    def run_here(self) -> None:
        """One population after the other, in this process."""
        for number, population in enumerate(self._waiting, 1):
            file = write_population(population)
            self._say(f"population {number}/{self._populations}: {file.name}")
            train_population(population, file.name, lambda progress: self._say(f"  {progress}"))

    def run_workers(self) -> None:
        """Worker processes, as many at a time as there are slots; a failed one does not stop the others."""
        last_line = -SECONDS_BETWEEN_LINES
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._workers:
                    self._running.append(self._start(self._waiting.pop(0)))
                time.sleep(POLL_SECONDS)
                ended = [worker for worker in self._running if worker.process.poll() is not None]
                for worker in ended:
                    self._end(worker)
                if ended or time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
                    self._say(self._line())
                    last_line = time.monotonic()
        finally:
            for worker in self._running:  # only when interrupted: their runs stay unfinished and are trained next time
                worker.process.terminate()
                worker.process.wait()
                worker.log.close()

    def _start(self, population: list[Run]) -> _Worker:
        file = write_population(population)
        file.progress_path.unlink(missing_ok=True)
        log = file.log_path.open("wb")
        command = [sys.executable, "-m", "warmuplab.worker", str(file.path)]
        return _Worker(population, file, subprocess.Popen(command, stdout=log, stderr=log), log)

    def _end(self, worker: _Worker) -> None:
        self._running.remove(worker)
        worker.log.close()
        self._done += 1
        self._done_steps += _member_steps(worker.population)
        if worker.process.returncode != 0:
            for run in worker.population:
                if run.summary is None:  # it could not say so itself: killed, or out of memory
                    why = f"its worker ended with status {worker.process.returncode}; see {worker.file.log_path}"
                    with suppress(OSError):  # a directory that cannot be written must not end the sweep
                        records.fail(run, why)
            self._say(f"population {worker.file.name} failed; see {worker.file.log_path}")

    def _line(self) -> str:
        now = time.monotonic() - self._began
        parts = [f"{duration(now)}  {self._done}/{self._populations} populations done"]
        steps = float(self._done_steps)
        for worker in self._running:
            progress = Progress.read(worker.file.progress_path)
            if progress is None:
                parts.append(f"{worker.file.name} starting")
                continue
            steps += progress.step * progress.members
            loss = "all diverged" if progress.loss is None else f"loss {progress.loss:.2f}"
            diverged = f", {progress.diverged} of {progress.members} diverged" if progress.diverged else ""
            parts.append(f"{worker.file.name} step {progress.step}/{progress.steps}, {loss}{diverged}")
        if self._running and steps:
            parts.append(f"about {duration(now / steps * (self._total_steps - steps))} left")
        return "  |  ".join(parts)


def _member_steps(population: list[Run]) -> int:
    return sum(run.config.training.steps for run in population)
