"""A sweep that is killed or interrupted goes on where it was, in the populations that it had, to the same bytes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from support.composing import QUICK, composed
from support.sweeps import bytes_of, checkpoints, left_over, started, undisturbed_sweep, wait_for, workers_of
from warmuplab import worker
from warmuplab.base import interrupts
from warmuplab.base.files import SECONDS_OF_A_HALF
from warmuplab.base.processes import machine
from warmuplab.launch import queue, recorded
from warmuplab.population import checkpoint, keeper
from warmuplab.record import writing
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run

SEEDS = 5


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return undisturbed_sweep(tmp_path_factory.mktemp("undisturbed"), SEEDS)


def sweep(outputs: Path, *more: str) -> "subprocess.Popen[str]":
    return started(outputs, SEEDS, *more)


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("victim", ["worker", "launcher"])
def test_after_a_kill_the_same_command_goes_on(tmp_path: Path, victim: str, undisturbed: dict[str, bytes]) -> None:
    first = sweep(tmp_path)
    wait_for(lambda: checkpoints(tmp_path))
    for number in workers_of(tmp_path) if victim == "worker" else [first.pid]:
        os.kill(number, signal.SIGKILL)
    first.communicate(timeout=120)
    assert first.returncode != 0
    wait_for(lambda: not list(workers_of(tmp_path)))
    assert checkpoints(tmp_path)
    again = sweep(tmp_path, "hydra.launcher.members=4")  # which would pack the runs otherwise
    printed, said = again.communicate(timeout=300)
    assert again.returncode == 0, printed + said
    assert "a checkpoint to go on from" in printed
    assert bytes_of(tmp_path) == undisturbed
    assert left_over(tmp_path) == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT], ids=lambda number: number.name)
def test_an_interrupted_sweep_saves_at_once(
    tmp_path: Path, number: signal.Signals, undisturbed: dict[str, bytes]
) -> None:
    first = sweep(tmp_path, "hardware.checkpoint_seconds=1000")
    wait_for(lambda: any("step" in path.read_text() for path in tmp_path.glob("single/populations/*.progress.json")))
    began = time.monotonic()
    os.kill(first.pid, number)
    _, said = first.communicate(timeout=60)
    assert time.monotonic() - began < 15
    assert first.returncode == 128 + number
    assert said == "interrupted; the same command goes on with what is left\n"
    assert list(workers_of(tmp_path)) == []
    assert checkpoints(tmp_path)
    again = sweep(tmp_path)
    printed, said = again.communicate(timeout=300)
    assert again.returncode == 0, printed + said
    assert bytes_of(tmp_path) == undisturbed


def test_a_folder_that_is_removed_while_it_is_written_to_comes_back(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    process = sweep(tmp_path, "hydra.launcher.workers=1")  # the second population has not begun
    wait_for(lambda: list(tmp_path.glob("single/populations/*.progress.json")))
    shutil.rmtree(tmp_path / "single", ignore_errors=True)
    printed, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (0, ""), printed
    assert bytes_of(tmp_path) == undisturbed
    assert left_over(tmp_path) == []


def prepared(outputs: Path, *overrides: str) -> list[Run]:
    return [worker.prepare(composed(*QUICK, f"outputs={outputs}", f"seed={seed}", *overrides)) for seed in range(SEEDS)]


def finish(run: Run) -> None:
    writing.finish(run, pd.DataFrame({"step": [0]}), {"status": "finished"})


def unfinished(runs: list[Run], allowed: int | None = None) -> tuple[list[list[Run]], list[Run]]:
    to_train = [run for run in runs if run.config.overwrite or not run.is_complete]
    return recorded.unfinished({run.run_id: run for run in runs}, to_train, allowed)


def test_populations_are_those_that_were_recorded(tmp_path: Path) -> None:
    runs = prepared(tmp_path)
    worker.write_population(runs[:3])
    finish(runs[0])
    populations, new = unfinished(runs)
    assert populations == [runs[:3]]
    assert new == runs[3:]
    for run in runs[:3]:
        finish(run)
    assert unfinished(runs) == ([], runs[3:])


def test_the_latest_record_of_a_run_counts(tmp_path: Path) -> None:
    runs = prepared(tmp_path)
    for age, members in ((20, runs[:4]), (10, runs[3:])):
        path = worker.write_population(members).path
        os.utime(path, (time.time() - age,) * 2)
    assert unfinished(runs) == ([runs[3:]], runs[:3])


def test_what_a_dry_run_printed_is_packed_anew_until_a_worker_begins_with_it(tmp_path: Path) -> None:
    runs = prepared(tmp_path)
    begun = worker.write_population(runs[3:])
    for members in (runs[:3], runs[3:]):
        printed = worker.write_population(members, printed=True)
        assert printed.read() == members
    assert unfinished(runs) == ([runs[3:]], runs[:3])
    assert begun.lists(runs[3:])
    file = worker.write_population(runs[:3], printed=True)
    assert file.begin(file.read()) == runs[:3]
    assert sorted(map(len, unfinished(runs)[0])) == [2, 3]


def test_what_has_most_left_to_do_comes_first(tmp_path: Path) -> None:
    """A population that goes on from nine tenths is soon over, though it is the longest."""
    long = prepared(tmp_path, "training.steps=60")[:1]
    short = prepared(tmp_path, "training.steps=20")[1:2]
    planned = queue.plan([short, long])
    assert [population.runs for population in planned.populations] == [long, short]
    file = planned.populations[0].file
    Progress(54, 60, 4.0, 0, 1, 0, 9.0, 0.9).write(file.progress_path)
    assert [population.runs for population in queue.plan([short, long]).populations] == [long, short]  # nothing is kept
    file.path.with_suffix(".checkpoint").write_bytes(b"kept")
    assert [population.runs for population in queue.plan([short, long]).populations] == [short, long]


class Killed(BaseException):
    """In place of SIGKILL: nothing is saved."""


@pytest.mark.parametrize("at", [3, 14, 25, 39])
def test_a_kill_loses_the_steps_of_one_interval_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Counted: by a clock on which a step takes a second, and with a checkpoint every seven seconds."""
    interval, steps = 7, 40
    runs = prepared(tmp_path, f"training.steps={steps}", f"hardware.checkpoint_seconds={interval}", "hardware=cpu")[:2]
    trained = 0

    def after_a_step() -> bool:
        nonlocal trained
        trained += 1
        if trained == at:
            raise Killed
        return False

    monkeypatch.setattr(keeper, "time", SimpleNamespace(perf_counter=lambda: float(trained)))
    monkeypatch.setattr(interrupts, "are_asked", after_a_step)
    with pytest.raises(Killed):
        worker.train_population(runs, "p", lambda _: None)
    kept = checkpoint.read(worker.checkpoint_path(runs[0].config, "p"))
    before = 0 if kept is None else int(kept.state["population.members.clock"])
    assert at - interval <= before < at
    assert worker.train_population(runs, "p", lambda _: None)
    trained += 1  # nobody is asked after the last step
    assert trained - steps == at - before <= interval


def test_a_population_keeps_its_threads_and_compiler(tmp_path: Path) -> None:
    worker.write_population(prepared(tmp_path, "hardware.threads=2"))
    ((first, *_),), new = unfinished(prepared(tmp_path, "hardware.compile=auto"))
    assert new == []
    assert (first.config.hardware.threads, first.config.hardware.compile) == (2, False)


def test_a_run_is_in_one_population(tmp_path: Path) -> None:
    runs = prepared(tmp_path, "overwrite=true")
    for age, members in ((20, runs[:4]), (10, runs[3:])):
        path = worker.write_population(members).path
        os.utime(path, (time.time() - age,) * 2)
        path.with_suffix(".checkpoint").write_bytes(b"kept")
    for run in runs:
        finish(run)
    populations, new = unfinished(runs)
    assert (populations, new) == ([runs[3:]], runs[:3])


def test_what_nothing_is_left_of_is_removed(tmp_path: Path) -> None:
    runs = prepared(tmp_path)
    done, begun = (worker.write_population(members).path for members in (runs[:2], runs[2:]))
    for path in (done, begun):
        path.with_suffix(".checkpoint").write_bytes(b"kept")
    for run in runs[:2]:
        finish(run)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    elsewhere, long_ago = "0123abcd-1", "0123abcd-2"  # on another machine
    names = [f"{machine()}-{ended.pid}", f"{machine()}-{os.getpid()}", elsewhere, long_ago]
    halves = [begun.with_name(f".{begun.stem}.checkpoint.{name}") for name in names]
    halves += [folder / f".half.{machine()}-{ended.pid}" for folder in (runs[2].directory, tmp_path / ".cache")]
    for half in halves:
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(b"half")
    os.utime(halves[3], (time.time() - 2 * SECONDS_OF_A_HALF,) * 2)
    recorded.tidy(runs)
    assert [half for half in halves if half.exists()] == halves[1:3]
    left = {path.name for path in begun.parent.iterdir() if "checkpoint" in path.name}
    assert left == {f"{begun.stem}.checkpoint", *(half.name for half in halves[1:3])}


def test_the_checkpoint_of_a_single_run_is_removed_when_it_is_done(tmp_path: Path) -> None:
    done, begun = prepared(tmp_path)[:2]
    paths = [worker.checkpoint_path(run.config, run.run_id) for run in (done, begun)]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        path.write_bytes(b"kept")
    finish(done)
    recorded.tidy([done])
    assert [path.exists() for path in paths] == [False, True]


@pytest.mark.parametrize("reason", ["too large", "other members", "overwritten", "damaged", "of an older form"])
def test_what_cannot_be_rebuilt_is_packed_anew(tmp_path: Path, reason: str) -> None:
    runs = prepared(tmp_path, *(("overwrite=true",) if reason == "overwritten" else ()))
    path = worker.write_population(runs).path
    if reason == "damaged":
        path.write_text(path.read_text()[:-40])
    if reason == "of an older form":
        path.write_text(json.dumps({"runs": json.loads(path.read_text())["runs"]}))
    jobs = runs[:4] if reason == "other members" else runs
    assert unfinished(jobs, 4 if reason == "too large" else None) == ([], jobs)
