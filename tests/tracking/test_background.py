"""One process publishes what a sweep trains offline, and nothing waits for it but the end of the sweep."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.composing import QUICK, ROOT
from support.tracked import STEPS, begun, logged, recorded
from support.wandb_reader import forget_account
from warmuplab.tracking import background
from warmuplab.tracking.background import publisher


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_account(tmp_path / "home", monkeypatch)


def test_complete_offline_runs_are_published_by_the_end_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = [recorded(tmp_path, name="one"), recorded(tmp_path, name="other")]
    left = [
        recorded(tmp_path, "tracker=none", name="off"),
        recorded(tmp_path, "tracker.mode=online", name="online"),
        begun(tmp_path, name="unfinished"),
    ]
    began = time.monotonic()
    with publisher(tmp_path) as published:
        published.publish([runs[0], *left])
        published.publish([runs[1]])
        assert time.monotonic() - began < 1.0  # W&B takes longer than that to start
    assert [len(logged(run.directory)["history"]) for run in runs] == [STEPS, STEPS]
    assert not [run.run_id for run in left if (run.directory / "wandb").exists()]
    assert capfd.readouterr() == ("", "")


def test_more_runs_than_a_pipe_holds_do_not_make_the_launcher_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded(tmp_path, name="n" * 100)
    reads_and_waits = "import threading, sys; from pathlib import Path; from queue import SimpleQueue\n"
    reads_and_waits += "from warmuplab.tracking import background\n"
    reads_and_waits += (
        "background.publish = lambda *_, **__: threading.Event().wait(3) or True\nsys.exit(background.main())"
    )
    real = subprocess.Popen

    def slow(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", reads_and_waits], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(background.subprocess, "Popen", slow)
    began = time.monotonic()
    with publisher(tmp_path) as published:
        published.publish([run] * 3000)
        published.abandon()
    assert time.monotonic() - began < 60  # one publication of these takes 3 s


def test_where_publishing_fails_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run, real = recorded(tmp_path), subprocess.Popen
    unusable = os.environ | {"WANDB_MODE": "nonsense"}  # in the process that publishes
    with monkeypatch.context() as patched, publisher(tmp_path) as published:
        patched.setattr(background.subprocess, "Popen", lambda *given, **told: real(*given, env=unusable, **told))
        published.publish([run])
    said = capfd.readouterr()
    told = f"1 of 1 run not published to W&B ({tmp_path / 'tracking.log'} says why): the records are unharmed, "
    assert said.out == f"{told}`make sync STUDY=single` uploads them.\n"
    assert (said.out.count("\n"), said.err) == (1, "")
    assert f"{run.directory}: not published to W&B" in (tmp_path / "tracking.log").read_text()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with publisher(tmp_path) as published:
        published.publish([run])
    assert "some of 1 run not published to W&B ([Errno 2]" in capfd.readouterr().out


def test_a_sweep_is_published_when_it_is_over(tmp_path: Path) -> None:
    told = [
        *(each for each in QUICK if each != "tracker=none"),
        "training.steps=3",
        "probes=loss",
        f"outputs={tmp_path}",
    ]
    command = [sys.executable, "scripts/train.py", "-m", *told, "seed=0,1,2", "hydra.launcher.members=2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 0, finished.stderr
    directories = [path.parent for path in tmp_path.glob("single/*/summary.json")]
    assert len(directories) == 3
    assert [len(logged(directory)["history"]) for directory in directories] == [3, 3, 3]
    assert (tmp_path / "single" / "populations" / "tracking.log").read_text() == ""
