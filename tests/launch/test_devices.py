"""Several GPUs: a worker sees one of them, and populations are dealt out the costliest first."""

import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.composing import QUICK, composed
from support.records import numbers_of
from warmuplab import worker
from warmuplab.config.schema import RunConfig
from warmuplab.launch import cost, devices, launch, local, queue
from warmuplab.launch.launch import LauncherConfig
from warmuplab.record.run import Run
from warmuplab.record.writing import failures


def run_of(*overrides: str) -> Run:
    return worker.prepare(composed(*QUICK, *overrides))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"outputs={tmp_path}"


def test_cost_is_in_proportion_to_steps_members_and_tokens(folder: str) -> None:
    """Validation, which a longer run with as many looks does not do more often, is left to the next test."""
    never = ("probes=none", "training.validate_every=1000")
    one = cost.of_population([run_of(folder, *never)])
    validating = cost.validation_operations(run_of(folder).config, worker.load_corpus(run_of(folder).config))
    for factor, overrides in ((3, ["training.steps=18"]), (2, ["training.batch_size=16"])):
        assert cost.of_population([run_of(folder, *never, *overrides)]) - validating == pytest.approx(
            factor * (one - validating)
        )
    assert cost.of_population([run_of(folder, *never, f"seed={seed}") for seed in range(4)]) == pytest.approx(4 * one)


def test_probes_validations_and_wider_networks_cost_more(folder: str) -> None:
    bare = cost.of_population([run_of(folder, "probes=none")])
    for override in ("probes=loss", "probes=default", "training.validate_every=2", "model.depth=2"):
        more = cost.of_population([run_of(folder, *(() if "probes" in override else ("probes=none",)), override)])
        assert more > bare, override
    by_probes = [cost.equal_steps(composed(*QUICK, f"probes={name}")) for name in ("none", "loss", "default", "full")]
    assert by_probes == sorted(by_probes)
    assert by_probes[0] == 6


def test_the_costliest_population_comes_first_and_equal_ones_keep_their_order(folder: str) -> None:
    runs = [run_of(folder, f"training.steps={steps}", f"seed={seed}") for seed in (0, 1) for steps in (6, 20, 9)]
    planned = queue.plan([[run] for run in runs])
    assert [population.runs[0].config.training.steps for population in planned.populations] == [20, 20, 9, 9, 6, 6]
    assert [population.runs[0].config.seed for population in planned.populations] == [0, 1] * 3


class Sleeping:
    """A worker process that takes as many looks at it as its population has steps."""

    pid = 0

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.returncode: int | None = None

    def poll(self) -> int | None:
        self.left -= 1
        if self.left <= 0:
            self.returncode = 0
        return self.returncode


@pytest.mark.parametrize("slots", [1, 2, 3, 5, 6])
def test_populations_are_shared_out_evenly_over_the_gpus(
    folder: str, monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    """Simulated with processes that sleep: no worker waits while a population does, and no GPU has a worker more."""
    names = ["0", "1", "GPU-c"][: min(3, slots)]
    steps = [random.Random(slots).randrange(6, 60) for _ in range(12)]
    planned = queue.plan([[run_of(folder, f"training.steps={n}", f"seed={i}")] for i, n in enumerate(steps)], names)
    begun: list[tuple[int, str | None]] = []
    now, most = 0, Counter[str | None]()

    def start(population: queue.QueuedPopulation, gpu: str | None) -> list[local._Worker]:
        population.state = queue.TRAINING
        begun.append((population.steps, gpu))
        most[gpu] = max(most[gpu], 1 + sum(worker.gpu == gpu for worker in at_work()))
        log = population.file.log_path.open("wb")
        at_work_now.append(local._Worker(population, [], Sleeping(population.steps), log, 0, gpu))
        return at_work_now[-1:]

    at_work_now: list[local._Worker] = []

    def at_work() -> list[local._Worker]:
        return [worker for worker in at_work_now if worker.population.state == queue.TRAINING]

    def show(_: queue.Sweep) -> None:
        nonlocal now
        now += 1

    monkeypatch.setattr(local, "_started", start)
    monkeypatch.setattr(local, "POLL_SECONDS", 0.0)
    local.run(planned, slots, show)
    assert [n for n, _ in begun] == sorted(steps, reverse=True)
    assert max(most.values()) == devices.per_gpu(slots, names)
    assert sum(most.values()) == slots
    shortest = max(sum(steps) / slots, max(steps))
    assert now <= shortest * 4 / 3  # what dealing out the longest first promises


def test_workers_that_share_out_two_gpus_train_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real workers, on the CPU: torch sees no GPU whatever their environment names."""

    def configs(folder: str) -> list[RunConfig]:
        told = (*QUICK, f"outputs={tmp_path / folder}")
        return [composed(*told, f"training.steps={6 + n}", "seed=0", "probes=none") for n in range(3)]

    start, seen = subprocess.Popen, []

    class Seen(start):  # type: ignore[misc, valid-type]
        def __init__(self, command: list[str], env: Any = None, **settings: object) -> None:
            if "warmuplab.worker" in command:
                seen.append((env or os.environ).get(devices.VISIBLE))
            super().__init__(command, env=env, **settings)

    monkeypatch.setattr(local.subprocess, "Popen", Seen)
    monkeypatch.delenv(devices.VISIBLE, raising=False)
    alone = launch.launch(configs("cpu"), LauncherConfig("debug", None, None), lambda _: None)
    monkeypatch.setattr(launch, "_is_on_gpu", lambda _: True)
    monkeypatch.setattr(devices, "gpus", lambda: ["4", "7"])
    said: list[str] = []
    shared = launch.launch(configs("gpus"), LauncherConfig("local", None, 1), said.append)
    assert said[0] == "Training 3 runs in 3 populations, 2 at a time on 2 GPUs."
    assert failures(shared) == []
    assert seen[:2] == ["4", "7"]
    assert set(seen) == {"4", "7"}
    assert [run.run_id for run in shared] == [run.run_id for run in alone]
    assert [numbers_of(run.directory) for run in shared] == [numbers_of(run.directory) for run in alone]


def test_a_worker_sees_only_what_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv(devices.VISIBLE, raising=False)
    assert devices.gpus() == ["0", "1", "2"]
    monkeypatch.setenv(devices.VISIBLE, "5, GPU-4b1f,2,-1,0")  # CUDA stops at the first that is none
    assert devices.gpus() == ["5", "GPU-4b1f", "2"]


@pytest.mark.parametrize(
    ("workers", "names", "most"), [(2, ["0", "1"], 1), (3, ["0", "1"], 2), (4, [], 4), (1, ["0"], 1)]
)
def test_memory_is_divided_among_the_workers_of_a_gpu(workers: int, names: list[str], most: int) -> None:
    assert devices.per_gpu(workers, names) == most
