"""A training from its configuration to its files: what was measured is in the record and follows from it."""

import json
import re
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from support.composing import QUICK, composed
from support.short_runs import PlainTransformer, all_sentences, sentences_at, trainer_of
from warmuplab import recording, training, worker
from warmuplab.data import tokens
from warmuplab.data.batches import probe_indices
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.series import jitter, spikes
from warmuplab.series.levels import LEVELS, name_of

STEPS, EARLY = 60, 12
RUN = (
    *QUICK,
    "hardware=cpu",
    f"training.steps={STEPS}",
    "training.validate_every=20",
    "probes=full",
    "schedule.peak_lr=2e-2",
)


@pytest.fixture(scope="module")
def records_of(
    small_corpus: TokenizedCorpus, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]]:
    """Metrics, layers and summary as read back from the directories of two members."""
    torch.set_num_threads(1)  # this comes before what does so for every test
    folder = tmp_path_factory.mktemp("outputs")
    runs = [Run(composed(*RUN, f"outputs={folder}", f"seed={seed}"), f"run-{seed}") for seed in (0, 1)]
    recording.train(runs, small_corpus, "a-population", lambda _: None)
    return [read(run.directory) for run in runs]


def read(directory: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    tables = (pd.read_parquet(directory / f"{name}.parquet") for name in ("metrics", "layers"))
    return *tables, json.loads((directory / "summary.json").read_text())  # type: ignore[return-value]


def test_the_files_hold_every_measurement(
    records_of: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]], small_corpus: TokenizedCorpus
) -> None:
    for seed, (metrics, layers, summary) in enumerate(records_of):
        assert len(metrics) == STEPS
        for prefix, count in (("overfit/", 7), ("stability/", 7), ("curvature/", 4)):
            names = [name for name in metrics if name.startswith(prefix)]
            assert len(names) == count
            assert metrics[names].notna().any().all()
        assert set(layers["stack"]) == {"encoder", "decoder"}
        assert summary["status"] == "finished"
        assert (summary["seed"], summary["early_steps"]) == (seed, EARLY)
        assert summary["corpus"]["unigram_entropy"] == small_corpus.unigram_entropy
        assert metrics["val/loss"].notna().to_numpy().nonzero()[0].tolist() == [19, 39, 59]


def test_the_summary_follows_from_the_tables(
    records_of: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]], small_corpus: TokenizedCorpus
) -> None:
    for metrics, layers, summary in records_of:
        values, early = summary["values"], metrics[:EARLY]
        assert values["train/loss"] == pytest.approx(metrics["train/loss"][-3:].mean())
        assert values["val/loss"] == metrics["val/loss"].iloc[-1]
        assert summary["trained"] == (values["val/loss"] <= small_corpus.unigram_entropy - 0.2)
        for name in ("self_drop", "held_drop", "gap"):
            assert values[f"overfit/{name}_sum"] == pytest.approx(early[f"overfit/{name}"].sum(), rel=1e-6)
        assert values["stability/kl_max"] == early["stability/kl"].max()
        assert values["stability/kl_path"] == pytest.approx(early["stability/kl"].sum(), rel=1e-6)
        assert values["stability/attention_logit_max"] == metrics["stability/attention_logit"].max()
        assert values["overfit/memorisation"] == metrics["overfit/memorisation"].iloc[-1]
        assert values["curvature/edge_max"] == metrics["curvature/edge"].max()
        assert values["curvature/preconditioned_sharpness"] == metrics["curvature/preconditioned_sharpness"].iloc[-1]
        assert values["spike/count"] == len(spikes.find_spikes(metrics["train/loss"], metrics["data/bucket"]))
        early = metrics["probe/loss"][: summary["early_steps"]]
        assert values["spike/max_rise"] == pytest.approx((early - early.cummin()).max())
        np.testing.assert_allclose(metrics["stability/jitter"], jitter.local_jitter(metrics["train/loss"]))
        assert metrics["lr"].iloc[0] == 0  # so nothing moved until the snapshot at step 1
        snapshots = layers[(layers["stack"] == "decoder") & (layers["step"] < EARLY) & (layers["step"] > 1)]
        drift = snapshots["stability/cka_drift"].dropna()
        assert len(drift) > 2
        assert values["stability/decoder_cka_drift_last"] == pytest.approx(drift.mean())
        for level in LEVELS:
            reached = values[f"probe/reached_{name_of(level)}"]
            lowest = metrics["probe/loss"].min()
            assert reached in (0, 1)
            assert reached <= (lowest <= small_corpus.unigram_entropy - level)
            in_window = reached and values[f"probe/steps_to_{name_of(level)}"] <= EARLY
            assert (values[f"overfit/gap_sum_to_{name_of(level)}"] is None) == (not in_window)
        assert values["probe/reached_0.25_below"] == 1  # so the test has something to tell
        assert values["probe/reached_3_below"] == 0


def test_measures_equal_a_computation_from_the_files_in_plain_numpy(
    records_of: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]],
) -> None:
    for metrics, layers, summary in records_of:
        values, early = summary["values"], metrics["step"].to_numpy() < EARLY
        assert values["stability/log_kl_path"] == pytest.approx(
            np.log(metrics["stability/kl"].to_numpy(np.float64)[early].sum()), rel=1e-6
        )
        for name in ("sharpness", "preconditioned_sharpness"):
            sharpness_T = metrics[f"curvature/{name}"].to_numpy(np.float64)
            steps = np.flatnonzero(~np.isnan(sharpness_T) & early)
            area = sum(
                (sharpness_T[low] + sharpness_T[high]) / 2 * (high - low) for low, high in pairwise(steps.tolist())
            )
            assert values[f"curvature/{name}_mean"] == pytest.approx(area / (steps[-1] - steps[0]))
        assert values["curvature/edge_first"] == metrics["curvature/edge"][0] == 0
        assert np.isnan(metrics["curvature/preconditioned_edge"][0])
        assert values["curvature/preconditioned_edge_first"] == metrics["curvature/preconditioned_edge"][1] > 0
        per_epoch = summary["corpus"]["steps_per_epoch"]
        assert values["overfit/passes"] == pytest.approx(STEPS / per_epoch)
        crossed = values["probe/steps_to_0.25_below"]
        assert values["overfit/passes_at_0.25_below"] == pytest.approx(crossed / per_epoch)
        for stack in ("encoder", "decoder"):  # of one layer each
            rows = layers[(layers["stack"] == stack) & (layers["step"] > 1)]
            steps, drift = rows["step"].to_numpy(), rows["stability/initial_drift"].to_numpy(np.float64)
            expected = pytest.approx(np.interp(crossed, steps, np.log(drift)))
            assert values[f"stability/{stack}_log_drift_last_at_0.25_below"] == expected


def test_every_value_has_a_name_of_the_contract(
    records_of: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]],
) -> None:
    name = re.compile(r"((train|val|probe|grad|update|overfit|stability|spike|curvature)/[a-z0-9_.]+)")
    for metrics, layers, summary in records_of:
        assert all(name.fullmatch(column) for column in metrics.columns.drop(["step", "lr", "data/bucket"]))
        assert all(name.fullmatch(column) for column in layers.columns.drop(["step", "stack", "layer"]))
        assert all(name.fullmatch(value) for value in summary["values"])


def test_a_member_measures_the_same_alone_as_in_a_population(small_corpus: TokenizedCorpus) -> None:
    """Up to rounding: float64 leaves little of it."""
    shared = ("hardware.dtype=float64", "training.steps=10", "probes=full", "probes.early_fraction=0.5")
    members = (("seed=0",), ("seed=1", "schedule.peak_lr=8e-3"))
    together, alone = trainer_of(small_corpus, members, *shared), trainer_of(small_corpus, members[1:], *shared)
    for trainer in (together, alone):
        trainer.run(lambda _: None)
    ours, theirs = together.results()[1], alone.results()[0]
    pd.testing.assert_frame_equal(ours[0], theirs[0], rtol=1e-6, atol=1e-9)
    assert ours[1] is not None
    assert theirs[1] is not None
    pd.testing.assert_frame_equal(ours[1], theirs[1], rtol=1e-6, atol=1e-9)


def test_what_is_followed_while_training_is_what_the_record_says(
    small_corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_REPORTS", -1.0)  # a report after every step
    trainer = trainer_of(small_corpus, (("seed=0",), ("seed=1",)), "probes.early_fraction=0.5", "probes.every=2")
    followed: list[tuple[int, dict[str, np.ndarray]]] = []
    trainer._follow = lambda first, rows: followed.append((first, rows))
    trainer.run(lambda _: None)
    assert [first for first, _ in followed] == [0, 1, 2, 3, 4, 5]
    for m, (metrics, *_) in enumerate(trainer.results()):
        # The others follow from the whole series, or from the order of the batches.
        for name in metrics.columns.drop(["step", "stability/jitter", "spike/excess", "data/bucket"]):
            series = np.concatenate([rows.get(name, np.full((1, 2), np.nan))[:, m] for _, rows in followed])
            np.testing.assert_array_equal(series, metrics[name], err_msg=name)


def test_reports_take_a_fiftieth_of_the_time_at_most() -> None:
    for took in (1e-3, 0.04, 1.0):  # of many members a report takes seconds
        pause = training._next_report(100.0, 100.0 + took) - (100.0 + took)
        assert pause >= 2.0
        assert took / pause <= 0.02 + 1e-9
    assert training._next_report(100.0, 130.0) == 130.0 + training.LARGEST_PAUSE  # a disk that stood still for once


def test_a_record_has_both_rates_where_a_part_warms_up_alone(
    small_corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate of the part is `lr`; with no layers all weights have the other, so `lr` is that."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_REPORTS", -1.0)
    layers = ("all", "decoder", "none", "[encoder.*.self]")
    members = [(f"schedule.warmup.layers={each}", "schedule.warmup.fraction=0.5") for each in layers]
    trainer = trainer_of(small_corpus, members, "schedule=constant", "schedule.peak_lr=4e-3", "probes=full")
    followed: list[dict[str, np.ndarray]] = []
    trainer._follow = lambda _, rows: followed.append(rows)
    trainer.run(lambda _: None)
    tables = [metrics for metrics, *_ in trainer.results()]
    rise, peak = [4e-3 * min(step / 3, 1) for step in range(6)], [4e-3] * 6
    rates = [[name for name in table if name.startswith("lr")] for table in tables]
    assert rates == [["lr"], ["lr", "lr/elsewhere"], ["lr"], ["lr", "lr/elsewhere"]]
    for m, table in enumerate(tables):
        assert table["lr"].tolist() == pytest.approx(peak if layers[m] == "none" else rise)
        streamed = np.concatenate([rows["lr/elsewhere"][:, m] for rows in followed])
        if "lr/elsewhere" in table:
            assert table["lr/elsewhere"].tolist() == streamed.tolist() == pytest.approx(peak)
            has_one_rate = table["step"] >= 3
        else:
            assert np.isnan(streamed).all()
            has_one_rate = table["step"] >= 0
        measured = table["curvature/sharpness"].notna()
        assert measured[[0, 5]].all()
        assert (table["curvature/edge"].notna() == (measured & has_one_rate)).all()
    assert len({table["train/loss"].iloc[-1] for table in tables}) == 4


def test_a_seed_may_order_the_buckets(small_corpus: TokenizedCorpus) -> None:
    """Of two seeds the buckets come in another order, of two arms of a seed in the same."""
    arms = (("schedule.warmup.fraction=0.1",), ("schedule.warmup.fraction=0.3",))
    zero, one = ([result[0]["data/bucket"].tolist() for result in trained(small_corpus, seed, arms)] for seed in (0, 1))
    assert zero[0] == zero[1] != one[0] == one[1]


def trained(corpus: TokenizedCorpus, seed: int, arms: Sequence[tuple[str, ...]]) -> list[Any]:
    trainer = trainer_of(corpus, arms, *RUN, "data.order=seed", f"seed={seed}", "probes=none")
    trainer.run(lambda _: None)
    return trainer.results()


def test_the_probe_batch_is_the_same_for_all_seeds_and_schedules(small_corpus: TokenizedCorpus) -> None:
    """Members that start from the same weights agree on it before their first step, whatever else they read."""
    members = (("seed=3",), ("seed=3", "schedule=cosine", "schedule.peak_lr=0.1"), ("seed=4",))
    trainer = trainer_of(small_corpus, members)
    trainer.run(lambda _: None)
    first = [metrics.loc[0, "probe/loss"] for metrics, *_ in trainer.results()]
    assert first[0] == first[1] != first[2]
    assert len(sentences_at(small_corpus.validation, probe_indices(small_corpus.validation, 8))) == 8


def with_test_split(folder: Path, to: Path) -> Path:
    """A copy of a corpus in files, with its validation split, a sentence less, as its test split."""
    shutil.copytree(folder, to)
    for language in ("en", "de"):
        lines = (to / f"val.{language}").read_text().splitlines(keepends=True)
        (to / f"test_2016_flickr.{language}").write_text("".join(lines[1:]))
    return to


def test_a_test_split_changes_neither_the_name_of_a_run_nor_a_bit_of_it(small_folder: Path, tmp_path: Path) -> None:
    """With all that reads a corpus: every probe, and a ramp of the learning rate with what is read off it."""
    found = []
    for name in ("with", "without"):
        folder = with_test_split(small_folder, tmp_path / name) if name == "with" else small_folder
        told = ("data=multi30k", f"data.path={folder}", f"outputs={tmp_path / name / 'outputs'}", "schedule=ramp")
        run = worker.prepare(composed(*(each for each in RUN if not each.startswith("schedule.")), *told))
        assert worker.train_population([run], "a-population", lambda _: None)
        found.append((run.run_id, *read(run.directory)))
    (one, metrics, layers, summary), (other, its_metrics, its_layers, its_summary) = found
    assert one == other
    pd.testing.assert_frame_equal(metrics.drop(columns="test/loss"), its_metrics, check_exact=True)
    pd.testing.assert_frame_equal(layers, its_layers, check_exact=True)
    assert metrics["test/loss"].notna().to_numpy().nonzero()[0].tolist() == [STEPS - 1]
    assert summary["values"].pop("test/loss") == metrics["test/loss"].iloc[-1]
    for key in ("values", "trained", "spikes", "status"):
        assert summary[key] == its_summary[key]
    assert its_summary["corpus"]["test_fingerprint"] is None
    assert re.fullmatch("[0-9a-f]{16}", summary["corpus"].pop("test_fingerprint"))
    assert summary["corpus"].items() < its_summary["corpus"].items()
    assert "Flickr30k" in summary["corpus"]["licence"]
    assert summary["corpus"]["revision"] is None  # local files


def test_the_test_loss_is_that_of_a_plain_model_on_the_whole_test_split(small_folder: Path, tmp_path: Path) -> None:
    """Per member, after the last step; a diverged member has none."""
    data = composed(*QUICK, "data=multi30k", f"data.path={with_test_split(small_folder, tmp_path / 'corpus')}").data
    corpus = tokens.load(data, tmp_path / "cache")
    members = (("seed=0",), ("seed=1", "schedule.peak_lr=1e30"), ("seed=2",))
    trainer = trainer_of(corpus, members, "hardware.dtype=float64", "training.label_smoothing=0.1")
    trainer.run(lambda _: None)
    assert corpus.test is not None
    sentences = all_sentences(corpus.test)
    for m, (metrics, _, summary) in enumerate(trainer.results()):
        if m == 1:
            assert summary["status"] == "diverged"
            assert summary["values"]["test/loss"] is None
            assert metrics["test/loss"].isna().all()
        else:
            plain = PlainTransformer(trainer.population.model, trainer.population.weights_MxP[m].detach())
            assert summary["values"]["test/loss"] == pytest.approx(plain.loss(sentences), rel=1e-9)


def test_the_test_loss_is_null_where_all_members_diverge_early(small_folder: Path, tmp_path: Path) -> None:
    data = composed(*QUICK, "data=multi30k", f"data.path={with_test_split(small_folder, tmp_path / 'corpus')}").data
    corpus = tokens.load(data, tmp_path / "cache")
    trainer = trainer_of(corpus, [("schedule.peak_lr=1e30",)], "training.steps=40", "training.validate_every=5")
    trainer.run(lambda _: None)
    ((metrics, _, summary),) = trainer.results()
    assert metrics["val/loss"].iloc[-1:].isna().all()
    assert summary["values"]["test/loss"] is None


CALM = ("seed=1",)
BLOWS_UP = ("seed=0", "schedule.peak_lr=1e6")


@pytest.mark.parametrize(
    ("steps", "warmup", "last_loss_is_finite"),
    [(2, "schedule.warmup.fraction=0.5", True), (3, "schedule.warmup.fraction=0.34", False)],
    ids=["last update", "last but one"],
)
def test_a_run_that_blows_up_at_its_end_has_diverged_at_its_last_step(
    small_corpus: TokenizedCorpus, steps: int, warmup: str, last_loss_is_finite: bool
) -> None:
    """What the last update broke shows in no training loss; what the one before it broke shows in the last one."""
    shared = ("model.width=8", f"training.steps={steps}", warmup, "probes=none")
    trainer = trainer_of(small_corpus, [BLOWS_UP, CALM], *shared)
    undisturbed = trainer_of(small_corpus, [CALM, CALM], *shared)
    seen: list[Progress] = []
    trainer.run(seen.append)
    undisturbed.run(lambda _: None)
    (metrics, _, summary), (its_metrics, _, its_summary) = trainer.results()
    assert (summary["status"], summary["diverged_at"], summary["trained"]) == ("diverged", steps - 1, False)
    assert summary["values"]["train/loss"] is None
    assert summary["values"]["val/loss"] is None
    assert np.isfinite(metrics["train/loss"].iloc[-1]) == last_loss_is_finite
    assert its_summary["status"] == "finished"
    pd.testing.assert_frame_equal(its_metrics, undisturbed.results()[1][0], check_exact=True)
    assert (seen[-1].diverged, seen[-1].loss) == (1, pytest.approx(its_metrics["train/loss"].iloc[-1]))
