"""W&B shows what the record says: read back from disk, and from a server on this machine."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.composing import QUICK, ROOT, composed
from support.connecting import connect
from support.tracked import STEPS, begun, logged, measured, merged, own, recorded, series, summary
from support.wandb_reader import KEY, forget_account, inspect
from support.wandb_server import wandb_server
from warmuplab import worker
from warmuplab.base.errors import ConfigError
from warmuplab.config.mapping import to_mapping
from warmuplab.config.schema import TrackerConfig
from warmuplab.record import writing
from warmuplab.record.directory import recorded_series
from warmuplab.record.run import Run
from warmuplab.record.verifying import read_summary
from warmuplab.tracking import settings, stream, view
from warmuplab.tracking.__main__ import main
from warmuplab.tracking.publication import publication
from warmuplab.tracking.publishing import publish


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_account(tmp_path / "home", monkeypatch)


def test_an_offline_run_holds_every_metric_and_every_summary_value(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(tmp_path, "schedule/warmup=cosine", "schedule.warmup.fraction=null", "schedule.warmup.steps=3")
    assert publish(run.directory)
    assert capfd.readouterr() == ("", "")
    entries = logged(run.directory)
    table = pd.read_parquet(run.directory / "metrics.parquet")
    assert [own(row["item"]) for row in entries["history"]] == measured(table)
    assert [row["item"]["_step"] for row in entries["history"]] == list(range(STEPS))

    start, end = entries["run"]
    command = "python scripts/train.py schedule/warmup=cosine"
    assert command in end["notes"]
    assert "git checkout c0ffee" in end["notes"]
    assert (start["project"], start["run_group"], start["display_name"]) == ("warmuplab", "single", "some-run")
    assert start["job_type"] == "train"
    assert set(start["tags"]) == {"norm:post", "decay:linear", "optimizer:adam", "warmup:cosine", "warmup:3 steps"}
    step_metrics = {metric["name"]: metric.get("step_metric") for metric in entries["metric"]}
    assert step_metrics == {"step": None} | dict.fromkeys(table.columns.drop("step"), "step")

    whole = json.loads(inspect(run.directory / "wandb", "--summary"))
    assert whole["state"] == "finished"
    shown = own(whole["summary"])
    expected = summary()["values"] | {"status": "diverged", "diverged_at": 6, "trained": False}
    assert {name: shown.get(name) for name in expected} == expected
    assert set(shown) <= {name for name, value in expected.items() if value is not None} | set(table.columns)


@pytest.mark.parametrize(
    ("overrides", "tags"),
    [
        ((), set()),
        (("schedule.warmup.layers=decoder",), {"layers:decoder"}),
        (("schedule.warmup.layers=none",), {"layers:no layers"}),
        (("schedule.warmup.layers=[encoder,decoder.*.cross]",), {"layers:encoder", "layers:decoder.*.cross"}),
        (("schedule.warmup.layers=decoder", "schedule.warmup.fraction=0"), set()),
    ],
)
def test_tags_name_the_part_that_follows_the_warmup(overrides: tuple[str, ...], tags: set[str]) -> None:
    found = view._tags(to_mapping(composed(*QUICK, *overrides)))
    assert {tag for tag in found if tag.startswith("layers:")} == tags
    long = view._tags(to_mapping(composed(*QUICK, f"schedule.warmup.layers=[{'decoder' * 20}]")))
    assert max(map(len, long)) == 64


def test_layers_are_a_section_of_their_own(tmp_path: Path) -> None:
    places = [(step, stack, layer) for step in (0, 5) for stack in ("encoder", "decoder") for layer in (0, 1)]
    layers = pd.DataFrame(places, columns=["step", "stack", "layer"])
    layers["stability/cka_drift"] = [None] * 4 + [0.1, 0.2, 0.3, 0.4]
    layers["stability/grad_norm"] = np.arange(1.0, 9.0)
    run = begun(tmp_path)
    writing.finish(run, series(), summary(), layers)
    assert publish(run.directory)
    entries = logged(run.directory)
    rows = [own(row["item"]) for row in entries["history"]]
    of_layers = [{name: row[name] for name in row if name.startswith("layers/")} for row in rows]
    names = ["encoder_0", "encoder_1", "decoder_0", "decoder_1"]
    first = {f"layers/grad_norm/{name}": value for name, value in zip(names, (1, 2, 3, 4), strict=True)}
    later = {f"layers/grad_norm/{name}": value for name, value in zip(names, (5, 6, 7, 8), strict=True)}
    later |= {f"layers/cka_drift/{name}": value for name, value in zip(names, (0.1, 0.2, 0.3, 0.4), strict=True)}
    assert of_layers == [first, {}, {}, {}, {}, later, {}]
    assert [{name: row[name] for name in row.keys() - later.keys()} for row in rows] == measured(series())
    step_metrics = {metric["name"]: metric.get("step_metric") for metric in entries["metric"]}
    assert all(step_metrics[name] == "step" for name in later)
    shown = json.loads(inspect(run.directory / "wandb", "--summary"))["summary"]
    assert not any(name.startswith("layers/") for name in shown)
    assert shown["train/loss"] == summary()["values"]["train/loss"]


def test_the_configuration_is_complete(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    publish(run.directory)
    config = json.loads(inspect(run.directory / "wandb", "--summary"))["config"]
    record = config.pop("record")
    assert config.pop("arm").startswith("post-LN, linear, 10 % warmup, lr 2e-3")
    assert config == dataclasses.asdict(run.config)
    facts = ("run_id", "commit", "dirty", "corpus", "hardware", "timings", "early_steps")
    assert record == {name: (summary() | {"run_id": "some-run"})[name] for name in facts}


def test_nothing_of_the_machine_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("A_SECRET", "neither-this-word")
    run = recorded(tmp_path)
    publish(run.directory)
    (file,) = run.directory.glob("wandb/offline-run-*/run-*.wandb")
    for forbidden in (KEY, "neither-this-word", sys.executable, str(ROOT)):
        assert forbidden.encode() not in file.read_bytes()
    parts = {"config", "display_name", "project", "run_group", "run_id", "start_time", "tags", "telemetry", "notes"}
    parts |= {"job_type"}
    for entry in logged(run.directory)["run"]:
        assert set(entry) <= parts
    assert not any(file.parent.joinpath("files").iterdir())


def test_publishing_again_leaves_one_run_with_the_same_id(tmp_path: Path) -> None:
    run = recorded(tmp_path)

    def published() -> str:
        assert publish(run.directory)
        (folder,) = run.directory.glob("wandb/*run-*-*")
        return folder.name.rpartition("-")[2]

    first = published()
    history = logged(run.directory)["history"]
    assert published() == first
    assert [own(row["item"]) for row in logged(run.directory)["history"]] == [own(row["item"]) for row in history]
    other = recorded(tmp_path, name="other-run")
    publish(other.directory)
    assert not list(other.directory.glob(f"wandb/*{first}"))
    writing.finish(run, series(), summary("2026-11-01T10:00:01+00:00"))  # trained again
    assert published() != first


@pytest.mark.parametrize(
    ("name", "mode", "environment", "expected"),
    [
        ("wandb", None, None, "offline"),
        ("wandb", None, "", "offline"),
        ("wandb", None, "online", "online"),
        ("wandb", None, "disabled", "disabled"),
        ("wandb", "offline", "online", "offline"),
        ("wandb", "online", "disabled", "online"),
        ("wandb", "disabled", "online", "disabled"),
        ("none", "online", "online", "disabled"),
        ("none", None, "nonsense", "disabled"),
    ],
)
def test_the_mode_is_what_the_tracker_says_then_the_environment_then_offline(
    name: str, mode: str | None, environment: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment is not None:
        monkeypatch.setenv("WANDB_MODE", environment)
    assert settings.mode_of(TrackerConfig(name, mode, "warmuplab", None)) == expected


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"tracker.project=a/b: .*; use "):
        settings.check(TrackerConfig("wandb", None, "a/b", None))
    monkeypatch.setenv("WANDB_MODE", "onlin")
    with pytest.raises(ConfigError, match="WANDB_MODE=onlin: unknown; choose one of online, offline, disabled"):
        settings.check(TrackerConfig("wandb", None, "warmuplab", None))


@pytest.mark.parametrize("override", ["tracker=none", "tracker.mode=disabled"])
def test_a_disabled_tracker_does_nothing_at_all(
    override: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it is an error now
    run = recorded(tmp_path, override)
    settings.check(run.config.tracker)
    with publication([run]) as follow:
        assert follow is None
    assert not publish(run.directory)
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in run.directory.iterdir()) == ["config.yaml", "metrics.parquet", "summary.json"]


def test_a_failure_is_one_warning_and_leaves_the_record_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(tmp_path)
    before = {path.name: path.read_bytes() for path in run.directory.iterdir()}
    monkeypatch.setitem(sys.modules, "wandb", None)
    with publication([run]):
        pass
    captured = capfd.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"warning: {run.directory}: not published to W&B (")
    assert f"python -m warmuplab.tracking {run.directory}" in captured.err
    assert {path.name: path.read_bytes() for path in run.directory.iterdir()} == before
    monkeypatch.undo()
    again = subprocess.run(
        [sys.executable, "-m", "warmuplab.tracking", str(run.directory)], capture_output=True, text=True, check=True
    )
    assert again.stdout == "1 of 1 published\n"
    assert len(logged(run.directory)["history"]) == STEPS


def test_publishing_by_hand_says_what_cannot_be_published(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for directory, problem in (
        (begun(tmp_path, name="unfinished").directory, "no finished run"),
        (recorded(tmp_path, "tracker=none").directory, "its tracker is off"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main([str(directory)])
        captured = capfd.readouterr()
        assert captured.err.startswith(f"error: RUN_DIRECTORY={directory}: {problem}; ")
        assert (captured.out, captured.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("damage", ["missing", "- 3", "tracker: {nosuch: 1}", "study: x", "a: [", "a: ${b}"])
def test_a_record_without_its_configuration_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    run = recorded(tmp_path)
    (run.directory / "config.yaml").unlink()
    if damage != "missing":
        (run.directory / "config.yaml").write_text(damage)
    with pytest.raises(SystemExit) as ended:
        main([str(run.directory)])
    said = capfd.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"error: RUN_DIRECTORY={run.directory}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("key", ["", "too-short"])
def test_online_without_an_account_is_refused_before_training(key: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "scripts/train.py",
        *QUICK,
        "tracker=wandb",
        "tracker.mode=online",
        f"outputs={tmp_path}",
    ]
    finished = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"WANDB_API_KEY": key}
    )
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("error: tracker.mode=online: ")
    assert "wandb login" in finished.stderr
    assert not list(tmp_path.glob("single/*"))


def test_a_sync_without_an_account_says_what_is_missing(tmp_path: Path) -> None:
    recorded(tmp_path)
    finished = subprocess.run(
        [sys.executable, "scripts/sync.py", "single", "--outputs", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"WANDB_API_KEY": "too-short"},
    )  # fmt: skip
    assert (finished.returncode, finished.stdout, finished.stderr.count("\n")) == (2, "", 1)
    assert finished.stderr.startswith("error: STUDY=single: ")
    assert "set WANDB_API_KEY, then sync again" in finished.stderr
    assert "tracker.mode" not in finished.stderr  # which is not what was typed


def test_a_population_trained_online_is_on_the_server_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = (*QUICK, "tracker=wandb", "tracker.mode=online", f"outputs={tmp_path}")
    with wandb_server() as server:
        connect(server, monkeypatch)
        runs = [Run(composed(*overrides, f"seed={seed}"), "") for seed in (0, 1)]
        file = worker.write_population(runs)
        subprocess.run([sys.executable, "-m", "warmuplab.worker", str(file.path)], check=True)
        directories = [path.parent for path in sorted(tmp_path.glob("single/*/summary.json"))]
        assert len(directories) == 2

        def check() -> None:
            by_name = {run.fields["displayName"]: run for run in server.runs.values()}
            assert sorted(by_name) == [directory.name for directory in directories]
            for directory in directories:
                run, record = by_name[directory.name], read_summary(directory)
                assert record is not None
                table = recorded_series(directory)
                assert "layers/cka_drift/decoder_0" in table
                assert merged(run.rows) == measured(table)
                values = {name: value for name, value in record["values"].items() if value is not None}
                assert values.items() <= run.summary.items()
                assert run.config["record"]["commit"] == record["commit"]
                assert (run.fields["groupName"], run.exit_code) == ("single", 0)

        check()
        histories = {run_id: run.history for run_id, run in server.runs.items()}
        subprocess.run([sys.executable, "-m", "warmuplab.tracking", *map(str, directories)], check=True)
        check()
        assert {run_id: run.history for run_id, run in server.runs.items()} == histories


def test_offline_runs_are_uploaded_once_however_often_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directories = [recorded(tmp_path, name=name).directory for name in ("one", "other")]
    recorded(tmp_path, "tracker=none", name="private")
    begun(tmp_path, name="unfinished")
    for directory in directories:
        assert publish(directory)  # offline, as training does

    def sync() -> str:
        command = [sys.executable, "scripts/sync.py", "single", "--outputs", str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    with wandb_server() as server:
        connect(server, monkeypatch)
        ended = ", 0 failed, 1 trained with the tracker off"
        assert sync().splitlines()[0] == f"runs: 2 uploaded, 0 uploaded before{ended}"
        by_name = {run.fields["displayName"]: run for run in server.runs.values()}
        assert sorted(by_name) == ["one", "other"]
        for run in by_name.values():
            assert [own(row) for row in run.rows] == measured(series())
            assert run.summary["train/loss"] == summary()["values"]["train/loss"]
            assert "python scripts/train.py" in run.fields["notes"]
        histories = {run_id: dict(run.history) for run_id, run in server.runs.items()}
        assert sync().splitlines()[0] == f"runs: 0 uploaded, 2 uploaded before{ended}"
        for directory in directories:
            (directory / "wandb" / "uploaded").unlink()  # as after an interruption
        assert sync().startswith("runs: 2 uploaded, 0 uploaded before")
        assert {run_id: run.history for run_id, run in server.runs.items()} == histories


def test_rows_arrive_while_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = [begun(tmp_path, "tracker.mode=online", name=name) for name in ("finishes", "fails")]
    tables = [series(0), series(1)]
    started = summary()["timings"]["started"]

    def rows(first: int, stop: int) -> dict[str, np.ndarray]:
        names = tables[0].columns.drop("step")
        return {name: np.stack([table[name].iloc[first:stop] for table in tables], axis=1) for name in names}

    with wandb_server() as server:
        connect(server, monkeypatch)
        with publication(runs) as follow:
            assert follow is not None
            follow(started, 0, rows(0, 2))
            follow(started, 2, rows(2, 4))
            patience = time.monotonic() + 20
            while len(server.runs) < 2:
                assert time.monotonic() < patience, "nothing arrived before the end of training"
                time.sleep(0.05)
            late = tables[0].assign(**{"stability/jitter": [None, *np.linspace(0.1, 0.6, STEPS - 1)]})
            writing.finish(runs[0], late, summary(started))
            writing.fail(runs[1], "RuntimeError: out of luck")
        by_name = {run.fields["displayName"]: run for run in server.runs.values()}
    assert merged(by_name["finishes"].rows) == measured(late)
    assert by_name["finishes"].summary["train/loss"] == summary()["values"]["train/loss"]
    # Its record has no metrics: these rows can only have come before the end.
    assert [own(row) for row in by_name["fails"].rows] == measured(tables[1].iloc[:4])
    assert [by_name[name].exit_code for name in ("finishes", "fails")] == [0, 1]
    assert capfd.readouterr() == ("", "")


def test_training_does_not_wait_for_a_silent_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stream, "SECONDS_TO_END", 0.5)
    run = begun(tmp_path, "tracker.mode=online")
    large = {"train/loss": np.zeros((300_000, 1))}  # more than a pipe holds
    with wandb_server(answers=False) as server:
        connect(server, monkeypatch)
        with publication([run]) as follow:
            assert follow is not None
            began = time.monotonic()
            for _ in range(5):
                follow(summary()["timings"]["started"], 0, large)
            assert time.monotonic() - began < 10  # a server that never answers would hold it for ever
            writing.finish(run, series(), summary())
        assert time.monotonic() - began < 60
    captured = capfd.readouterr()
    assert captured.err.count("\n") == 1
    assert f"{run.directory}: not published to W&B (not done 0.5 s after training)" in captured.err


def test_an_interrupted_training_says_nothing_of_w_and_b(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = begun(tmp_path, "tracker.mode=online")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(KeyboardInterrupt), publication([run]):
        raise KeyboardInterrupt
    assert capfd.readouterr() == ("", "")
    with publication([run]):
        writing.finish(run, series(), summary())
    assert "not published to W&B (the publishing process failed: " in capfd.readouterr().err
