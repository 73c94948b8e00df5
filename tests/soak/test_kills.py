"""Kills at random moments: a sweep that is killed again and again ends with the bytes of one that was left alone."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.sweeps import bytes_of, checkpoints, left_over, started, undisturbed_sweep, wait_for, workers_of
from warmuplab.population import checkpoint
from warmuplab.record.progress import Progress

KILLS, SEEDS = 40, 7
LONGER = ("training.steps=400",)  # so that kills meet training

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes in /proc"),
]


def kill(victim: str, launcher: "subprocess.Popen[str]", outputs: Path) -> None:
    workers = list(workers_of(outputs))
    if victim in ("worker", "both") and workers:
        os.kill(random.choice(workers), signal.SIGKILL)
    if victim in ("launcher", "both") or not workers:
        launcher.kill()
    launcher.communicate(timeout=120)
    wait_for(lambda: not list(workers_of(outputs)))


def summaries(outputs: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in outputs.glob("single/*/summary.json")}


def steps_kept(outputs: Path) -> dict[str, int]:
    """How far the checkpoint of each population is."""
    kept = {path.stem: checkpoint.read(path) for path in checkpoints(outputs)}
    return {name: int(found.state["population.members.clock"]) for name, found in kept.items() if found is not None}


def test_forty_kills_change_no_byte(tmp_path: Path) -> None:
    expected = undisturbed_sweep(tmp_path / "undisturbed", SEEDS, *LONGER)
    outputs, seed = tmp_path / "killed", random.randrange(10**6)
    print(f"seed {seed}")
    random.seed(seed)
    finished: dict[str, int] = {}
    kept: dict[str, int] = {}
    kills = 0
    while kills < KILLS:
        sweep = started(outputs, SEEDS, *LONGER)
        latest = time.monotonic() + random.uniform(2, 14)
        while time.monotonic() < latest and sweep.poll() is None:
            time.sleep(0.05)
        if sweep.poll() is not None:  # all is trained: from the beginning, for the kills that are left
            _, said = sweep.communicate()
            assert sweep.returncode == 0, said
            assert bytes_of(outputs) == expected
            assert left_over(outputs) == []
            outputs, finished, kept = outputs.with_name(f"killed-{kills}"), {}, {}
            continue
        kill(random.choice(("worker", "launcher", "both")), sweep, outputs)
        kills += 1
        now = summaries(outputs)
        assert finished.items() <= now.items(), "a finished run was trained again"
        finished = {name: when for name, when in now.items() if name in finished or is_finished(outputs, name)}
        steps = steps_kept(outputs)
        back = {name: (kept[name], step) for name, step in steps.items() if step < kept.get(name, 0)}
        assert back == {}, "a population began behind its checkpoint"
        kept = steps
    sweep = started(outputs, SEEDS, *LONGER)
    _, said = sweep.communicate(timeout=600)
    assert sweep.returncode == 0, said
    assert bytes_of(outputs) == expected
    assert left_over(outputs) == []


def test_a_worker_that_is_killed_loses_about_an_interval_at_most(tmp_path: Path) -> None:
    """Measured: what it had said to have trained, against what its checkpoint holds."""
    interval = 5.0
    endless = ("training.steps=100000", "training.validate_every=100000", "probes=none")  # one population
    sweep = started(tmp_path, 3, *endless, f"hardware.checkpoint_seconds={interval}")
    wait_for(lambda: checkpoints(tmp_path))
    (path,) = checkpoints(tmp_path)
    first = path.stat().st_mtime_ns
    wait_for(lambda: path.stat().st_mtime_ns != first)
    time.sleep(0.8 * interval)  # most of the next one
    kill("worker", sweep, tmp_path)
    said, kept = Progress.read(path.with_suffix(".progress.json")), checkpoint.read(path)
    assert said is not None
    assert kept is not None
    lost = said.step - int(kept.state["population.members.clock"])
    print(f"{lost} steps, {said.seconds - kept.facts['seconds']:.1f} s")
    assert 0 < lost <= 1.5 * interval * said.step / said.seconds  # half more: a busy machine has slow moments


def is_finished(outputs: Path, name: str) -> bool:
    return '"finished"' in (outputs / "single" / name / "summary.json").read_text()
