"""Sweeps: packed, validated before any trains, finished runs skipped, failures isolated and listed."""

import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import QUICK, ROOT, composed
from warmuplab import training, worker
from warmuplab.base.errors import ConfigError
from warmuplab.base.memory import available_gpu_memory, available_memory, kills_for_memory
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.train import train_one
from warmuplab.config.schema import RunConfig
from warmuplab.launch import local, queue
from warmuplab.launch.fitting import PROCESS_BYTES, USABLE, member_bytes, size_of
from warmuplab.launch.launch import LauncherConfig, _largest, launch
from warmuplab.launch.pack import pack
from warmuplab.record import writing
from warmuplab.record.leases import held
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.record.writing import failures

DEBUG = LauncherConfig("debug", workers=None, members=None)
LOCAL = LauncherConfig("local", workers=2, members=None)


def configs(folder: Path, *overrides: str, seeds: tuple[int, ...] = (0, 1)) -> list[RunConfig]:
    return [composed(*QUICK, f"outputs={folder}", f"seed={seed}", *overrides) for seed in seeds]


def test_packing_separates_what_cannot_train_together_and_divides_evenly() -> None:
    post = [Run(composed(f"seed={seed}"), f"post{seed}") for seed in range(5)]
    pre = [Run(composed(f"seed={seed}", "model=pre_ln"), f"pre{seed}") for seed in range(2)]
    packed = pack([post[0], pre[0], *post[1:], pre[1]], largest=lambda _: 3)
    assert [[run.run_id for run in population] for population in packed] == [
        ["post0", "post1"],
        ["post2", "post3", "post4"],
        ["pre0", "pre1"],
    ]


def test_a_sweep_trains_each_run_once_and_the_second_time_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    jobs = [*configs(tmp_path), *configs(tmp_path), *configs(tmp_path, "model=pre_ln", *QUICK[:4])]
    runs = launch(jobs, LOCAL, said.append)
    assert len(runs) == 4
    assert all(run.is_complete for run in runs)
    assert failures(runs) == []
    assert any("2 populations" in line for line in said)
    monkeypatch.setattr(training.Trainer, "run", lambda *_: pytest.fail("trained again"))
    said.clear()
    launch(jobs, DEBUG, said.append)
    assert "4 runs of 4 finished before" in said[0]


def test_a_run_listed_twice_is_measured_as_it_is_listed_first(tmp_path: Path) -> None:
    jobs = [*configs(tmp_path, "probes=default"), *configs(tmp_path, "probes=none", seeds=(0, 1, 2))]
    runs = launch(jobs, DEBUG, lambda _: None)
    assert [run.config.probes.enabled for run in runs] == [True, True, False]
    measured = [pd.read_parquet(run.directory / "metrics.parquet").columns for run in runs]
    assert ["probe/loss" in columns for columns in measured] == [True, True, False]


def test_overwrite_trains_again(tmp_path: Path) -> None:
    (run,) = launch(configs(tmp_path, seeds=(0,)), DEBUG, lambda _: None)
    before = (run.directory / "summary.json").stat().st_mtime_ns
    launch(configs(tmp_path, "overwrite=true", seeds=(0,)), DEBUG, lambda _: None)
    assert (run.directory / "summary.json").stat().st_mtime_ns > before


def test_a_failing_population_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = training.Trainer.run

    def sometimes(self: training.Trainer, *arguments: Any) -> float:
        if self.steps == 7:
            raise RuntimeError("out of luck")
        return train(self, *arguments)

    monkeypatch.setattr(training.Trainer, "run", sometimes)
    runs = launch([*configs(tmp_path, "training.steps=7"), *configs(tmp_path)], DEBUG, lambda _: None)
    assert [run.is_complete for run in runs] == [False, False, True, True]
    failed = failures(runs)
    assert len(failed) == 2
    assert all(str(run.directory) in line and "out of luck" in line for run, line in zip(runs, failed, strict=False))


def test_nothing_trains_when_one_corpus_cannot_be_had(tmp_path: Path) -> None:
    jobs = [*configs(tmp_path), *configs(tmp_path, "data=multi30k", f"data.path={tmp_path / 'nowhere'}")]
    with pytest.raises(ConfigError, match="no such folder"):
        launch(jobs, DEBUG, lambda _: None)
    assert not list(tmp_path.glob("single/*"))


@pytest.mark.parametrize(
    ("cluster", "workers", "members"), [("cloud", None, None), ("local", 0, None), ("local", None, 0)]
)
def test_impossible_settings_of_the_launcher_are_refused(
    tmp_path: Path, cluster: str, workers: int | None, members: int | None
) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.launcher\."):
        launch(configs(tmp_path), LauncherConfig(cluster, workers, members), lambda _: None)


def test_a_killed_worker_leaves_failed_runs_and_the_others_go_on(tmp_path: Path) -> None:
    """A worker that is killed cannot say so itself: the launcher does."""
    jobs = [*configs(tmp_path, seeds=(0,)), *configs(tmp_path, "training.steps=7", seeds=(0,))]
    unlucky = worker.population_name([worker.prepare(jobs[0])])
    start = subprocess.Popen

    class Killed(start):  # type: ignore[misc, valid-type]
        def __init__(self, command: list[str], **settings: object) -> None:
            super().__init__(command, **settings)
            if Path(command[3]).stem == unlucky:
                os.kill(self.pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local.subprocess, "Popen", Killed)
        runs = launch(jobs, LauncherConfig("local", 2, None), lambda _: None)
    assert [(run.summary or {}).get("status") for run in runs] == ["failed", "finished"]
    assert "was killed (signal 9)" in failures(runs)[0]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_run_that_cannot_be_recorded_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours in the same population are recorded, and hold what they would have held without it."""
    finish = writing.finish
    jobs = configs(tmp_path, seeds=(0, 1, 2))
    monkeypatch.setattr(writing, "finish", lambda run, *rest: (full if run.config.seed == 1 else finish)(run, *rest))
    runs = launch(jobs, DEBUG, lambda _: None)
    assert [run.is_complete for run in runs] == [True, False, True]
    assert failures(runs) == [f"{runs[1].directory}: No space left on device ({runs[1].directory})"]


def test_a_directory_that_cannot_be_made_fails_alone(tmp_path: Path) -> None:
    jobs = configs(tmp_path, seeds=(0, 1))
    blocked = worker.prepare(jobs[0]).directory
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file where the run's directory should be")
    runs = launch(jobs, DEBUG, lambda _: None)
    assert [run.is_complete for run in runs] == [False, True]
    assert failures(runs)[0].startswith(f"{blocked}: Not a directory ({blocked}/")
    blocked.unlink()
    assert failures(launch(jobs, DEBUG, lambda _: None)) == []


def test_a_worker_that_cannot_be_started_does_not_stop_the_others(tmp_path: Path) -> None:
    jobs = [*configs(tmp_path, seeds=(0,)), *configs(tmp_path, "training.steps=7", seeds=(0,))]
    first = worker.write_population([worker.prepare(jobs[0])])
    first.log_path.mkdir()
    runs = launch(jobs, LauncherConfig("local", 1, None), lambda _: None)
    assert [run.is_complete for run in runs] == [False, True]
    assert failures(runs) == [f"{runs[0].directory}: Is a directory ({first.log_path})"]


def test_a_record_that_could_not_be_overwritten_stays_and_is_said(tmp_path: Path) -> None:
    (run,) = launch(configs(tmp_path, seeds=(0,)), DEBUG, lambda _: None)
    before = run.summary

    class Failing(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, _: list[str], **settings: Any) -> None:
            super().__init__([sys.executable, "-c", "raise SystemExit(1)"], **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local.subprocess, "Popen", Failing)
        (run,) = launch(configs(tmp_path, "overwrite=true", seeds=(0,)), LOCAL, lambda _: None)
    assert "its worker ended with status 1" in failures([run])[0]
    assert run.is_complete
    assert run.summary == before


def test_what_another_sweep_wrote_into_the_file_of_a_population_does_not_count(tmp_path: Path) -> None:
    """Both have the same populations: one overwrites, the other does not."""
    (run,) = launch(configs(tmp_path, seeds=(0,)), DEBUG, lambda _: None)
    started = (run.summary or {})["timings"]
    planned = queue.plan([[worker.prepare(config)] for config in configs(tmp_path, "overwrite=true", seeds=(0,))])
    assert worker.write_population([run]) == planned.populations[0].file
    local.run(planned, 1, lambda _: None)
    assert run.is_complete
    assert (run.summary or {})["timings"] != started


def test_a_worker_that_ends_while_another_process_trains_its_runs_has_not_failed_them(tmp_path: Path) -> None:
    planned = queue.plan([[worker.prepare(config)] for config in configs(tmp_path, seeds=(0,))])
    (population,) = planned.populations
    with held([population.runs[0].directory]), population.file.log_path.open("wb") as log:
        ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
        ended.wait()
        local._end(local._Worker(population, population.runs, ended, log, 0), planned)
    assert population.state == queue.ELSEWHERE
    assert population.runs[0].summary is None


def test_a_population_file_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "populations").write_text("")
    with pytest.raises(ConfigError, match=r"outputs=.*populations"):
        launch(configs(tmp_path), DEBUG, lambda _: None)


TRAIN = [sys.executable, "scripts/train.py"]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TRAIN, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_any_multirun_is_packed(tmp_path: Path) -> None:
    finished = command("-m", *QUICK, f"outputs={tmp_path}", "seed=0,1", "schedule.peak_lr=1e-3,2e-3")
    assert finished.returncode == 0, finished.stderr
    assert "4 runs in 1 population" in finished.stdout
    assert len(list(tmp_path.glob("single/*/summary.json"))) == 4


def in_process(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The status of the same command run in this process, which has imported everything; its workers are real ones."""
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    try:
        return hydra_command(train_one)()
    except SystemExit as ended:
        return ended.code


def test_another_launcher_trains_one_run_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = in_process(monkeypatch, "-m", *QUICK, f"outputs={tmp_path}", "seed=0,1", "hydra/launcher=basic")
    said = capsys.readouterr()
    assert not status, said.err
    assert said.out.count("held-out loss") == 2


def test_a_failed_run_ends_the_sweep_with_status_1_and_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "single").mkdir(parents=True)
    (run,) = [Run(c, "") for c in configs(tmp_path, seeds=(0,))]
    blocked = worker.prepare(run.config).directory
    blocked.write_text("a file where the run's directory should be")
    status = in_process(monkeypatch, "-m", *QUICK, f"outputs={tmp_path}", "seed=0", "training.steps=6,7")
    said = capsys.readouterr()
    assert status == 1
    assert "1 of 2 runs failed" in said.out
    assert str(blocked) in said.out
    assert said.err.startswith(f"failed: {blocked}: ")
    assert f"Not a directory ({blocked}" in said.err
    assert said.err.count("\n") == 1
    assert len(list(tmp_path.glob("single/*/summary.json"))) == 1


def test_a_worker_that_writes_its_records_leaves_its_slot_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = queue.plan([[run] for run in map(worker.prepare, configs(tmp_path, seeds=(0, 1, 2, 3)))])
    started: list[str] = []

    class Asleep:
        """A worker process that ends when it is told to."""

        returncode: int | None = None

        def poll(self) -> int | None:
            return self.returncode

        def terminate(self) -> None: ...
        def wait(self, seconds: float) -> None: ...

    def start(population: queue.QueuedPopulation, _: str | None) -> list[local._Worker]:
        population.state = queue.TRAINING
        started.append(population.file.name)
        log = population.file.log_path.open("wb")
        return [local._Worker(population, population.runs, Asleep(), log, 0)]

    progress = Progress(6, 6, 1.0, 0, 1, 0, 1.0, 1.0)
    seen: list[tuple[int, int]] = []

    def show(sweep: queue.Sweep) -> None:
        training, writing = (sweep.among(state) for state in (queue.TRAINING, queue.WRITING))
        seen.append((len(training), len(writing)))
        for population in training[:1]:
            progress.at_its_end().write(population.file.progress_path)
        if len(seen) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(local, "_started", start)
    monkeypatch.setattr(local, "POLL_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        local.run(planned, 1, show)
    assert len(started) == 2  # one trains while one writes, and no more than that
    assert seen == [(1, 0), (0, 1), (1, 1), (0, 2)]


@pytest.mark.parametrize("launcher", [DEBUG, LOCAL], ids=["debug", "local"])
def test_a_population_that_does_not_fit_is_tried_again_in_halves(
    tmp_path: Path, launcher: LauncherConfig, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In worker processes by a module that Python imports as it starts."""
    patch = (
        "from warmuplab import training\nreally = training.Trainer.__init__\n"
        "def small(self, runs, *rest):\n"
        "    if len(runs) > 2: raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')\n"
        "    really(self, runs, *rest)\n"
        "training.Trainer.__init__ = small\n"
    )
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(patch)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patch"), prepend=os.pathsep)
    really = training.Trainer.__init__

    def small(self: Any, given: Any, *rest: Any) -> None:
        if len(given) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        really(self, given, *rest)

    monkeypatch.setattr(training.Trainer, "__init__", small)
    runs = launch(configs(tmp_path, seeds=(0, 1, 2, 3, 4)), launcher, lambda _: None)
    assert failures(runs) == []
    sizes = [len((run.summary or {})["population"]["members"]) for run in runs]
    assert sizes == [2, 2, 1, 2, 2]
    whole = tmp_path / "single" / "populations" / f"{worker.population_name(runs)}.json"
    assert whole.exists()  # another sweep may be about to train it
    printed = capfd.readouterr().out
    assert "out of memory with 5 members, is tried again as" in printed
    assert "out of memory with 3 members, is tried again as" in printed


def test_a_single_run_without_memory_fails_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError("no memory for 1 GiB")

    monkeypatch.setattr(training.Trainer, "__init__", none_left)
    runs = launch(configs(tmp_path), DEBUG, lambda _: None)
    assert len(failures(runs)) == 2
    assert all("no memory for 1 GiB" in line for line in failures(runs))


@pytest.mark.parametrize(
    ("visible", "asked"), [(None, "--query-gpu=memory.free"), ("2, 3", "-i 2,3 "), ("GPU-4b1f", "-i GPU-4b1f ")]
)
def test_what_is_free_on_the_fullest_gpu_is_asked_of_its_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: str
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\ncase "$*" in "{asked}"*) ;; *) exit 6 ;; esac\necho 92000\necho 81004\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert available_gpu_memory() == 81004 * 2**20
    tool.write_text("#!/bin/sh\necho 81004\necho '[N/A]'\n")
    assert available_gpu_memory() is None
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert available_gpu_memory() is None


def test_populations_are_smaller_where_there_is_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("warmuplab.launch.launch.available_memory", lambda: 500 * 2**20)
    runs = launch(configs(tmp_path, seeds=(0, 1, 2)), LauncherConfig("debug", workers=1, members=None), said.append)
    assert any("3 populations" in line for line in said)
    assert {len((run.summary or {})["population"]["members"]) for run in runs} == {1}


def test_a_gpu_is_filled_by_populations_of_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = worker.prepare(configs(tmp_path)[0])
    text = size_of(worker.load_corpus(run.config))
    room_for_five = (PROCESS_BYTES + 5.5 * member_bytes(run.config, text)) / USABLE
    monkeypatch.setattr("warmuplab.launch.launch.available_gpu_memory", lambda: int(room_for_five))
    largest = partial(_largest, LauncherConfig("local", workers=None, members=None), True, 1)
    assert [len(population) for population in pack([run] * 12, largest)] == [4, 4, 4]
    monkeypatch.setattr("warmuplab.launch.launch.available_gpu_memory", lambda: None)  # it may still be halved
    assert [len(population) for population in pack([run] * 12, largest)] == [12]


def test_this_machine_says_how_much_memory_it_has() -> None:
    assert (available_memory() or 0) > 100 * 2**20
    assert kills_for_memory() >= 0
