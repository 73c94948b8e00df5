"""W&B is never in the way of a sweep: a server that is down costs nothing, and what it missed is uploaded later."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.composing import QUICK, ROOT, composed
from support.connecting import connect
from support.wandb_reader import KEY, forget_account
from support.wandb_server import wandb_server
from warmuplab.launch import local, queue
from warmuplab.record.progress import Progress
from warmuplab.record.verifying import read_summary
from warmuplab.tracking import server
from warmuplab.tracking.view import identity_of
from warmuplab.worker import prepare

DEAD = "http://127.0.0.1:9"
SWEEP = [*(each for each in QUICK if each != "tracker=none"), "training.steps=3", "probes=loss", "tracker.mode=online"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    forget_account(tmp_path / "home", monkeypatch)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def trained(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/train.py", *overrides, *SWEEP, f"outputs={folder}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))


def synced(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/sync.py", "single", "--outputs", str(folder), "--results", str(folder / "none")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))


def records(folder: Path) -> list[Path]:
    return [path.parent for path in sorted(folder.glob("single/*/summary.json"))]


def test_a_dead_server_costs_no_slot_and_the_same_w_and_b_runs_are_uploaded_later(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that W&B prints is seen, and the key is in no file and no output."""
    outputs = tmp_path / "outputs"
    monkeypatch.setenv("WANDB_BASE_URL", DEAD)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    sweep = trained(outputs, "-m", "seed=0,1", "hydra.launcher.members=1", "hydra.launcher.workers=1")
    first, second = sorted(records(outputs), key=lambda path: (path / "summary.json").stat().st_mtime)
    waited = (second / "config.yaml").stat().st_mtime - (first / "summary.json").stat().st_mtime
    assert waited < 25  # W&B itself would try for 30 s before the slot is free
    assert (sweep.returncode, sweep.stderr) == (0, "")
    told = "2 of 2 runs not published to W&B yet: the records are unharmed, `make sync STUDY=single` uploads them."
    assert [line for line in sweep.stdout.splitlines() if "W&B" in line] == [told]
    refused = synced(outputs)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"error: STUDY=single: {DEAD} cannot be reached: ")
    assert refused.stderr.count("\n") == 1
    with wandb_server() as alive:
        connect(alive, monkeypatch)
        later = synced(outputs)
        assert later.stdout.startswith("runs: 2 uploaded, 0 uploaded before, 0 failed")
        directories = records(outputs)
        ids = {identity_of(directory, read_summary(directory) or {}) for directory in directories}
        assert set(alive.runs) == ids
        again = trained(outputs, "-m", "seed=2", "hydra.launcher.members=1")  # and as training goes on
        assert (again.returncode, again.stderr) == (0, "")
        assert "W&B" not in again.stdout
        assert len(alive.runs) == 3
        assert synced(outputs).stdout.startswith("runs: 0 uploaded, 3 uploaded before, 0 failed")
    printed = "".join(each.stdout + each.stderr for each in (sweep, refused, later, again))
    assert KEY not in printed
    files = [path for folder in (outputs, home) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_single_run_with_a_dead_server_says_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", DEAD)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    single = trained(tmp_path / "outputs")
    assert single.returncode == 0
    assert single.stderr.startswith("warning: ")
    assert f"not published to W&B ({DEAD} cannot be reached: Connection refused)" in single.stderr
    assert single.stderr.count("\n") == 1


def test_whether_a_server_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with wandb_server() as alive:
        monkeypatch.setenv("WANDB_BASE_URL", alive.url)
        assert server.why_unreachable() is None
    monkeypatch.setenv("WANDB_BASE_URL", DEAD)
    assert server.why_unreachable() == f"{DEAD} cannot be reached: Connection refused"
    monkeypatch.setenv("WANDB_BASE_URL", "http://nowhere.invalid")
    assert "http://nowhere.invalid cannot be reached: " in (server.why_unreachable() or "")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # it may know a way
    assert server.why_unreachable() is None


def test_a_worker_that_waits_for_w_and_b_leaves_its_place_to_others(tmp_path: Path) -> None:
    runs = [prepare(composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}")) for seed in range(3)]
    planned = queue.plan([[run] for run in runs]).populations
    workers = [local._Worker(population, population.runs, None, None, 0) for population in planned]
    for worker in workers:
        worker.population.state = queue.WRITING
        Progress(6, 6, 1.0, 0, 1, 0, 1.0, 1.0).at_its_end().write(worker.population.file.progress_path)
    assert local._room(workers, 2) == 1
    for run in runs:
        run.directory.mkdir()
        (run.directory / "summary.json").write_text('{"status": "finished"}')
    assert local._room(workers, 2) == 2
