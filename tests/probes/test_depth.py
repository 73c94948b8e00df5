"""Similarity of representations against its textbook formula, and the changes of layers against named parameters."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from support.short_runs import Floats, Moment, PlainTransformer, run_watched, sentences_of, trainer_of
from warmuplab.data.batches import DeviceSplit, probe_indices, shared_batch
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.probes.depth import alignment, centred, relative_change
from warmuplab.training import Trainer

MEMBERS = (("seed=0", "schedule.peak_lr=3e-3"), ("seed=4", "schedule.peak_lr=3e-2", "schedule.warmup.fraction=0"))
RUN = ("hardware.dtype=float64", "model.depth=2", "training.steps=8", "probes.early_fraction=0.5", "probes.every=3")
LAYERS = ("encoder.0", "encoder.1", "decoder.0", "decoder.1")


def linear_cka(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return alignment(centred(x), centred(y))


def textbook_cka(x_NxD: Floats, y_NxE: Floats) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of the linear kernels, with HSIC(K, L) = tr(K H L H) / (N - 1)^2."""
    count = len(x_NxD)
    centring = np.eye(count) - np.ones((count, count)) / count

    def hsic(kh_NxN: Floats, lh_NxN: Floats) -> float:
        return float((kh_NxN * lh_NxN.T).sum()) / (count - 1) ** 2  # the trace of their product

    kh_NxN, lh_NxN = x_NxD @ x_NxD.T @ centring, y_NxE @ y_NxE.T @ centring
    return hsic(kh_NxN, lh_NxN) / math.sqrt(hsic(kh_NxN, kh_NxN) * hsic(lh_NxN, lh_NxN))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_cka_equals_the_textbook_formula_for_every_member() -> None:
    x_MxNxD = normal(3, 50, 8) + 2
    y_MxNxE = torch.cat([x_MxNxD[..., :3] ** 2, normal(3, 50, 2, seed=1)], dim=2)
    expected = [textbook_cka(x.numpy(), y.numpy()) for x, y in zip(x_MxNxD, y_MxNxE, strict=True)]
    assert linear_cka(x_MxNxD, y_MxNxE).tolist() == pytest.approx(expected, rel=1e-12)
    assert linear_cka(y_MxNxE, x_MxNxD).tolist() == pytest.approx(expected, rel=1e-12)
    assert max(expected) < 0.9


def test_cka_is_1_for_a_rotation_a_scale_and_a_shift() -> None:
    x_MxNxD = normal(2, 60, 6)
    rotation = torch.linalg.qr(normal(2, 6, 6, seed=1))[0]
    for same in (x_MxNxD, x_MxNxD @ rotation, -7 * x_MxNxD + normal(2, 1, 6, seed=2), 0.1 * x_MxNxD @ rotation + 5):
        assert linear_cka(x_MxNxD, same).tolist() == pytest.approx([1, 1], abs=1e-12)
    stretched = x_MxNxD * torch.tensor([10.0, 1, 1, 1, 1, 1], dtype=torch.float64)
    assert linear_cka(x_MxNxD, stretched).max() < 0.8  # not blind to everything


def test_cka_of_independent_data_is_near_0_when_there_are_many_tokens() -> None:
    """For independent normal data its mean is about D / N."""
    x_MxNxD, y_MxNxD = normal(4, 4000, 10), normal(4, 4000, 10, seed=1)
    assert linear_cka(x_MxNxD, y_MxNxD).max() < 0.005
    assert linear_cka(x_MxNxD[:, :12], y_MxNxD[:, :12]).min() > 0.3  # few tokens tell nothing


def test_cka_in_float32_tells_small_drifts_from_rounding() -> None:
    x_MxNxD = normal(1, 500, 16).float() + 3
    nudged = x_MxNxD + 1e-4 * normal(1, 500, 16, seed=1).float()
    expected = 1 - textbook_cka(x_MxNxD[0].double().numpy(), nudged[0].double().numpy())
    assert 1e-9 < expected < 1e-7
    assert 1 - linear_cka(x_MxNxD, nudged).item() == pytest.approx(expected, rel=1e-3)


def test_relative_change() -> None:
    before, after = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[3.0, 5.0], [0.0, 2.0]])
    assert relative_change(before, after).tolist() == pytest.approx([1 / 5, 0])


def of_layer(trainer: Trainer, values_MxP: torch.Tensor, member: int, layer: str) -> Floats:
    """The weights, or their gradients, of every parameter whose name begins with that of the layer."""
    named = trainer.population.model.unpack(values_MxP)
    return np.concatenate([part[member].flatten().numpy() for name, part in named.items() if name.startswith(layer)])


def gradient(trainer: Trainer, moment: Moment, label_smoothing: float) -> torch.Tensor:
    """Of the training objective, before any clipping, with the weights that the step started from."""
    leaf_MxP = moment.before_MxP.clone().requires_grad_()
    trainer.population.model.objective(leaf_MxP, moment.batch, label_smoothing)[0].sum().backward()
    assert leaf_MxP.grad is not None
    return leaf_MxP.grad


@pytest.mark.parametrize("overrides", [(), ("optimizer.clip_norm=0.05", "training.label_smoothing=0.1")])
def test_equals_a_recomputation_by_names_of_parameters(
    small_corpus: TokenizedCorpus, overrides: tuple[str, ...]
) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, *RUN, *overrides)
    moments = run_watched(trainer)
    gradients = [gradient(trainer, moment, 0.1 if overrides else 0.0) for moment in moments]
    for m, (_, table, _) in enumerate(trainer.results()):
        assert table is not None
        assert len(table) == len(set(table["step"])) * len(LAYERS)
        steps = sorted(set(table.loc[table["stability/grad_norm"].notna(), "step"]))
        assert steps[0] == 0
        assert steps[-1] == 7
        for previous, step in zip([None, *steps], steps, strict=False):
            rows = table[table["step"] == step]
            assert [f"{stack}.{layer}" for stack, layer in zip(rows["stack"], rows["layer"], strict=True)] == [*LAYERS]
            for layer, row in zip(LAYERS, rows.to_dict("records"), strict=True):
                before = of_layer(trainer, moments[step].before_MxP, m, layer)
                after = of_layer(trainer, moments[step].after_MxP, m, layer)
                norm = np.linalg.norm(before)
                update = np.linalg.norm(after - before) / norm
                if (m, step) == (0, 0):  # the first step of a warmup: its rate is 0
                    assert update == 0
                    update = math.nan
                assert row["stability/update_to_weight"] == pytest.approx(update, rel=1e-9, abs=1e-15, nan_ok=True)
                grad_norm = np.linalg.norm(of_layer(trainer, gradients[step], m, layer))
                assert row["stability/grad_norm"] == pytest.approx(grad_norm, rel=1e-9)
                if previous is None:
                    assert math.isnan(row["stability/weight_change"])
                    continue
                then = of_layer(trainer, moments[previous].before_MxP, m, layer)
                change = np.linalg.norm(before - then) / np.linalg.norm(then)
                if (m, previous, step) == (0, 0, 1):
                    assert change == 0
                    change = math.nan
                assert row["stability/weight_change"] == pytest.approx(change, rel=1e-9, abs=1e-15, nan_ok=True)
    if overrides:
        norms_M = torch.stack([moment.result.grad_norm_M for moment in moments])
        assert norms_M.min() > 0.05  # all were clipped, so that the test can tell


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
def test_drift_equals_the_textbook_formula_on_the_outputs_of_a_plain_model(
    small_corpus: TokenizedCorpus, model: str
) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, f"model={model}", *RUN)
    moments = run_watched(trainer)
    validation, device = small_corpus.validation, torch.device("cpu")
    sentences = sentences_of(shared_batch(DeviceSplit(validation, device), probe_indices(validation, 8), 1), 0)

    def outputs(step: int, member: int) -> dict[str, Floats]:
        plain = PlainTransformer(trainer.population.model, moments[step].before_MxP[member])
        passes = [plain(sentence) for sentence in sentences]
        return {layer: np.concatenate([one.outputs[layer] for one in passes]) for layer in LAYERS}

    for m, (_, table, _) in enumerate(trainer.results()):
        assert table is not None
        steps = sorted(set(table["step"]))
        by_place = table.set_index(["step", "stack", "layer"])
        drift, from_start = by_place["stability/cka_drift"], by_place["stability/initial_drift"]
        assert drift[0].isna().all()
        assert (from_start[0] == 0).all()
        seen = {step: outputs(step, m) for step in steps}
        for previous, step in pairwise(steps):
            for layer in LAYERS:
                stack, number = layer.split(".")
                whole = 1 - textbook_cka(seen[0][layer], seen[step][layer])
                assert from_start[step, stack, int(number)] == pytest.approx(whole, rel=1e-6, abs=1e-12)
                expected = 1 - textbook_cka(seen[previous][layer], seen[step][layer])
                if (m, previous, step) == (0, 0, 1):
                    assert from_start[step, stack, int(number)] == 0
                    assert math.isnan(drift[step, stack, int(number)])  # nothing moved: no drift, and none that is 0
                else:
                    assert drift[step, stack, int(number)] == pytest.approx(expected, rel=1e-6, abs=1e-12)
        assert drift.max() > 1e-4


def test_drift_from_before_training_has_more_snapshots_than_what_spans_two(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, "training.steps=60", "probes.early_fraction=0.5", "probes.every=10")
    trainer.run(lambda _: None)
    for _, table, _ in trainer.results():
        assert table is not None
        steps = set(table["step"])
        assert table.groupby("step")["stability/initial_drift"].count().eq(2).all()
        assert set(range(30)) | {40, 50, 59} <= steps
        spans = set(table.loc[table["stability/cka_drift"].notna(), "step"])
        assert spans < steps
        assert len(spans) <= 12


def test_a_member_at_rate_0_is_told_from_one_that_moves(small_corpus: TokenizedCorpus) -> None:
    """Per member, and for as long as the rate is 0: the first has a rate from its fifth step on."""
    waits = (
        "seed=0",
        "schedule=piecewise",
        "schedule.warmup.fraction=0",
        "schedule.decay.boundary_fractions=null",
        "schedule.decay.boundaries=[3]",
    )
    members = ((*waits, "schedule.decay.values=[0,1e-3]"), (*waits, "schedule.decay.values=[1e-3,1e-3]"))
    trainer = trainer_of(small_corpus, members, "training.steps=8", "probes.early_fraction=1")
    trainer.run(lambda _: None)
    tables = [table.groupby("step").first() for _, table, _ in trainer.results() if table is not None]
    for name in ("stability/cka_drift", "stability/weight_change", "stability/update_to_weight"):
        waiting, moving = (table[name].dropna().index.tolist() for table in tables)
        first = 4 if name.endswith("update_to_weight") else 5
        assert waiting == [step for step in moving if step >= first]
        assert waiting
        assert len(moving) > len(waiting)
    assert (tables[0].loc[:4, "stability/initial_drift"] == 0).all()
    assert (tables[0].loc[5:, "stability/initial_drift"] > 0).all()
    assert tables[0]["stability/grad_norm"].notna().all()  # of the same steps
