"""Sharpness equals that of the dense Hessian, and the edges are where the optimizers really diverge."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from support.composing import composed
from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING, START
from warmuplab.population.population import Population
from warmuplab.population.transformer import Transformer
from warmuplab.population.update import Elsewhere
from warmuplab.probes.curvature import CurvatureProbe

VOCABULARY, STEPS, LR = 12, 8, 0.01
TINY = ("model.width=4", "model.heads=2", "model.depth=1", "model.feed_forward=4", "hardware=cpu")

Values = dict[tuple[str, int], torch.Tensor]


def random_batch(members: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(3, VOCABULARY, (1, 6, 5), generator=generator).expand(members, -1, -1).clone()
    label = torch.randint(3, VOCABULARY, (1, 6, 4), generator=generator).expand(members, -1, -1).clone()
    source[:, 0, 3:] = label[:, 0, 2:] = PADDING
    start = torch.full((members, 6, 1), START)
    return Batch(source, torch.cat([start, label[..., :-1]], dim=2), label)


def rate(m: int, step: int) -> float:
    """Of a member at a step: rises to the last step's `LR`, three times that for the second member."""
    return LR * (1, 3)[m] * 1.1 ** (step - STEPS + 1)


def measured(*overrides: str) -> tuple[Population, list[tuple[torch.Tensor, torch.Tensor | None]], Values, Batch]:
    """A population, its weights and preconditioner before each of the steps 0, 4 and 7, and what the probe recorded.

    No two steps have the same rate; see `rate`.
    """
    config = composed(*TINY, "hardware.dtype=float64", *overrides)
    model = Transformer(config.model, VOCABULARY)
    lr_MxT = torch.tensor([[rate(m, step) for step in range(STEPS + 1)] for m in range(2)], dtype=torch.float64)
    population = Population(model, config.optimizer, lr_MxT, [0, 1], config.hardware)
    held_out = random_batch(2, seed=99)
    values: Values = {}
    probe = CurvatureProbe(
        population, held_out, config.optimizer, lambda name, step, value_M: values.update({(name, step): value_M})
    )
    states = []
    for step in range(STEPS):
        if step in (0, 4, 7):
            scale = population.preconditioner()
            states.append((population.weights_MxP.detach().clone(), None if scale is None else scale.clone()))
            probe.before_step(step)
        population.step(random_batch(2, seed=step))
    return population, states, values, held_out


def dense_hessian(model: Transformer, row_P: torch.Tensor, batch: Batch) -> torch.Tensor:
    """All rows in one batched backward pass, `(P, P)`."""
    one = Batch(batch.source_MxBxS[:1], batch.input_MxBxT[:1], batch.label_MxBxT[:1])
    leaf_P = row_P.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        loss = model.smooth_losses(leaf_P[None], one)[0]
    (gradient_P,) = torch.autograd.grad(loss, leaf_P, create_graph=True)
    unit_PxP = torch.eye(len(leaf_P), dtype=leaf_P.dtype)
    hessian_PxP: torch.Tensor
    (hessian_PxP,) = torch.autograd.grad(gradient_P, leaf_P, unit_PxP, is_grads_batched=True)
    return hessian_PxP


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_equals_the_dense_hessian_of_a_real_model(norm: str) -> None:
    population, states, values, held_out = measured(f"model.norm={norm}")
    for step, (weights_MxP, scale_MxP) in zip((0, 4, 7), states, strict=True):
        for m in range(2):
            hessian = dense_hessian(population.model, weights_MxP[m], held_out)
            top = torch.linalg.eigvalsh(hessian)[-1].item()
            sharpness = values["curvature/sharpness", step][m].item()
            assert sharpness == pytest.approx(top, rel=1e-2)
            assert values["curvature/edge", step][m].item() == pytest.approx(sharpness * rate(m, step) / 2)
            if scale_MxP is None:
                assert step == 0
                assert ("curvature/preconditioned_sharpness", 0) not in values
                continue
            # Eigenvalues of P^-1 H, which is not symmetric, from a solver that does not need it to be.
            eigenvalues = torch.linalg.eigvals(hessian / scale_MxP[m][:, None])
            preconditioned = values["curvature/preconditioned_sharpness", step][m].item()
            assert preconditioned == pytest.approx(eigenvalues.real.max().item(), rel=1e-2)
            edge = values["curvature/preconditioned_edge", step][m].item()
            assert edge == pytest.approx(preconditioned * rate(m, step) / 38)


def test_the_preconditioner_is_what_adam_divides_by() -> None:
    population, *_ = measured("optimizer.betas=[0,0.98]", "optimizer.eps=1e-8")
    before = population.weights_MxP.detach().clone()
    rate_Mx1 = torch.tensor([[rate(m, STEPS)] for m in range(2)], dtype=torch.float64)
    population.step(random_batch(2, seed=STEPS))
    expected = before - rate_Mx1 * population.gradient_MxP / population.preconditioner()
    assert torch.allclose(population.weights_MxP, expected, rtol=1e-9)


def test_sgd_has_an_edge_of_its_own_and_no_preconditioner() -> None:
    _, _, values, _ = measured("optimizer=sgd", "optimizer.momentum=0.8")
    assert {name for name, _ in values} == {"curvature/sharpness", "curvature/edge"}
    for step in (0, 4, 7):
        sharpness_M = values["curvature/sharpness", step]
        assert torch.allclose(
            values["curvature/edge", step],
            sharpness_M * torch.tensor([rate(0, step), rate(1, step)], dtype=torch.float64) / 3.6,
        )


def test_there_is_no_edge_where_a_member_has_two_rates() -> None:
    """Sharpness is a matter of the weights, the edge one of a single rate."""
    config = composed(*TINY, "hardware.dtype=float64")
    model = Transformer(config.model, VOCABULARY)
    lr_MxT = torch.tensor([[0.0, 0.5 * LR, LR], [LR, LR, LR], [LR, LR, LR]], dtype=torch.float64)
    elsewhere = Elsewhere(torch.full((3, 3), LR, dtype=torch.float64), torch.zeros(3, model.size, dtype=torch.bool))
    population = Population(model, config.optimizer, lr_MxT, [0, 0, 1], config.hardware, elsewhere=elsewhere)
    values: Values = {}
    probe = CurvatureProbe(
        population,
        random_batch(3, seed=9),
        config.optimizer,
        lambda name, step, value_M: values.update({(name, step): value_M}),
    )
    for step in range(3):
        probe.before_step(step)
        population.step(random_batch(3, seed=step))
        for name in ("curvature/edge", "curvature/preconditioned_edge")[: 1 + (step > 0)]:
            assert values[name, step].isnan().tolist() == [step < 2, False, False]
            assert values[name.replace("edge", "sharpness"), step].isfinite().all()
    assert values["curvature/edge", 0][1].item() == values["curvature/sharpness", 0][1].item() * LR / 2


def heavy_ball(curvature: float, lr: float, momentum: float, keep: float) -> float:
    """Where minimising `curvature * x^2 / 2` from 1 ends; each gradient enters the moment with weight `keep`."""
    position, moment = 1.0, 0.0
    for _ in range(3000):
        moment = momentum * moment + keep * curvature * position
        position -= lr * moment
        if abs(position) > 1e6:
            return abs(position)
    return abs(position)


@pytest.mark.parametrize(
    ("name", "overrides", "run"),
    [
        ("curvature/edge", ("optimizer=sgd", "optimizer.momentum=0"), lambda h, lr: heavy_ball(h, lr, 0.0, 1.0)),
        ("curvature/edge", ("optimizer=sgd", "optimizer.momentum=0.9"), lambda h, lr: heavy_ball(h, lr, 0.9, 1.0)),
        ("curvature/preconditioned_edge", (), lambda h, lr: heavy_ball(h, lr, 0.9, 0.1)),
    ],
)
def test_the_edge_is_where_a_quadratic_diverges(
    name: str, overrides: tuple[str, ...], run: Callable[[float, float], float]
) -> None:
    _, _, values, _ = measured(*overrides)
    sharpness = values[name.replace("edge", "sharpness"), 7][0].item()
    lr_at_edge = LR / values[name, 7][0].item()
    assert run(sharpness, 0.98 * lr_at_edge) < 1e-3
    assert run(sharpness, 1.02 * lr_at_edge) > 1e3


def test_measuring_leaves_no_trace() -> None:
    config = composed(*TINY)
    model = Transformer(config.model, VOCABULARY)
    population = Population(model, config.optimizer, torch.full((2, 2), LR), [0, 1], config.hardware)
    population.step(random_batch(2, seed=0))
    weights, gradient = population.weights_MxP.detach().clone(), population.gradient_MxP
    assert gradient is not None
    kept, state = gradient.clone(), torch.get_rng_state()
    CurvatureProbe(population, random_batch(2, seed=9), config.optimizer, lambda *_: None).before_step(1)
    assert torch.equal(population.weights_MxP.detach(), weights)
    assert population.gradient_MxP is gradient
    assert torch.equal(gradient, kept)
    assert torch.equal(torch.get_rng_state(), state)
