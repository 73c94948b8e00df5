"""The learning-rate finder from its command line to its files, and what it says of ramps that are known."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from support.composing import QUICK, ROOT
from warmuplab.base.errors import ConfigError
from warmuplab.commands import find_lr
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.figures import lr_range as figure
from warmuplab.record import writing
from warmuplab.record.finding import Finding, read_runs
from warmuplab.record.run import Run
from warmuplab.schedules import learning_rates
from warmuplab.series import lr_range

STEPS = 200


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/find_lr.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip


def finding_of(
    folder: Path,
    onsets: list[int | None],
    diverge_at: int | None = None,
    steps: int = STEPS,
    every: int = 2,
    *more: str,
) -> Finding:
    """What is found in the records of ramps whose loss falls until its onset and then rises at one in `every` steps."""
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        overrides = [f"seeds={len(onsets)}", f"outputs={folder}", f"training.steps={steps}", *more]
        configs = find_lr.ramp_configs(compose("find_lr", overrides))
    runs = [Run(config, f"ramp-s{config.seed}") for config in configs]
    for run, onset in zip(runs, onsets, strict=True):
        step = np.arange(steps)
        rises = (step >= (steps if onset is None else onset)) & ((step - (onset or 0)) % every == 0)
        loss = 8 + 0.01 * np.concatenate([[0.0], np.cumsum(np.where(rises, 1.0, -1.0))[:-1]])
        loss[diverge_at if diverge_at is not None else steps :] = np.nan
        metrics = pd.DataFrame(
            {"step": step, "lr": learning_rates(run.config.schedule, steps), "probe/loss": loss, "train/loss": loss}
        )
        facts = {"status": "finished", "diverged_at": diverge_at, "corpus": {"unigram_entropy": 6.0}}
        writing.finish(run, metrics, facts)
    return read_runs(runs, overrides)


# ---- Known ramps -----------------------------------------------------------------------------------------------------


def test_the_suggestion_is_the_median_of_the_planted_onsets(tmp_path: Path) -> None:
    finding = finding_of(tmp_path, [80, 92, 120])
    assert finding.suggested == pytest.approx(1e-5 * 1e5 ** (92 / STEPS), rel=0.02)
    assert finding.spread("jitter").low == pytest.approx(1e-5 * 1e5 ** (80 / STEPS))
    assert find_lr.suggestion(finding) == (
        "Suggested peak rate: schedule.peak_lr=2.0e-03 (1.0e-03 to 1.0e-02 over 3 seeds)"
    )
    some = finding_of(tmp_path / "some", [80, None, 92])
    assert some.suggested == finding.suggested
    assert "over 2 of 3 seeds" in find_lr.suggestion(some)


@pytest.mark.parametrize(
    ("onsets", "diverge_at", "said"),
    [
        ([None, None], None, "schedule.decay.end_lr"),
        ([0, 0], None, "schedule.decay.start_lr"),
        ([None, None], 150, "stopped being finite without jitter"),
        ([92, None, None], None, "1 of 3 seeds began to jitter"),
    ],
)
def test_without_an_onset_no_rate_is_made_up(
    tmp_path: Path, onsets: list[int | None], diverge_at: int | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = finding_of(tmp_path, onsets, diverge_at)
    assert finding.suggested is None
    find_lr.show(finding)
    shown = capsys.readouterr().out
    assert "No peak rate suggested" in shown
    assert "peak_lr=" not in shown
    assert said in shown
    png, _, record = find_lr.write(finding)
    assert json.loads(record.read_text())["suggested_peak_lr"] is None
    assert png.stat().st_size > 10_000


LATE = 180  # 20 steps before the end of a ramp of 200: the search ends 25 steps before it


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"onsets": [LATE, LATE, LATE]},
            "jitter sets in at 2.4e-01, where the search for it ends, or later. Type schedule.decay.end_lr=10, or a"
            " slower ramp: training.steps=400.",
        ),
        (
            {"onsets": [92, LATE, LATE]},  # the median is among those
            "jitter sets in at 2.4e-01, where the search for it ends, or later. Type schedule.decay.end_lr=10, or a"
            " slower ramp: training.steps=400.",
        ),
        (
            {"onsets": [130, 130], "diverge_at": 150},
            "jitter sets in at 1.3e-02, so close before the loss stopped being finite that the search ends there, or"
            " later. Type a slower ramp: training.steps=400.",
        ),
        (
            {"onsets": [1, 1], "steps": 2000},
            "jitter sets in at 1.0e-05, where the search for it begins, or earlier. Type"
            " schedule.decay.start_lr=1e-06.",
        ),
    ],
    ids=["last", "mostly last", "diverged", "first"],
)
def test_an_onset_at_an_end_of_the_search_is_not_suggested_but_what_to_type(
    tmp_path: Path, told: dict[str, Any], said: str
) -> None:
    finding = finding_of(tmp_path, every=1, **told)
    assert finding.suggested is None
    assert find_lr.suggestion(finding) == f"No peak rate suggested: {said}"
    for override in re.findall(r"[\w.]+=[\w.-]+\w", said):  # what it says to type is no mistake
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            assert find_lr.ramp_configs(compose("find_lr", [override]))
    lower = figure.make_figure(finding).axes[1]
    marked = {line.get_xdata()[0] for line in lower.lines if line.get_linestyle() == ":"}
    assert marked == {reading.edge_lr for reading in finding.readings if reading.edge}
    (label,) = (text.get_text() for text in lower.get_legend().get_texts())
    assert ("begins" if "begins" in said else "ends") in label
    record = json.loads(find_lr.write(finding)[-1].read_text())
    assert record["suggested_peak_lr"] is None
    assert [seed["edge_lr"] for seed in record["seeds"]] == [reading.edge_lr for reading in finding.readings]


def test_a_few_seeds_at_an_end_of_the_search_count_as_above_or_below_the_others(tmp_path: Path) -> None:
    above = finding_of(tmp_path / "above", [80, 92, LATE], every=1)
    assert above.suggested == pytest.approx(1e-5 * 1e5 ** (92 / STEPS), rel=0.02)
    below = finding_of(tmp_path / "below", [800, 1, 920], steps=2000, every=1)
    assert below.suggested == pytest.approx(1e-5 * 1e5 ** (800 / 2000), rel=0.02)


def test_the_figure_marks_the_onset_and_drawn_again_is_the_same_file(tmp_path: Path) -> None:
    finding = finding_of(tmp_path, [80, 92, 120])
    upper, lower = figure.make_figure(finding).axes
    for axes in (upper, lower):
        assert axes.get_xscale() == "log"
        marked = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
        assert finding.spread("jitter").median in marked
    written = figure.draw(finding, tmp_path / "one")
    for one, other in zip(written, figure.draw(finding, tmp_path / "two"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_ramp_that_begins_at_0_is_drawn_from_its_first_rate_on(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    finding = finding_of(tmp_path, [80, 90], None, STEPS, 2, "schedule/warmup=linear", "schedule.warmup.fraction=0.1")
    assert finding.ramps[0]["lr"].iloc[0] == 0
    upper, _ = figure.make_figure(finding).axes
    assert upper.get_xlim()[0] == pytest.approx(finding.ramps[0]["lr"].iloc[1])
    assert not [warning for warning in recwarn if "log-scaled" in str(warning.message)]


def test_a_record_without_the_loss_is_named(tmp_path: Path) -> None:
    run = finding_of(tmp_path, [80]).runs[0]
    path = run.directory / "metrics.parquet"
    pd.read_parquet(path).drop(columns="probe/loss").to_parquet(path)
    with pytest.raises(ConfigError, match="overwrite=true"):
        read_runs([run], [])


# ---- The command -----------------------------------------------------------------------------------------------------


def test_from_the_command_to_the_files_and_the_second_time_without_training(tmp_path: Path) -> None:
    arguments = (*QUICK, "training.steps=120", "seeds=2", f"outputs={tmp_path}", "hydra.launcher.cluster=debug")
    finished = command(*arguments)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert "Training 2 runs in 1 population" in finished.stdout
    start = next(i for i, line in enumerate(lines) if "learning rate at which" in line)
    assert all(len(line) <= 80 for line in lines[start:] if str(tmp_path) not in line)
    (json_path,) = tmp_path.glob("find_lr/readings/*.json")
    assert {path.suffix for path in json_path.parent.iterdir()} == {".json", ".png", ".svg"}
    record = json.loads(json_path.read_text())
    assert from_mapping(record["config"]).schedule.decay["name"] == "ramp"
    assert to_mapping(from_mapping(record["config"])) == record["config"]
    for seed, said in enumerate(record["seeds"]):
        metrics = pd.read_parquet(tmp_path / "find_lr" / said["run"] / "metrics.parquet")
        np.testing.assert_allclose(metrics["lr"], 1e-5 * 1e5 ** (np.arange(120) / 120), rtol=1e-12)
        reading = lr_range.read(metrics["probe/loss"], metrics["lr"])
        assert said["seed"] == seed
        assert (said["jitter"], said["rise"]) == (reading.jitter, reading.rise)
    assert record["suggested_peak_lr"] is not None
    assert f"schedule.peak_lr={record['suggested_peak_lr']:.1e} " in finished.stdout

    before = json_path.read_bytes()
    again = command(*arguments)
    assert "2 runs of 2 finished before" in again.stdout
    assert again.stdout.splitlines()[-len(lines[start:]) :] == lines[start:]
    assert json_path.read_bytes() == before


def test_a_ramp_too_short_to_tell_suggests_nothing_but_the_slower_one_that_tells(tmp_path: Path) -> None:
    """The 24 steps that jitter must last are two of the five decades of a ramp of 60. Above, 120 steps find a rate."""
    short = command(*QUICK, "training.steps=60", "seeds=2", f"outputs={tmp_path}", "hydra.launcher.cluster=debug")
    assert short.returncode == 0, short.stderr
    assert (
        "No peak rate suggested: jitter sets in at 8.3e-03, where the search for it ends, or later."
        " Type a slower ramp: training.steps=120.\n"
    ) in short.stdout
    assert "peak_lr=" not in short.stdout


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("seeds=0", "seeds=0"),
        ("seeds=1000000000000", "seeds=1000000000000: not a whole number from 1 to 100"),
        ("seeds=many", "seeds=many"),
        ("seed=-1", "seed=-1"),
        ("probes=none", "probes=loss"),
        ("probes=default", "probes=loss"),
        ("schedule=linear", "schedule=linear"),
        ("schedule.decay.end_lr=1e-6", "schedule.decay.end_lr=1e-06"),
        ("schedule.peak_lr=1e-3", "schedule.decay.end_lr"),
        ("model.width=63", "model.width=63"),
        ("nosuch=1", "nosuch"),
        ("-m", "leave out -m"),
    ],
)
def test_wrong_input_is_one_line(tmp_path: Path, argument: str, said: str) -> None:
    finished = command(argument, f"outputs={tmp_path / 'outputs'}")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ")
    assert finished.stderr.count("\n") == 1
    assert said in finished.stderr
    assert not list(tmp_path.glob("outputs/*/*"))


def test_help_tells_the_knobs_of_the_finder() -> None:
    finished = command("--help")
    assert finished.returncode == 0
    for said in ("find_lr.py", "seeds: 5", "start_lr: 1.0e-05", "end_lr: 1.0"):
        assert said in finished.stdout
