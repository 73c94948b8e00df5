"""All probes together: they change nothing, a diverged member stays to itself, and the names are those agreed on."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from support.short_runs import run_watched, sentences_at, trainer_of
from warmuplab.data.batches import DeviceSplit, probe_indices, shared_batch
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.probes import curvature
from warmuplab.training import Trainer

STEPS, DIVERGING = 16, 1  # the second member
CALM = ("seed=0", "schedule.peak_lr=3e-3")
SPIKING = ("seed=2", "schedule=constant", "schedule.peak_lr=0.3", "schedule.warmup.fraction=0")
PIECEWISE = (
    "seed=0",
    "schedule=piecewise",
    "schedule.warmup.fraction=0",
    "schedule.decay.boundary_fractions=null",
    "schedule.decay.boundaries=[6]",
)
DIES = (*PIECEWISE, "schedule.decay.values=[3e-3,1e30]")
LIVES = (*PIECEWISE, "schedule.decay.values=[3e-3,3e-3]")
RUN = (f"training.steps={STEPS}", "training.validate_every=5", "probes.early_fraction=0.5", "probes.every=4")

TRAINING = {"step", "lr", "data/bucket", "train/loss", "grad/norm", "update/relative", "val/loss", "stability/jitter"}
OF_PROBE = {"probe/loss", "spike/excess"}
DEFAULT = TRAINING | {
    *OF_PROBE,
    *(f"overfit/{name}" for name in ("self_drop", "held_drop", "gap", "generalisation_gap")),
    *(f"overfit/{name}" for name in ("early_loss", "unseen_loss", "memorisation")),
    *(f"stability/{name}" for name in ("kl", "entropy", "distance_uniform", "distance_unigram")),
    *(f"stability/{name}" for name in ("log_z", "attention_logit")),
}
CURVATURE = {f"curvature/{prefix}{name}" for prefix in ("", "preconditioned_") for name in ("sharpness", "edge")}
NAMES = {"none": TRAINING, "loss": TRAINING | OF_PROBE, "default": DEFAULT, "full": DEFAULT | CURVATURE}
OF_LAYERS = {
    f"stability/{name}" for name in ("cka_drift", "weight_change", "grad_norm", "update_to_weight", "attention_logit")
} | {"stability/initial_drift"}


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether eigenvalues are right is tested elsewhere; here they only have to be computed."""
    monkeypatch.setattr(curvature, "FIRST_ITERATIONS", 4)
    monkeypatch.setattr(curvature, "ITERATIONS", 2)


def trained(corpus: TokenizedCorpus, members: tuple[tuple[str, ...], ...], *overrides: str) -> Trainer:
    trainer = trainer_of(corpus, members, *RUN, *overrides)
    trainer.run(lambda _: None)
    return trainer


def equal_to_the_bit(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    def content(table: pd.DataFrame) -> dict[Any, object]:
        numbers = table.select_dtypes("number")
        return {name: table[name].tolist() for name in table} | {
            name: numbers[name].to_numpy().tobytes() for name in numbers
        }

    return content(one) == content(other)


@pytest.mark.parametrize(
    ("model", "overrides"),
    [
        ("post_ln", ()),
        ("pre_ln", ()),
        ("pre_ln", ("optimizer=sgd", "optimizer.clip_norm=1", "training.label_smoothing=0.1")),
    ],
)
def test_probes_change_nothing(small_corpus: TokenizedCorpus, model: str, overrides: tuple[str, ...]) -> None:
    """Losses, gradient norms, weights and the optimizer's state are the same bits with and without probes."""
    trainers = {
        probes: trained(small_corpus, (CALM, DIES, SPIKING), f"model={model}", f"probes={probes}", *overrides)
        for probes in NAMES
    }
    without = trainers.pop("none")
    for probes, trainer in trainers.items():
        for (bare, *_), (probed, *_) in zip(without.results(), trainer.results(), strict=True):
            assert set(probed) > set(bare)
            assert equal_to_the_bit(probed[list(bare)], bare), probes
        for part in ("weights_MxP", "diverged_at_M", "alive_M"):
            ours, theirs = (getattr(one.population, part).detach().numpy() for one in (trainer, without))
            assert ours.tobytes() == theirs.tobytes(), (probes, part)
        updates = [one.population._update for one in (trainer, without)]
        states = [update._optimizer.state[update._move_MxP] for update in updates]
        assert states[0].keys() == states[1].keys()
        for name in states[0]:
            if isinstance(states[0][name], torch.Tensor):
                assert states[0][name].numpy().tobytes() == states[1][name].numpy().tobytes(), (probes, name)
    assert 6 < int(without.population.diverged_at_M[DIVERGING]) < STEPS - 1  # in the middle of the run
    assert without.population.alive_M.tolist() == [True, False, True]


def test_a_diverged_member_is_null_from_then_on_and_its_neighbours_never_notice(small_corpus: TokenizedCorpus) -> None:
    disturbed = trained(small_corpus, (CALM, DIES, SPIKING), "probes=full")
    calm = trained(small_corpus, (CALM, LIVES, SPIKING), "probes=full")
    diverged_at = int(disturbed.population.diverged_at_M[DIVERGING])
    assert calm.population.alive_M.all()
    for m, (found, expected) in enumerate(zip(disturbed.results(), calm.results(), strict=True)):
        (metrics, layers, summary), (calm_metrics, calm_layers, _) = found, expected
        assert layers is not None
        assert calm_layers is not None
        if m != DIVERGING:
            assert equal_to_the_bit(metrics, calm_metrics)
            assert equal_to_the_bit(layers, calm_layers)
            assert summary["status"] == "finished"
            continue
        assert summary["status"] == "diverged"
        measured = metrics.columns.drop(["step", "lr", "data/bucket"])
        assert metrics.loc[diverged_at:, measured].isna().all(axis=None)
        assert metrics.loc[: diverged_at - 1, "train/loss"].notna().all()
        assert metrics.loc[5, ["probe/loss", "stability/kl", "overfit/gap"]].notna().all()
        late = layers[layers["step"] >= diverged_at]
        assert len(late) > 0
        assert late[list(OF_LAYERS)].isna().all(axis=None)
        assert not np.isinf(metrics.drop(columns="lr").to_numpy()).any()


def test_a_member_frozen_with_finite_weights_is_null_as_well(small_corpus: TokenizedCorpus) -> None:
    """As where a gradient overflowed: probes could still measure it, and what they found would be no part of a run."""
    trainer = trainer_of(small_corpus, (CALM, LIVES), *RUN, "probes=full")
    trainer.population.alive_M[DIVERGING] = False
    trainer.run(lambda _: None)
    assert trainer.population.weights_MxP.isfinite().all()
    (calm, calm_layers, _), (frozen, frozen_layers, _) = trainer.results()
    assert frozen.drop(columns=["step", "lr", "data/bucket"]).isna().all(axis=None)
    assert calm["probe/loss"].notna().any()
    assert frozen_layers is not None
    assert calm_layers is not None
    assert frozen_layers[list(OF_LAYERS)].isna().all(axis=None)
    assert calm_layers[list(OF_LAYERS)].notna().any().all()


@pytest.mark.parametrize("probes", NAMES)
def test_the_metrics_are_those_agreed_on(small_corpus: TokenizedCorpus, probes: str) -> None:
    for metrics, layers, summary in trained(small_corpus, (CALM, SPIKING), f"probes={probes}").results():
        assert set(metrics) == NAMES[probes]
        assert (layers is None) == (probes in ("none", "loss"))
        pattern = re.compile(
            r"(train|val|probe)/loss|lr|data/bucket|grad/norm|update/relative|(overfit|stability|spike|curvature)/[a-z_]+"
        )
        assert all(pattern.fullmatch(name) for name in metrics.columns.drop("step"))
        roots = "|".join(sorted(NAMES[probes] - {"step"}, key=len, reverse=True))
        of_values = re.compile(rf"({roots}|probe/(steps_to|reached)|overfit|stability|spike)[a-z0-9_/.]*")
        assert all(of_values.fullmatch(name) for name in summary["values"])
        for name in metrics.columns.drop(["step", "stability/jitter"]):  # 16 steps are too few for jitter
            assert metrics[name].notna().any(), name


def test_a_row_per_snapshot_and_layer(small_corpus: TokenizedCorpus) -> None:
    trainer = trained(small_corpus, (CALM, SPIKING), "model.depth=2")
    for metrics, layers, _ in trainer.results():
        assert layers is not None
        assert list(layers)[:3] == ["step", "stack", "layer"]
        assert set(layers) == {"step", "stack", "layer"} | OF_LAYERS
        steps = layers["step"].unique().tolist()
        assert steps == sorted(steps)
        assert {0, 1, 2, STEPS - 1} <= set(steps) <= set(np.flatnonzero(metrics["probe/loss"].notna()))
        places = [(step, stack, layer) for step in steps for stack in ("encoder", "decoder") for layer in (0, 1)]
        assert list(layers[["step", "stack", "layer"]].itertuples(index=False, name=None)) == places
        between, moves = ["stability/cka_drift", "stability/weight_change"], metrics.loc[0, "lr"] > 0
        snapshots = layers[layers["stability/grad_norm"].notna()]
        assert {0, 1, STEPS - 1} <= set(snapshots["step"])
        assert layers["stability/initial_drift"].notna().all()
        assert layers.drop(snapshots.index)[[*OF_LAYERS - {"stability/initial_drift"}]].isna().all(axis=None)
        assert snapshots.loc[snapshots["step"] == 0, between].isna().all(axis=None)
        assert snapshots.loc[snapshots["step"] == 1, between].notna().all(axis=None) == moves
        assert snapshots.loc[snapshots["step"] > 1].notna().all(axis=None)
        at_rest = [*between] if moves else [*between, "stability/update_to_weight"]
        assert snapshots.loc[snapshots["step"] == 0].drop(columns=at_rest).notna().all(axis=None)
        if not moves:
            assert snapshots.loc[snapshots["step"] == 0, at_rest].isna().all(axis=None)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_probe_loss_is_the_loss_on_the_probe_batch(small_corpus: TokenizedCorpus, dtype: str) -> None:
    trainer = trainer_of(small_corpus, (CALM, SPIKING), *RUN, f"hardware.dtype={dtype}")
    moments = run_watched(trainer)
    validation = small_corpus.validation
    batch = shared_batch(DeviceSplit(validation, torch.device("cpu")), probe_indices(validation, 8), 2)
    assert len(sentences_at(validation, probe_indices(validation, 8))) == 8
    tables = [metrics for metrics, *_ in trainer.results()]
    for step in (0, 3, 8, STEPS - 1):
        with torch.no_grad():
            trainer.population.weights_MxP.copy_(moments[step].before_MxP)
        expected_M = trainer.population.losses(batch).tolist()
        tolerance = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 1e-2}[dtype]
        assert [table.loc[step, "probe/loss"] for table in tables] == pytest.approx(expected_M, rel=tolerance)


@pytest.mark.parametrize("overrides", [("training.steps=1",), ("training.steps=1", "probes.early_fraction=1")])
def test_a_run_of_one_step_has_a_summary(small_corpus: TokenizedCorpus, overrides: tuple[str, ...]) -> None:
    trainer = trainer_of(small_corpus, (CALM,), "schedule.warmup.fraction=0", "probes=full", *overrides)
    trainer.run(lambda _: None)
    ((metrics, layers, summary),) = trainer.results()
    assert len(metrics) == 1
    assert layers is not None
    assert layers["step"].unique().tolist() == [0]
    assert summary["status"] == "finished"
    assert metrics.loc[0, "probe/loss"] > 0


def test_no_early_window_and_all_members_diverging_at_once_are_no_trouble(small_corpus: TokenizedCorpus) -> None:
    hopeless = ("schedule=constant", "schedule.peak_lr=1e30", "schedule.warmup.fraction=0")
    trainer = trained(small_corpus, (("seed=0", *hopeless), ("seed=1", *hopeless)), "probes=full")
    for metrics, layers, summary in trainer.results():
        assert summary["status"] == "diverged"
        assert layers is not None
        assert metrics.loc[0, "probe/loss"] > 0
    for *_, summary in trained(small_corpus, (CALM, SPIKING), "probes=full", "probes.early_fraction=0").results():
        assert summary["early_steps"] == 0
        assert summary["values"]["stability/kl_max"] is None
        assert summary["values"]["spike/max_rise"] is None
