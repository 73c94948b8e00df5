"""Every schedule against the library that users know it from, step by step over whole runs, with random parameters."""

import math
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import pytorch_warmup
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import get_scheduler

from warmuplab.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    UntunedWarmup,
    learning_rates,
)

few = settings(deadline=None, max_examples=25)
rates = st.floats(1e-5, 1.0)
shares = st.floats(0, 0.99)


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, int]:
    """Steps of a run and of its warmup."""
    total = draw(st.integers(2, 300))
    return total, draw(st.integers(0, total - 1))


def optimizer(rate: float, beta2: float = 0.999) -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=rate, betas=(0.9, beta2))


def walk(scheduler: torch.optim.lr_scheduler.LRScheduler, total: int) -> np.ndarray:
    """The rate that each step of a run would be taken at."""
    table = []
    for _ in range(total):
        table.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(table)


def agree(ours: np.ndarray, theirs: np.ndarray, rate: float, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * 1e-3 * rate)


# ---- transformers ----------------------------------------------------------------------------------------------------


def hugging_face(name: str, rate: float, run: tuple[int, int], **options: object) -> np.ndarray:
    total, warmup = run
    return walk(
        get_scheduler(
            name,
            optimizer(rate),
            num_warmup_steps=warmup,
            num_training_steps=total,
            scheduler_specific_kwargs=options,
        ),
        total,
    )


def ours(
    rate: float, run: tuple[int, int], decay: str, start_factor: float = 0.0, shape: str = "linear", **options: Any
) -> Any:
    total, warmup = run
    rise = {"shape": shape, "steps": warmup, "start_factor": start_factor}
    return learning_rates({"peak_lr": rate, "warmup": rise, "decay": {"name": decay, **options}}, total)


@few
@given(rate=rates, run=runs())
@pytest.mark.parametrize(
    ("theirs", "decay"),
    [
        ("linear", "linear"),
        ("cosine", "cosine"),
        ("constant_with_warmup", "constant"),
        ("inverse_sqrt", "inverse_sqrt"),
    ],
)
def test_transformers_without_options(theirs: str, decay: str, rate: float, run: tuple[int, int]) -> None:
    agree(ours(rate, run, decay), hugging_face(theirs, rate, run), rate)


@few
@given(rate=rates, run=runs(), timescale=st.integers(1, 1000))
def test_transformers_inverse_sqrt(rate: float, run: tuple[int, int], timescale: int) -> None:
    theirs = hugging_face("inverse_sqrt", rate, run, timescale=timescale)
    agree(ours(rate, run, "inverse_sqrt", timescale=timescale), theirs, rate)


@few
@given(rate=rates, run=runs(), alpha=shares)
def test_transformers_cosine_to_a_floor(rate: float, run: tuple[int, int], alpha: float) -> None:
    theirs = hugging_face("cosine_with_min_lr", rate, run, min_lr_rate=alpha)
    agree(ours(rate, run, "cosine", alpha=alpha), theirs, rate)


@few
@given(rate=rates, run=runs(), power=st.floats(0.2, 4), end=shares)
def test_transformers_polynomial(rate: float, run: tuple[int, int], power: float, end: float) -> None:
    theirs = hugging_face("polynomial", rate, run, power=power, lr_end=end * rate)
    agree(ours(rate, run, "polynomial", power=power, end_factor=end), theirs, rate)


@few
@given(rate=rates, run=runs(), cycles=st.integers(1, 9))
def test_transformers_cosine_with_restarts(rate: float, run: tuple[int, int], cycles: int) -> None:
    theirs = hugging_face("cosine_with_restarts", rate, run, num_cycles=cycles)
    agree(ours(rate, run, "cosine_restarts", cycles=cycles), theirs, rate)


@few
@given(rate=rates, run=runs(), end=shares, data=st.data())
@pytest.mark.parametrize("fall", ["linear", "cosine", "1-sqrt"])
@pytest.mark.parametrize("rise", ["linear", "cosine"])
def test_transformers_warmup_stable_decay(
    rise: str, fall: str, rate: float, run: tuple[int, int], end: float, data: st.DataObject
) -> None:
    total, warmup = run
    falling = data.draw(st.integers(1, total - warmup))
    theirs = hugging_face(
        "warmup_stable_decay",
        rate,
        run,
        num_decay_steps=falling,
        warmup_type=rise,
        decay_type=fall,
        min_lr_ratio=end,
    )
    share = falling / (total - warmup)
    mine = ours(rate, run, "trapezoid", end, rise, fall=fall, fall_fraction=share, end_factor=end)
    agree(mine, theirs, rate)


# ---- torch -----------------------------------------------------------------------------------------------------------


@few
@given(rate=rates, total=st.integers(1, 300), power=st.floats(0.2, 4))
def test_torch_polynomial(rate: float, total: int, power: float) -> None:
    theirs = walk(torch.optim.lr_scheduler.PolynomialLR(optimizer(rate), total, power), total + 1)
    agree(PolynomialDecay(rate, total, power)(np.arange(total + 1)), theirs, rate)


@few
@given(
    rate=rates,
    total=st.integers(10, 300),
    peak_at=st.floats(0.2, 0.9),
    first=st.floats(1, 100),
    last=st.floats(1, 1e5),
)
def test_torch_one_cycle(rate: float, total: int, peak_at: float, first: float, last: float) -> None:
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer(rate), rate, total, pct_start=peak_at, div_factor=first, final_div_factor=last
    )
    mine = OneCycle(rate, peak_at * total - 1, total - 1, 1 / first, 1 / (first * last))(np.arange(total))
    agree(mine, walk(scheduler, total), rate)


@few
@given(rate=rates, total=st.integers(10, 300), data=st.data())
def test_torch_one_cycle_from_a_configuration(rate: float, total: int, data: st.DataObject) -> None:
    """torch's clock ends at its last step, ours one later: a run of T steps is torch's with T + 1."""
    warmup = data.draw(st.integers(1, total - 1))
    mine = ours(rate, (total, warmup), "one_cycle", 0.04, "cosine")
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer(rate), rate, total + 1, pct_start=(warmup + 1) / (total + 1)
    )
    agree(mine, walk(scheduler, total), rate)


# ---- Keras, in float64: its float32 is what limits the agreement otherwise -------------------------------------------


@pytest.fixture
def float64() -> None:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def in_keras(schedule: keras.optimizers.schedules.LearningRateSchedule, total: int) -> np.ndarray:
    return np.array([float(schedule(step)) for step in range(total)])


few_keras = settings(few, max_examples=8, suppress_health_check=list(settings.default.suppress_health_check))
lengths = st.integers(1, 150)


@pytest.mark.usefixtures("float64")
class TestKeras:
    @few_keras
    @given(rate=rates, length=lengths, alpha=shares)
    def test_cosine(self, rate: float, length: int, alpha: float) -> None:
        theirs = in_keras(keras.optimizers.schedules.CosineDecay(rate, length, alpha), 200)
        agree(CosineDecay(rate, length, alpha)(np.arange(200)), theirs, rate)

    @few_keras
    @given(rate=rates, length=lengths, warmup=st.integers(1, 50), alpha=shares)
    def test_cosine_after_warmup(self, rate: float, length: int, warmup: int, alpha: float) -> None:
        theirs = keras.optimizers.schedules.CosineDecay(0.0, length, alpha, warmup_target=rate, warmup_steps=warmup)
        total = warmup + length
        agree(ours(rate, (total, warmup), "cosine", alpha=alpha), in_keras(theirs, total), rate)

    @few_keras
    @given(rate=rates, length=lengths, decay_rate=st.floats(0.1, 1), staircase=st.booleans())
    def test_exponential(self, rate: float, length: int, decay_rate: float, staircase: bool) -> None:
        theirs = in_keras(keras.optimizers.schedules.ExponentialDecay(rate, length, decay_rate, staircase), 200)
        agree(ExponentialDecay(rate, length, decay_rate, staircase)(np.arange(200)), theirs, rate)

    @few_keras
    @given(
        values=st.lists(rates, min_size=2, max_size=5),
        boundaries=st.lists(st.integers(0, 200), min_size=4, max_size=4, unique=True),
    )
    def test_piecewise(self, values: list[float], boundaries: list[int]) -> None:
        boundaries = sorted(boundaries[: len(values) - 1])
        theirs = in_keras(keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values), 202)
        agree(PiecewiseConstantDecay(boundaries, values)(np.arange(202)), theirs, max(values))

    @few_keras
    @given(rate=rates, length=lengths, power=st.floats(0.2, 4), end=shares)
    def test_polynomial(self, rate: float, length: int, power: float, end: float) -> None:
        theirs = in_keras(keras.optimizers.schedules.PolynomialDecay(rate, length, end * rate, power), 200)
        agree(PolynomialDecay(rate, length, power, end)(np.arange(200)), theirs, rate)

    @few_keras
    @given(
        rate=rates,
        first=st.integers(1, 60),
        t_mul=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
        m_mul=st.floats(0.1, 1),
        alpha=shares,
    )
    def test_restarts(self, rate: float, first: int, t_mul: float, m_mul: float, alpha: float) -> None:
        theirs = in_keras(keras.optimizers.schedules.CosineDecayRestarts(rate, first, t_mul, m_mul, alpha), 200)
        # Keras finds the cycle with a logarithm and can be a step late at a restart: test_schedules.py looks at those.
        due = np.cumsum(np.concatenate([[0], first * t_mul ** np.arange(200 if t_mul == 1 else 12)]))
        others = ~np.isin(np.arange(200), due)
        agree(CosineDecayRestarts(rate, first, t_mul, m_mul, alpha)(np.arange(200))[others], theirs[others], rate)


@few_keras
@given(rate=rates, length=st.integers(20, 150), alpha=shares)
def test_keras_as_it_comes_in_float32(rate: float, length: int, alpha: float) -> None:
    """1e-6 of the initial rate: float32 resolves 6e-8 of it, a few operations long."""
    theirs = in_keras(keras.optimizers.schedules.CosineDecay(rate, length, alpha), 200)
    np.testing.assert_allclose(CosineDecay(rate, length, alpha)(np.arange(200)), theirs, atol=1e-6 * rate, rtol=0)
    theirs = in_keras(keras.optimizers.schedules.ExponentialDecay(rate, length, 0.9), 200)
    np.testing.assert_allclose(ExponentialDecay(rate, length, 0.9)(np.arange(200)), theirs, atol=1e-6 * rate, rtol=0)


# ---- pytorch_warmup --------------------------------------------------------------------------------------------------


def dampened(warmup: type, beta2: float, total: int) -> np.ndarray:
    """The factors of a pytorch_warmup rule at its steps 0, 1, ..."""
    adam = optimizer(1.0, beta2)
    scheduler = warmup(adam)
    factors = []
    for _ in range(total):
        factors.append(adam.param_groups[0]["lr"])
        adam.step()
        with scheduler.dampening():
            pass
    return np.array(factors)


# pytorch_warmup is one step ahead: its factor at its first step is our factor at step 1, ours at step 0 is 0. It also
# cuts the length to whole steps, int(2 / (1 - beta2)), after a rounding: 99 for 0.98, 1999 for 0.999. With beta2 of the
# form 1 - 2**-k the length is whole without rounding.
@few
@given(exponent=st.integers(2, 9))
@pytest.mark.parametrize(
    ("rule", "theirs"),
    [
        ("untuned_linear", pytorch_warmup.UntunedLinearWarmup),
        ("untuned_exponential", pytorch_warmup.UntunedExponentialWarmup),
    ],
)
def test_untuned_rules_are_one_step_behind_pytorch_warmup(rule: str, theirs: type, exponent: int) -> None:
    beta2 = 1 - 2.0**-exponent
    mine = UntunedWarmup(rule, beta2)(np.arange(401))
    assert mine[0] == 0
    agree(mine[1:], dampened(theirs, beta2, 400), 1.0)


@few
@given(beta2=st.floats(0.61, 0.9999))
def test_untuned_radam_is_one_step_behind_pytorch_warmup(beta2: float) -> None:
    mine = UntunedWarmup("untuned_radam", beta2)(np.arange(401))
    assert mine[0] == 0
    agree(mine[1:], dampened(pytorch_warmup.RAdamWarmup, beta2, 400), 1.0)


@few
@given(beta2=st.floats(0.1, 0.9999))
def test_untuned_lengths_differ_from_pytorch_warmup_by_its_cut(beta2: float) -> None:
    t = np.arange(1, 401)
    cut_linear, cut_exponential = int(2 / (1 - beta2)), int(1 / (1 - beta2))
    linear, exponential = (UntunedWarmup(rule, beta2)(t) for rule in ("untuned_linear", "untuned_exponential"))
    theirs = dampened(pytorch_warmup.UntunedLinearWarmup, beta2, 400)
    agree(np.minimum(1, linear * (2 / (1 - beta2)) / cut_linear)[linear < 1], theirs[linear < 1], 1.0)
    theirs = dampened(pytorch_warmup.UntunedExponentialWarmup, beta2, 400)
    stretched = -np.expm1(np.log1p(-exponential[exponential < 0.99]) / (1 - beta2) / cut_exponential)
    agree(stretched, theirs[exponential < 0.99], 1.0)


def test_untuned_rule_before_a_decay_is_pytorch_warmups_delayed_scheduler() -> None:
    """The decay is held back until the warmup period is over, and the factor goes on multiplying after it."""
    beta2, total = 1 - 2.0**-5, 300
    adam = optimizer(1.0, beta2)
    cosine = torch.optim.lr_scheduler.LambdaLR(adam, lambda t: (1 + math.cos(math.pi * t / (total - 64))) / 2)
    warmup = pytorch_warmup.UntunedExponentialWarmup(adam)
    theirs = []
    for t in range(1, total):
        theirs.append(adam.param_groups[0]["lr"])
        adam.step()
        with warmup.dampening():
            if t >= 64:
                cosine.step()
    rise = {"shape": "untuned_exponential", "beta2": beta2}
    mine = learning_rates({"peak_lr": 1.0, "warmup": rise, "decay": {"name": "cosine"}}, total)
    agree(mine[1:], np.array(theirs), 1.0)
