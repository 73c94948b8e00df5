"""The worker: one command trains the population in a file, and says so in its directory when it cannot."""

import errno
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import QUICK, ROOT, composed
from warmuplab import training, worker
from warmuplab.base.errors import ConfigError
from warmuplab.record.progress import Progress, Report
from warmuplab.record.run import Run


def runs_in(folder: Path, *overrides: str, seeds: tuple[int, ...] = (0, 1)) -> list[Run]:
    return [worker.prepare(composed(*QUICK, f"outputs={folder}", f"seed={seed}", *overrides)) for seed in seeds]


def test_the_command_trains_what_the_file_lists(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    file = worker.write_population(runs)
    command = [sys.executable, "-m", "warmuplab.worker", str(file.path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "step 6/6" in finished.stdout
    for run in runs:
        assert run.summary is not None
        assert run.summary["status"] == "finished"
        assert run.summary["population"] == {"name": file.name, "members": [run.run_id for run in runs]}
        assert len(pd.read_parquet(run.directory / "metrics.parquet")) == 6
    progress = Progress.read(file.progress_path)
    assert progress is not None
    assert (progress.step, progress.members) == (6, 2)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "finished already" in again.stdout


def test_repeating_a_run_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for folder in ("one", "two"):
        (run,) = runs_in(tmp_path / folder, seeds=(3,))
        assert worker.train_population([run], "alone", lambda _: None)
        written.append((run.directory / "metrics.parquet").read_bytes())
    assert written[0] == written[1]


def test_a_failure_is_written_into_every_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of luck")

    runs = runs_in(tmp_path)
    monkeypatch.setattr(training.Trainer, "run", broken)
    assert not worker.train_population(runs, "p", lambda _: None)
    for run in runs:
        assert run.summary is not None
        assert (run.summary["status"], run.summary["error"]) == ("failed", "RuntimeError: out of luck")
        assert "Traceback" in (run.directory / "error.txt").read_text()


def test_a_failed_run_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = runs_in(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(training.Trainer, "run", lambda *_: 1 / 0)
        worker.train_population(runs, "p", lambda _: None)
    assert worker.train_population(runs, "p", lambda _: None)
    assert all(run.is_complete and not (run.directory / "error.txt").exists() for run in runs)


def test_a_file_of_runs_that_cannot_train_together_is_refused(tmp_path: Path) -> None:
    file = worker.write_population([*runs_in(tmp_path), *runs_in(tmp_path, "training.steps=7")])
    with pytest.raises(ConfigError, match="more than seed and schedule"):
        file.read()


NO_POPULATIONS = [None, "{", "{}", *(f'{{"runs": {runs}}}' for runs in ("[]", '"abc"', "5", "[1]", "[null]"))]


@pytest.mark.parametrize("content", NO_POPULATIONS)
def test_a_file_that_is_no_population_is_one_line(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "population.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as caught:
        worker.main([str(path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_worker_whose_run_fails_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = worker.write_population(runs_in(tmp_path))
    monkeypatch.setattr(training.Trainer, "run", full)
    with pytest.raises(SystemExit) as caught:
        worker.main([str(file.path)])
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"failed: 2 of 2 runs, the first of them {tmp_path}/single/")
    assert "No space left on device (" in said
    assert said.count("\n") == 1


def test_a_directory_that_is_removed_while_its_run_trains_is_whole_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, train = runs_in(tmp_path), training.Trainer.run

    def removing(self: training.Trainer, report: Report, *rest: Any) -> float:
        shutil.rmtree(tmp_path)
        return train(self, report, *rest)

    monkeypatch.setattr(training.Trainer, "run", removing)
    assert worker.train_population(runs, "p", lambda _: None)
    for run in runs:
        assert {path.name for path in run.directory.iterdir()} >= {"config.yaml", "metrics.parquet", "summary.json"}


def test_a_run_that_another_process_begins_to_overwrite_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was whole when the leases of the others were taken."""
    whole, other = runs_in(tmp_path)
    assert worker.train_population([whole], "alone", lambda _: None)
    take = worker.leases.Leases

    def overwriting(directories: list[Path]) -> object:
        taken = take(directories)
        (whole.directory / "summary.json").unlink()
        return taken

    monkeypatch.setattr(worker.leases, "Leases", overwriting)
    before = (whole.directory / "metrics.parquet").stat().st_mtime_ns
    assert worker.train_population([whole, other], "p", lambda _: None)
    assert other.is_complete
    assert not (whole.directory / "summary.json").exists()
    assert (whole.directory / "metrics.parquet").stat().st_mtime_ns == before


def test_what_cannot_be_said_on_the_way_does_not_stop_a_training(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    file = worker.write_population(runs)
    file.progress_path.mkdir()
    assert worker.main([str(file.path)]) == 0
    assert all(run.is_complete for run in runs)


@pytest.mark.parametrize("content", ["", "[]", "5", "{}", '{"step": 1, "other": 2}'])
def test_progress_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "p.progress.json"
    path.write_text(content)
    assert Progress.read(path) is None


def test_more_sentences_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.batch_size=100000"):
        worker.prepare(composed("training.batch_size=100000"))


def test_the_file_holds_complete_configurations(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, "schedule=cosine")
    listed = json.loads(worker.write_population(runs).path.read_text())["runs"]
    assert listed == [asdict(run.config) for run in runs]


def test_an_attended_worker_ends_with_its_launcher(tmp_path: Path) -> None:
    """However that ends: here it is killed. What it trained is not finished, and nobody goes on with it."""
    long = [*QUICK, f"outputs={tmp_path}", "training.steps=1000000", "seed=0,1", "tracker=none"]
    launcher = subprocess.Popen(
        [sys.executable, "scripts/train.py", "-m", *long],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: any(tmp_path.glob("single/populations/*.progress.json")))
    finally:
        launcher.kill()
        launcher.wait()
    wait_until(lambda: str(tmp_path) not in subprocess.check_output(["ps", "-eo", "args"], text=True))
    assert not list(tmp_path.glob("single/*/summary.json"))


def wait_until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.2)
