"""Lockstep training equals one `torch.optim` optimizer per member, and a diverged member disturbs nobody."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from support.composing import composed
from support.short_runs import trainer_of
from warmuplab import schedules
from warmuplab.base.errors import ConfigError
from warmuplab.data.batches import Batch, TrainingBatches
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.gi_adam import GradientInitialisedAdam
from warmuplab.population.optimizers import OPTIMIZERS
from warmuplab.population.population import Population, pick_device
from warmuplab.population.transformer import Transformer
from warmuplab.population.update import clip_per_member_

SMALL = ("model.width=16", "model.heads=2", "model.depth=1", "model.feed_forward=32", "hardware=cpu")
STEPS = 20
SCHEDULES = (
    ("schedule=linear", "schedule.peak_lr=2e-3"),
    ("schedule=cosine", "schedule.peak_lr=8e-3", "schedule.warmup.fraction=0.3"),
    ("schedule=constant", "schedule.peak_lr=5e-4", "schedule.warmup.fraction=0"),
)


def rates(*each: tuple[str, ...]) -> torch.Tensor:
    tables = [schedules.learning_rates(composed(*overrides).schedule, STEPS) for overrides in each]
    return torch.from_numpy(np.stack(tables))


def population(corpus: TokenizedCorpus, seeds: list[int], lr_MxT: torch.Tensor, *overrides: str) -> Population:
    config = composed(*SMALL, *overrides)
    model = Transformer(config.model, corpus.vocabulary_size)
    return Population(model, config.optimizer, lr_MxT, seeds, config.hardware, config.training.label_smoothing)


def one_member_at_a_time(
    corpus: TokenizedCorpus, make: Any, seed: int, lr_T: torch.Tensor, *overrides: str
) -> tuple[list[float], torch.Tensor]:
    """Losses and last weights of the real model under a plain optimizer whose rate is set at every step."""
    config = composed(*SMALL, *overrides)
    model = Transformer(config.model, corpus.vocabulary_size)
    row = torch.nn.Parameter(model.initial_weights([seed]).to(getattr(torch, config.hardware.dtype)))
    settings = {"weight_decay": config.optimizer.weight_decay}
    if config.optimizer.betas is not None:
        settings |= {"betas": tuple(config.optimizer.betas), "eps": config.optimizer.eps}
    else:
        settings |= {"momentum": config.optimizer.momentum}
    optimizer = make([row], lr=1.0, **settings)
    batches = TrainingBatches(corpus.train, 8, [seed], torch.device("cpu"), 100)
    losses = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = float(lr_T[step])
        optimizer.zero_grad()
        loss = model.losses(row, batches.at(step))
        loss.sum().backward()
        if config.optimizer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([row], config.optimizer.clip_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses, row.detach()[0]


@pytest.mark.parametrize(
    ("name", "make", "overrides"),
    [
        ("adam", torch.optim.Adam, ()),
        ("adam", torch.optim.Adam, ("optimizer.weight_decay=0.1", "optimizer.clip_norm=0.5")),
        ("adamw", torch.optim.AdamW, ("optimizer.weight_decay=0.1",)),
        ("radam", torch.optim.RAdam, ()),
        ("sgd", torch.optim.SGD, ("optimizer.weight_decay=0.01",)),
        ("gi_adam", GradientInitialisedAdam, ()),
    ],
)
@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
def test_equals_one_optimizer_per_member(
    small_corpus: TokenizedCorpus, name: str, make: Any, overrides: tuple[str, ...], model: str
) -> None:
    overrides = (f"model={model}", f"optimizer={name}", "hardware.dtype=float64", *overrides)
    lr_MxT, seeds = rates(*SCHEDULES), [0, 1, 0]
    together = population(small_corpus, seeds, lr_MxT, *overrides)
    batches = TrainingBatches(small_corpus.train, 8, seeds, torch.device("cpu"), 100)
    losses_TxM = torch.stack([together.step(batches.at(step)).loss_M for step in range(STEPS)])
    for m, seed in enumerate(seeds):
        losses, last = one_member_at_a_time(small_corpus, make, seed, lr_MxT[m], *overrides)
        assert losses_TxM[:, m].tolist() == pytest.approx(losses, rel=1e-6)
        for part_name, part in together.model.unpack(together.weights_MxP).items():
            if not part_name.endswith(
                "key.bias"
            ):  # cancels in the softmax: its gradient is rounding noise, which Adam blows up
                expected = together.model.unpack(last[None])[part_name][0]
                assert torch.allclose(part[m], expected, rtol=1e-5, atol=1e-7), part_name


PARTIAL: dict[str, Any] = {
    "all": lambda stack, layer, block: True,
    "none": lambda stack, layer, block: False,
    "deep": lambda stack, layer, block: layer == 1,
    "[decoder.*.cross,encoder.0]": lambda stack, layer, block: block == "cross" or (stack, layer) == ("encoder", 0),
    "embedding": lambda stack, layer, block: layer is None,
}
"""What `schedule.warmup.layers` stands for in a network of two layers, told apart by stack, layer and block."""
TWO_LAYERS = ("model.depth=2", "schedule.peak_lr=8e-3", "schedule.warmup.fraction=0.5")


def one_group_per_layer(
    corpus: TokenizedCorpus, make: Any, seed: int, warmed: Any, *overrides: str
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Losses and last weights under a plain optimizer with a parameter group per layer, each with a rate of its own.

    The rates are written out: 10 steps of warmup for what is `warmed`, the peak for the rest, then a line to 0.
    """
    config = composed(*SMALL, *TWO_LAYERS, *overrides)
    model = Transformer(config.model, corpus.vocabulary_size)
    row = model.initial_weights([seed]).to(torch.float64)
    leaves = {name: torch.nn.Parameter(part.clone()) for name, part in model.unpack(row).items()}
    groups: dict[tuple[str, int | None, str], list[torch.nn.Parameter]] = {}
    for name, leaf in leaves.items():
        stack, layer, block, *_ = [*name.split("."), "", ""]
        groups.setdefault((stack, int(layer) if layer.isdigit() else None, block), []).append(leaf)
    settings: dict[str, Any] = {"weight_decay": config.optimizer.weight_decay}
    if config.optimizer.betas is not None:
        settings |= {"betas": tuple(config.optimizer.betas), "eps": config.optimizer.eps}
    else:
        settings |= {"momentum": config.optimizer.momentum}
    optimizer = make([{"params": of_group, "place": place} for place, of_group in groups.items()], lr=1.0, **settings)
    batches = TrainingBatches(corpus.train, 8, [seed], torch.device("cpu"), 100)
    losses = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            rise = step / 10 if warmed(*group["place"]) else 1.0
            group["lr"] = 8e-3 * (rise if step < 10 else (STEPS - step) / 10)
        optimizer.zero_grad()
        loss = model.losses(torch.cat([leaf.flatten(1) for leaf in leaves.values()], dim=1), batches.at(step))
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(leaves.values(), config.optimizer.clip_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses, {name: leaf.detach()[0] for name, leaf in leaves.items()}


def partially_warmed(
    corpus: TokenizedCorpus, layers: Sequence[str], seeds: list[int], *overrides: str
) -> tuple[Population, TrainingBatches]:
    """A population with a member for each of `layers`, as training builds it, and its batches."""
    members = [(f"schedule.warmup.layers={each}", f"seed={seed}") for each, seed in zip(layers, seeds, strict=True)]
    shared = (*SMALL, *TWO_LAYERS, f"training.steps={STEPS}", "probes=none", *overrides)
    return trainer_of(corpus, members, *shared).population, TrainingBatches(
        corpus.train, 8, seeds, torch.device("cpu"), 100
    )


@pytest.mark.parametrize(
    ("name", "make", "overrides"),
    [
        ("adam", torch.optim.Adam, ()),
        ("adamw", torch.optim.AdamW, ("optimizer.weight_decay=0.1",)),
        ("radam", torch.optim.RAdam, ()),
        ("sgd", torch.optim.SGD, ("optimizer.weight_decay=0.01",)),
        ("gi_adam", GradientInitialisedAdam, ()),
    ],
)
def test_a_part_that_warms_up_alone_equals_an_optimizer_with_a_group_per_layer(
    small_corpus: TokenizedCorpus, name: str, make: Any, overrides: tuple[str, ...]
) -> None:
    """Members with different parts in one population, one of which has diverged."""
    overrides = (f"optimizer={name}", "hardware.dtype=float64", "optimizer.clip_norm=0.5", *overrides)
    layers, seeds = [*PARTIAL, "decoder"], [0, 1, 0, 1, 2, 0]
    together, batches = partially_warmed(small_corpus, layers, seeds, *overrides)
    losses_TxM = []
    for step in range(STEPS):
        if step == 3:
            with torch.no_grad():
                together.weights_MxP[-1, 7] = torch.inf
        losses_TxM.append(together.step(batches.at(step)).loss_M)
    assert together.diverged_at_M.tolist() == [-1] * len(PARTIAL) + [3]
    found = together.model.unpack(together.weights_MxP.detach())
    for m, (warmed, seed) in enumerate(zip(PARTIAL.values(), seeds, strict=False)):
        losses, last = one_group_per_layer(small_corpus, make, seed, warmed, *overrides)
        assert torch.stack(losses_TxM)[:, m].tolist() == pytest.approx(losses, rel=1e-6)
        for part_name, expected in last.items():
            if not part_name.endswith("key.bias"):  # see above
                assert torch.allclose(found[part_name][m], expected, rtol=1e-5, atol=1e-7), part_name


def test_a_neighbour_with_two_rates_changes_no_bit(small_corpus: TokenizedCorpus) -> None:
    seeds = [0, 1]
    plain, batches = partially_warmed(small_corpus, ["all", "all"], seeds)
    mixed, _ = partially_warmed(small_corpus, ["all", "shallow"], seeds)
    for step in range(STEPS):
        expected, found = plain.step(batches.at(step)), mixed.step(batches.at(step))
        assert torch.equal(found.loss_M[0], expected.loss_M[0])
        assert torch.equal(mixed.weights_MxP[0], plain.weights_MxP[0])
    assert not torch.equal(mixed.weights_MxP[1], plain.weights_MxP[1])


def test_without_a_second_rate_a_step_takes_one_rate_per_member(small_corpus: TokenizedCorpus) -> None:
    """One per weight is a pass over all of them: it is made only where some member has two rates."""
    for layers, more in ((["all", "none"], 0), (["all", "deep"], 10)):
        population, batches = partially_warmed(small_corpus, layers, [0, 0])
        columns = population.model.size if more else 1
        for step in range(STEPS):
            assert population._rates.at(population.clock, population.alive_M).shape[1] == columns
            assert population.lr_now().isnan().tolist() == [False, step < more]
            population.step(batches.at(step))


def test_gradient_initialised_adam_is_adam_from_another_second_moment() -> None:
    """Against the formulas in NumPy: v_0 = g_1^2, and the correction for a start at zero is left in."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(12, 5))
    weights = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer = GradientInitialisedAdam([weights], lr=0.1, betas=(0.9, 0.98), eps=1e-9)
    expected, m, v = np.zeros(5), np.zeros(5), gradients[0] ** 2
    for t, g in enumerate(gradients, start=1):
        weights.grad = torch.from_numpy(g.copy())
        optimizer.step()
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g**2
        expected -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-9)
        assert weights.detach().numpy() == pytest.approx(expected, rel=1e-12)
        if t == 1:
            assert np.abs(expected) == pytest.approx(0.1 * np.sqrt(0.02), rel=1e-6)


def test_a_member_packed_with_others_follows_the_same_run_alone(small_corpus: TokenizedCorpus) -> None:
    lr_MxT, seeds = rates(*SCHEDULES), [0, 1, 0]
    together = population(small_corpus, seeds, lr_MxT)
    batches = TrainingBatches(small_corpus.train, 8, seeds, torch.device("cpu"), 100)
    losses_TxM = torch.stack([together.step(batches.at(step)).loss_M for step in range(STEPS)])
    for m, seed in enumerate(seeds):
        alone = population(small_corpus, [seed], lr_MxT[m : m + 1])
        own = TrainingBatches(small_corpus.train, 8, [seed], torch.device("cpu"), 100)
        losses = torch.cat([alone.step(own.at(step)).loss_M for step in range(STEPS)])
        assert torch.allclose(losses_TxM[:, m], losses, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_diverged_member_is_frozen_and_its_neighbours_never_notice(small_corpus: TokenizedCorpus, name: str) -> None:
    lr_MxT, seeds = rates(*SCHEDULES), [0, 1, 2]
    batches = TrainingBatches(small_corpus.train, 8, seeds, torch.device("cpu"), 100)
    calm, disturbed = (population(small_corpus, seeds, lr_MxT, f"optimizer={name}") for _ in range(2))
    for step in range(STEPS):
        if step == 5:
            with torch.no_grad():
                disturbed.weights_MxP[1, 7] = torch.inf
            frozen = disturbed.weights_MxP[1].clone()
        expected, found = calm.step(batches.at(step)), disturbed.step(batches.at(step))
        for part in ("loss_M", "grad_norm_M", "update_relative_M"):
            for m in (0, 2):
                assert torch.equal(getattr(found, part)[m], getattr(expected, part)[m])
            assert getattr(found, part)[1].isnan() == (step >= 5)
    assert torch.equal(disturbed.weights_MxP[[0, 2]], calm.weights_MxP[[0, 2]])
    assert torch.equal(disturbed.weights_MxP[1], frozen)
    assert disturbed.diverged_at_M.tolist() == [-1, 5, -1]
    assert disturbed.alive_M.tolist() == [True, False, True]
    assert disturbed.losses(batches.at(0)).isnan().tolist() == [False, True, False]


def test_a_hopeless_rate_diverges_alone(small_corpus: TokenizedCorpus) -> None:
    lr_MxT = torch.stack([torch.full((STEPS,), 1e-3), torch.full((STEPS,), 1e30)])
    pair = population(small_corpus, [0, 0], lr_MxT)
    batches = TrainingBatches(small_corpus.train, 8, [0, 0], torch.device("cpu"), 100)
    losses = [pair.step(batches.at(step)).loss_M for step in range(5)]
    assert pair.alive_M.tolist() == [True, False]
    assert 0 < int(pair.diverged_at_M[1]) < 5
    assert all(loss[0].isfinite() for loss in losses)


def test_clipping_equals_clip_grad_norm_for_each_member() -> None:
    gradient = torch.randn(4, 50, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [[0.01], [1.0], [9.0], [1.0]]
    )
    gradient[3, 0] = torch.nan
    expected = []
    for row in gradient[:3]:
        parameter = torch.nn.Parameter(torch.zeros(50))
        parameter.grad = row.clone()
        torch.nn.utils.clip_grad_norm_([parameter], 2.0)
        expected.append(parameter.grad)
    clip_per_member_(gradient, torch.linalg.vector_norm(gradient, dim=1), 2.0)
    assert torch.allclose(gradient[:3], torch.stack(expected), rtol=1e-6)


def test_what_a_step_reports_equals_a_recomputation(small_corpus: TokenizedCorpus) -> None:
    lr_MxT = rates(*SCHEDULES)
    three = population(small_corpus, [0, 1, 2], lr_MxT, "hardware.dtype=float64")
    batches = TrainingBatches(small_corpus.train, 8, [0, 1, 2], torch.device("cpu"), 100)
    for step in range(6):
        before = three.weights_MxP.detach().clone()
        batch = batches.at(step)
        leaf = before.clone().requires_grad_()
        loss = three.model.losses(leaf, batch)
        loss.sum().backward()
        reported = three.step(batch)
        moved = three.weights_MxP.detach() - before
        assert reported.loss_M.tolist() == pytest.approx(loss.tolist(), rel=1e-12)
        assert reported.grad_norm_M.tolist() == pytest.approx([row.norm().item() for row in leaf.grad], rel=1e-9)
        relative = [(m.norm() / b.norm()).item() for m, b in zip(moved, before, strict=True)]
        assert reported.update_relative_M.tolist() == pytest.approx(relative, rel=1e-9)
        assert three.losses(batch).tolist() == pytest.approx(three.model.losses(three.weights_MxP, batch).tolist())


@pytest.mark.parametrize("share", [0.5, 1e-3, 2.0])
def test_the_gradient_norm_is_reported_as_it_was_before_clipping(small_corpus: TokenizedCorpus, share: float) -> None:
    batch = TrainingBatches(small_corpus.train, 8, [0, 1], torch.device("cpu"), 100).at(0)
    lr_MxT = rates(*SCHEDULES[:2])
    unclipped = population(small_corpus, [0, 1], lr_MxT, "hardware.dtype=float64")
    leaf = unclipped.weights_MxP.detach().clone().requires_grad_()
    unclipped.model.losses(leaf, batch).sum().backward()
    assert leaf.grad is not None
    norms = [row.norm().item() for row in leaf.grad]
    largest = share * min(norms)
    clipped = population(small_corpus, [0, 1], lr_MxT, "hardware.dtype=float64", f"optimizer.clip_norm={largest}")
    assert clipped.step(batch).grad_norm_M.tolist() == pytest.approx(norms, rel=1e-9)
    assert clipped.gradient_MxP is not None
    used = [row.norm().item() for row in clipped.gradient_MxP]
    assert used == pytest.approx([min(norm, largest) for norm in norms], rel=1e-3)


def test_mean_losses_weigh_batches_by_their_tokens(small_corpus: TokenizedCorpus) -> None:
    one = population(small_corpus, [0], rates(SCHEDULES[0]), "hardware.dtype=float64")
    long, short = (TrainingBatches(small_corpus.train, n, [0], torch.device("cpu"), 100).at(3) for n in (16, 4))
    tokens = [(batch.label_MxBxT != 0).sum().item() for batch in (long, short)]
    expected = sum(one.losses(batch).item() * n for batch, n in zip((long, short), tokens, strict=True)) / sum(tokens)
    assert one.mean_losses([long, short]).item() == pytest.approx(expected, rel=1e-12)


def test_an_optimizer_outside_the_allow_list_is_refused(small_corpus: TokenizedCorpus) -> None:
    config = composed(*SMALL)
    config.optimizer.name = "adafactor"  # past the validation of configurations
    model = Transformer(config.model, small_corpus.vocabulary_size)
    with pytest.raises(ConfigError, match="linear in the learning rate"):
        Population(model, config.optimizer, rates(SCHEDULES[0]), [0], config.hardware)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none_is_refused() -> None:
    assert pick_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match=r"use hardware\.device=cpu"):
        pick_device("cuda")


def test_bfloat16_stays_near_float32(small_corpus: TokenizedCorpus) -> None:
    losses = {}
    for dtype in ("float32", "bfloat16"):
        one = population(small_corpus, [0], rates(SCHEDULES[0]), f"hardware.dtype={dtype}")
        batches = TrainingBatches(small_corpus.train, 8, [0], torch.device("cpu"), 100)
        losses[dtype] = [one.step(batches.at(step)).loss_M.item() for step in range(8)]
        assert one.weights_MxP.dtype == torch.float32
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]


def test_a_batch_is_left_as_it_was(small_corpus: TokenizedCorpus) -> None:
    one = population(small_corpus, [0], rates(SCHEDULES[0]))
    batch = TrainingBatches(small_corpus.train, 8, [0], torch.device("cpu"), 100).at(0)
    copy = Batch(*(getattr(batch, part).clone() for part in ("source_MxBxS", "input_MxBxT", "label_MxBxT")))
    one.step(batch)
    for part in ("source_MxBxS", "input_MxBxT", "label_MxBxT"):
        assert torch.equal(getattr(batch, part), getattr(copy, part))


def test_after_the_last_step_weights_and_loss_must_be_finite(small_corpus: TokenizedCorpus) -> None:
    seeds = [0, 1, 2, 3]
    lr_MxT = rates(SCHEDULES[0]).repeat(4, 1)
    finished = population(small_corpus, seeds, lr_MxT)
    batches = TrainingBatches(small_corpus.train, 8, seeds, torch.device("cpu"), 100)
    for step in range(STEPS):
        if step == 5:
            with torch.no_grad():
                finished.weights_MxP[3, 7] = torch.inf
        finished.step(batches.at(step))
    with torch.no_grad():
        finished.weights_MxP[1, 11] = torch.nan
    finished.finish(torch.tensor([4.0, 4.0, torch.inf, torch.nan]))
    assert finished.alive_M.tolist() == [True, False, False, False]
    assert finished.diverged_at_M.tolist() == [-1, STEPS - 1, STEPS - 1, 5]
