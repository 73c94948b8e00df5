"""A training that is interrupted goes on from its checkpoint, and its records are those of an undisturbed one."""

import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.composing import QUICK, composed
from warmuplab import training, worker
from warmuplab.base.interrupts import Interrupted
from warmuplab.population.keeper import Keeper
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.record.weights import are_kept
from warmuplab.tracking.publication import publication

STEPS = 30
RUN = (*QUICK, "hardware=cpu", "tracker=none", f"training.steps={STEPS}", "training.validate_every=7", "probes.every=4")
FILES = ("metrics.parquet", "layers.parquet", "weights.safetensors", "tokenizer.json")


def runs_in(folder: Path, *overrides: str, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Run]:
    return [worker.prepare(composed(*RUN, f"outputs={folder}", f"seed={seed}", *overrides)) for seed in seeds]


def bytes_of(runs: list[Run]) -> list[bytes]:
    return [path.read_bytes() for run in runs for name in FILES if (path := run.directory / name).exists()]


def signalling(*steps: int, number: int = signal.SIGTERM) -> Any:
    """A report that sends this process a signal after those steps."""

    def report(progress: Progress) -> None:
        if progress.step in steps and not progress.writing:
            os.kill(os.getpid(), number)

    return report


@pytest.fixture
def reports_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_REPORTS", -1.0)


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer=adam", "probes=full"),
        ("optimizer=gi_adam", "probes=default", "hardware.dtype=float64"),
        ("optimizer=radam", "probes=loss"),
        ("optimizer=sgd", "probes=default", "optimizer.clip_norm=1"),
        ("optimizer=adamw", "probes=none", "hardware.replay=true"),
    ],
    ids=lambda overrides: "-".join(each.partition("=")[2] for each in overrides),
)
@pytest.mark.usefixtures("reports_every_step")
def test_the_records_are_those_of_an_undisturbed_training(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    whole, broken = (
        [
            *runs_in(folder, *overrides, "keep_weights=true"),
            *runs_in(folder, *overrides, "keep_weights=true", "schedule.peak_lr=1e30", seeds=(3,)),
        ]
        for folder in (tmp_path / "whole", tmp_path / "broken")
    )
    assert worker.train_population(whole, "p", lambda _: None)
    assert (whole[-1].summary or {})["status"] == "diverged"
    for stop in (1, 6, 21):
        with pytest.raises(Interrupted):
            worker.train_population(broken, "p", signalling(stop))
        assert worker.checkpoint_path(broken[0].config, "p").exists()
        assert not any(run.summary for run in broken)
    first: list[int] = []
    assert worker.train_population(broken, "p", lambda progress: first.append(progress.step))
    assert first[0] == 22
    assert bytes_of(broken) == bytes_of(whole) != []
    for one, other in zip(whole, broken, strict=True):
        told, resumed = one.summary or {}, other.summary or {}
        assert told["values"] == resumed["values"]
        assert told["status"] == resumed["status"]
        assert are_kept(one.directory) == are_kept(other.directory) == (told["status"] == "finished")
    assert list((tmp_path / "broken" / "single" / "populations").glob("*checkpoint*")) == []


def test_keeping_weights_changes_nothing_else_and_members_need_not_agree_on_it(tmp_path: Path) -> None:
    without = runs_in(tmp_path / "without", seeds=(0, 1))
    assert worker.train_population(without, "p", lambda _: None)
    kept = runs_in(tmp_path / "with", seeds=(0,)) + runs_in(tmp_path / "with", "keep_weights=true", seeds=(1,))
    file = worker.write_population(kept)
    assert worker.train_population(file.read(), file.name, lambda _: None)
    assert [run.run_id for run in kept] == [run.run_id for run in without]
    assert bytes_of(kept)[:4] == bytes_of(without) != []
    assert [are_kept(run.directory) for run in [*without, *kept]] == [False, False, False, True]
    assert {path.name for path in kept[1].directory.iterdir()} - {
        path.name for path in kept[0].directory.iterdir()
    } == {
        "weights.safetensors",
        "tokenizer.json",
    }


@pytest.mark.usefixtures("reports_every_step")
def test_only_what_is_missing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = runs_in(tmp_path / "whole")
    assert worker.train_population(whole, "p", lambda _: None)
    runs = runs_in(tmp_path / "broken")
    assert worker.train_population(runs, "p", lambda _: None)
    kept = (runs[0].directory / "summary.json").read_text()
    for run in runs[1:]:
        (run.directory / "summary.json").unlink()
    rows: list[int] = []
    really = publication

    def watched(wanted: list[Run], **more: Any) -> Any:
        rows.append(len(wanted))
        return really(wanted, **more)

    monkeypatch.setattr("warmuplab.worker.publication", watched)
    assert worker.train_population(runs, "p", lambda _: None)
    assert rows == [2]
    assert (runs[0].directory / "summary.json").read_text() == kept
    assert bytes_of(runs) == bytes_of(whole)


@pytest.mark.usefixtures("reports_every_step")
def test_a_checkpoint_of_other_settings_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted):
        worker.train_population(runs_in(tmp_path, "probes=none"), "p", signalling(9))
    first: list[int] = []
    runs = runs_in(tmp_path, "probes=default")
    assert worker.train_population(runs, "p", lambda progress: first.append(progress.step))
    assert first[0] == 1
    assert "other than now in: probes" in capsys.readouterr().err


@pytest.mark.usefixtures("reports_every_step")
def test_checkpoints_are_kept_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, Any]] = []
    really = Keeper.keep

    def keep(self: Keeper, state: Any, facts: dict[str, Any]) -> bool:
        kept.append(facts)
        return really(self, state, facts)

    monkeypatch.setattr(Keeper, "keep", keep)
    monkeypatch.setattr("warmuplab.population.keeper.LARGEST_SHARE", 1e9)
    runs = runs_in(tmp_path, "hardware.checkpoint_seconds=0", seeds=(0,))
    assert worker.train_population(runs, "p", lambda _: None)
    assert len(kept) == STEPS - 1
    assert [facts["seconds"] for facts in kept] == sorted(facts["seconds"] for facts in kept)


@pytest.mark.usefixtures("reports_every_step")
def test_time_and_start_are_those_of_the_whole_training(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, seeds=(0,))
    with pytest.raises(Interrupted):
        worker.train_population(runs, "p", signalling(20))
    path = worker.checkpoint_path(runs[0].config, "p")
    before = path.stat().st_mtime
    time.sleep(1.1)
    assert worker.train_population(runs, "p", lambda _: None)
    timings = json.loads((runs[0].directory / "summary.json").read_text())["timings"]
    assert datetime.fromisoformat(timings["started"]).timestamp() <= before
    assert timings["seconds"] > 0
