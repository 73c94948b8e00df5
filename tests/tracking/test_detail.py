"""What W&B holds of three trained runs, in full and in light detail: their records, and markers computed anew."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wandb

from support.composing import SMALL, composed
from support.connecting import connect
from support.short_runs import trainer_of
from support.tracked import STEPS, begun, logged, measured, own, recorded, summary
from support.wandb_reader import forget_account, inspect
from support.wandb_server import wandb_server
from warmuplab.config.mapping import to_mapping
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.record import writing
from warmuplab.record.directory import recorded_series
from warmuplab.record.run import Run
from warmuplab.record.summary import summarise
from warmuplab.series.spikes import find_spikes
from warmuplab.tracking.arm import arm_of
from warmuplab.tracking.publication import publication
from warmuplab.tracking.publishing import publish
from warmuplab.tracking.view import View

SHAKY = ("model=pre_ln", "schedule.peak_lr=0.2", "schedule/warmup=none", "probes=full", "training.steps=40")
MEMBERS = (("seed=0",), ("seed=1", "schedule.peak_lr=0.05"), ("seed=2", "schedule.peak_lr=0.002"))
LIGHT = {
    "step", "train/loss", "probe/loss", "val/loss", "lr", "spike/excess", "spike/episode", "spike/episode_start",
    "spike/height", "overfit/gap", "overfit/self_drop", "overfit/held_drop", "overfit/memorisation",
    "overfit/early_loss", "overfit/unseen_loss", "overfit/generalisation_gap",
}  # fmt: skip
MARKERS = {"spike/episode", "spike/episode_start", "spike/height"}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_account(tmp_path / "home", monkeypatch)


def trained(folder: Path, corpus: TokenizedCorpus, detail: str) -> list[Run]:
    """Three runs of one population, recorded, a spike planted in each; the early window is all of the run."""
    overrides = (*SHAKY, "probes.early_fraction=1", "training.batch_size=8", "training.validate_every=15")
    trainer = trainer_of(corpus, MEMBERS, *overrides)
    trainer.run(lambda _: None)
    runs = []
    for seed, (told, (metrics, layers, _)) in enumerate(zip(MEMBERS, trainer.results(), strict=True)):
        metrics.loc[30, "train/loss"] += 20.0
        summed_up = summarise(metrics, len(metrics), None, corpus.unigram_entropy, layers)
        config = composed(*SMALL, *overrides, *told, "tracker=wandb", f"tracker.detail={detail}", f"outputs={folder}")
        run = Run(config, f"run-{seed}")
        writing.begin(run)
        facts = {"study": "single", "seed": seed, "timings": {"started": "2026-11-01T10:00:00+00:00"}}
        writing.finish(run, metrics, facts | summed_up, layers)
        runs.append(run)
    return runs


def expected_markers(loss: pd.DataFrame, least: float) -> dict[str, dict[int, float]]:
    """Excess, episodes and spikes by step, from the losses alone, with plain loops."""
    excess: dict[int, float] = {}
    lowest = math.inf
    for step, value in loss["probe/loss"].dropna().items():
        lowest = min(lowest, value)
        excess[int(str(step))] = value - lowest
    heights, starts = {}, []
    stretch: list[int] = []
    for step in [*excess, None]:
        if step is not None and excess[step] > 0:
            stretch.append(step)
            continue
        high = [each for each in stretch if excess[each] > least]
        if high:
            starts.append(high[0])
            peak = max(stretch, key=lambda each: excess[each])
            heights[peak] = excess[peak]
        stretch = []
    spikes = {spike.peak: spike.height for spike in find_spikes(loss["train/loss"], loss["data/bucket"])}
    numbered = {start: float(number) for number, start in enumerate(starts, 1)}
    return {"spike/excess": excess, "spike/episode": heights, "spike/episode_start": numbered, "spike/height": spikes}


@pytest.mark.parametrize("detail", ["full", "light"])
def test_three_runs_read_back_are_their_records(detail: str, small_corpus: TokenizedCorpus, tmp_path: Path) -> None:
    episodes = spikes = 0
    for run in trained(tmp_path, small_corpus, detail):
        assert publish(run.directory)
        rows = [own(row["item"]) for row in logged(run.directory)["history"]]
        table = recorded_series(run.directory)
        assert any(name.startswith("layers/") for name in table)
        kept = [name for name in table if detail == "full" or name in LIGHT]
        assert [{name: row[name] for name in row.keys() - MARKERS} for row in rows] == measured(table[kept])

        record = json.loads((run.directory / "summary.json").read_text())
        expected = expected_markers(table, 0.05 * small_corpus.unigram_entropy)
        for name, by_step in expected.items():
            found = {row["step"]: row[name] for row in rows if name in row}
            assert found == pytest.approx(by_step), name
        episodes += len(expected["spike/episode"])
        spikes += len(expected["spike/height"])

        whole = json.loads(inspect(run.directory / "wandb", "--summary"))
        shown = own(whole["summary"])
        values = {name: value for name, value in record["values"].items() if value is not None}
        assert {name: shown.get(name) for name in values} == values
        assert not MARKERS & shown.keys()
        if detail == "light":
            assert set().union(*rows) <= LIGHT
            assert set(shown) <= LIGHT | set(record["values"]) | {"status", "diverged_at", "trained"}
        assert whole["config"]["tracker"] == to_mapping(run.config)["tracker"]
    assert min(episodes, spikes) > 0, "runs without an episode or a spike test no marker"


def test_a_run_that_diverges_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ("breaks", "breaks-at-its-end", "holds")
    runs = [begun(tmp_path, "tracker.mode=online", "seed=3", name=name) for name in names]
    losses_TxM = np.full((STEPS, 3), 5.0)
    losses_TxM[4:, 0] = np.nan
    ended = (summary() | {"diverged_at": 4}, summary(), summary() | {"diverged_at": None, "status": "finished"})
    with wandb_server() as server:
        connect(server, monkeypatch)
        with publication(runs) as follow:
            assert follow is not None
            follow(summary()["timings"]["started"], 0, {"train/loss": losses_TxM[:5]})
            follow(summary()["timings"]["started"], 5, {"train/loss": losses_TxM[5:]})
            for run, losses_T, facts in zip(runs, losses_TxM.T, ended, strict=True):
                table = pd.DataFrame({"step": np.arange(STEPS), "train/loss": losses_T})
                writing.finish(run, table, facts | {"seed": 3})
        directories = [str(run.directory) for run in runs]
        subprocess.run([sys.executable, "-m", "warmuplab.tracking", *directories], check=True, capture_output=True)
        alerts = sorted((alert["title"], alert["text"]) for alert in server.alerts)
    assert capfd.readouterr() == ("", "")
    arm = arm_of(to_mapping(runs[0].config))
    assert alerts == [
        (f"{name} diverged", f"{name} of the study single (seed 3, {arm}) diverged at step {step}.")
        for name, step in (("breaks", 4), ("breaks-at-its-end", 6))
    ]


def test_an_alert_that_fails_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no alerts here")

    monkeypatch.setattr(wandb.Run, "alert", refuse)
    run = recorded(tmp_path)
    config = to_mapping(run.config)
    with View(run.directory, config, run.run_id, summary()["timings"]["started"], "offline") as view:
        view.alert_of_divergence(6)
        view.close(json.loads((run.directory / "summary.json").read_text()))
    assert len(logged(run.directory)["history"]) == STEPS
