"""Every schedule against its formula, written out here once more with `math`, and against its properties."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmuplab.base.errors import ConfigError
from warmuplab.schedules import (
    DECAYS,
    SHAPES,
    UNTUNED_RULES,
    ConstantRate,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    ExponentialRamp,
    InverseSquareRootDecay,
    LinearDecay,
    Noam,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Schedule,
    Trapezoid,
    UntunedWarmup,
    Warmup,
    WarmupInverseTime,
    build,
    learning_rates,
    warmup_steps,
)

PEAK = 2e-3
BETA2 = 0.9  # untuned rules then take 20 steps
KNOBS = {
    "piecewise": {"values": [PEAK, 1e-3, 5e-4, 0.0], "boundary_fractions": [0.25, 0.5, 0.75]},
    "noam": {"d_model": 64},
    "ramp": {"start_lr": 1e-5, "end_lr": PEAK},
    "cosine_restarts": {"t_mul": 1.5, "m_mul": 0.7},
}
OWN_RATE = ("piecewise", "noam", "ramp")
ENDS = ("none", "linear", "cosine", "exponential", "quadratic", "square_root", "stepped", "untuned_linear")
every_decay = pytest.mark.parametrize("decay", DECAYS)
every_fall = pytest.mark.parametrize("decay", [decay for decay in DECAYS if decay != "ramp"])
every_warmup = pytest.mark.parametrize("shape", SHAPES + UNTUNED_RULES)


def config(decay: str, shape: str = "linear", **warmup: object) -> dict[str, object]:
    """A schedule with the given warmup; an untuned rule and `none` take no length."""
    if shape in UNTUNED_RULES:
        warmup = {"beta2": BETA2}
    elif shape == "none":
        warmup = {}
    peak = None if decay in OWN_RATE else PEAK
    return {"peak_lr": peak, "warmup": {"shape": shape, **warmup}, "decay": {"name": decay, **KNOBS.get(decay, {})}}


# ---- Closed forms, 1e-12 relative ------------------------------------------------------------------------------------

rates = st.floats(1e-6, 10)
lengths = st.integers(1, 10**6)
steps = st.integers(0, 2 * 10**6)
shares = st.floats(0, 1)


def same(schedule: Schedule, expected: Callable[[int], float], at: int) -> None:
    # A rate close to the zero of a cosine cannot be more exact than the cosine: hence relative to the peak as well.
    assert schedule(at) == pytest.approx(expected(at), rel=1e-12, abs=1e-15 * max(expected(0), expected(at)))


@settings(deadline=None)
@given(rate=rates, length=lengths, alpha=shares, at=steps)
def test_cosine(rate: float, length: int, alpha: float, at: int) -> None:
    def formula(t: int) -> float:
        wave = (1 + math.cos(math.pi * min(t, length) / length)) / 2
        return rate * ((1 - alpha) * wave + alpha)

    same(CosineDecay(rate, length, alpha), formula, at)


@settings(deadline=None)
@given(rate=rates, length=lengths, decay_rate=st.floats(0.01, 1), at=steps, staircase=st.booleans())
def test_exponential(rate: float, length: int, decay_rate: float, at: int, staircase: bool) -> None:
    at = min(at, 50 * length)  # beyond, the rate is denormal
    exponent = at // length if staircase else at / length
    assert ExponentialDecay(rate, length, decay_rate, staircase)(at) == pytest.approx(
        rate * math.pow(decay_rate, exponent), rel=1e-12
    )


@settings(deadline=None)
@given(rate=rates, length=lengths, power=st.floats(0.1, 5), end=shares, at=steps)
def test_polynomial_and_linear(rate: float, length: int, power: float, end: float, at: int) -> None:
    left = float(1 - Fraction(min(at, length), length))
    formula = rate * ((1 - end) * left**power + end)
    assert PolynomialDecay(rate, length, power, end)(at) == pytest.approx(formula, rel=1e-12)
    assert LinearDecay(rate, length, end)(at) == pytest.approx(PolynomialDecay(rate, length, 1, end)(at), rel=1e-12)


@settings(deadline=None)
@given(rate=rates, timescale=lengths, at=steps)
def test_inverse_square_root(rate: float, timescale: int, at: int) -> None:
    formula = rate / math.sqrt(1 + at / timescale)
    assert InverseSquareRootDecay(rate, timescale)(at) == pytest.approx(formula, rel=1e-12)


@settings(deadline=None)
@given(d_model=st.integers(1, 4096), warmup=st.integers(1, 10**5), scale=rates, at=steps)
def test_noam(d_model: int, warmup: int, scale: float, at: int) -> None:
    assert Noam(d_model, warmup, scale)(0) == 0
    at += 1
    formula = scale * d_model**-0.5 * min(at**-0.5, at * warmup**-1.5)
    assert Noam(d_model, warmup, scale)(at) == pytest.approx(formula, rel=1e-12)
    assert Noam(d_model, warmup, scale)(warmup) == pytest.approx(scale / math.sqrt(d_model * warmup), rel=1e-12)


@settings(deadline=None)
@given(rate=rates, warmup=st.integers(1, 10**5), at=steps)
def test_warmup_inverse_time(rate: float, warmup: int, at: int) -> None:
    formula = rate * at / warmup if at <= warmup else rate * warmup / at
    assert WarmupInverseTime(rate, warmup)(at) == pytest.approx(formula, rel=1e-12)


@settings(deadline=None)
@given(start=rates, growth=st.floats(1.001, 1e8), length=lengths, at=steps)
def test_exponential_ramp(start: float, growth: float, length: int, at: int) -> None:
    ramp = ExponentialRamp(start, start * growth, length)
    formula = start * math.exp(math.log(growth) * min(at, length) / length)
    assert ramp(at) == pytest.approx(formula, rel=1e-12)
    assert (ramp(0), ramp(length)) == (start, start * growth)  # the ends to the last bit


@every_warmup
def test_a_ramp_multiplies_by_the_same_at_every_step_after_a_warmup(shape: str) -> None:
    for settings_, total in cases("ramp", shape):
        table, warmup = learning_rates(settings_, total), warmup_steps(settings_, total)
        alone = ExponentialRamp(1e-5, PEAK, total)(np.arange(total))
        if shape in ENDS:
            np.testing.assert_allclose(table[warmup:], alone[warmup:], rtol=1e-12)
        np.testing.assert_allclose(alone[1:] / alone[:-1], (PEAK / 1e-5) ** (1 / total), rtol=1e-12)


@settings(deadline=None)
@given(values=st.lists(rates, min_size=1, max_size=6), data=st.data())
def test_piecewise(values: list[float], data: st.DataObject) -> None:
    count = len(values) - 1
    boundaries = sorted(data.draw(st.lists(st.integers(0, 1000), min_size=count, max_size=count, unique=True)))
    schedule = PiecewiseConstantDecay(boundaries, values)
    for at in (0, *boundaries, *(b + 1 for b in boundaries), 10**9):
        assert schedule(at) == values[sum(at > boundary for boundary in boundaries)]


@settings(deadline=None)
@given(rate=rates, plateau=st.integers(0, 10**6), fall=lengths, end=shares, at=steps)
@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("linear", lambda p: 1 - p),
        ("cosine", lambda p: (1 + math.cos(math.pi * p)) / 2),
        ("1-sqrt", lambda p: 1 - math.sqrt(p)),
    ],
)
def test_trapezoid(
    name: str, left: Callable[[float], float], rate: float, plateau: int, fall: int, end: float, at: int
) -> None:
    def formula(t: int) -> float:
        progress = min(max(t - plateau, 0), fall) / fall
        return rate * ((1 - end) * left(progress) + end)

    same(Trapezoid(rate, plateau, fall, name, end), formula, at)


@settings(deadline=None)
@given(
    rate=rates, first=st.integers(1, 500), t_mul=st.integers(1, 3), m_mul=st.floats(0.1, 1), alpha=shares, at=st.data()
)
def test_restarts_against_a_walk_through_the_cycles(
    rate: float, first: int, t_mul: int, m_mul: float, alpha: float, at: st.DataObject
) -> None:
    schedule = CosineDecayRestarts(rate, first, t_mul, m_mul, alpha)
    ended = CosineDecayRestarts(rate, first, t_mul, m_mul, alpha, cycles=2)
    t = at.draw(st.integers(0, 20 * first))
    start, length, cycle = 0, first, 0
    while t >= start + length:
        start, length, cycle = start + length, length * t_mul, cycle + 1
    wave = m_mul**cycle * (1 + math.cos(math.pi * (t - start) / length)) / 2
    same(schedule, lambda step: rate * ((1 - alpha) * (wave if step else 1) + alpha), t)
    same(ended, lambda step: rate * ((1 - alpha) * (wave if cycle < 2 else 0) + alpha) if step else rate, t)


def test_restarts_come_at_the_very_step_they_are_due() -> None:
    for first in range(1, 400):
        for t_mul in (1, 2, 3):
            due = [first * sum(t_mul**i for i in range(k)) for k in range(8)]
            np.testing.assert_allclose(CosineDecayRestarts(1.0, first, t_mul)(due), 1.0, rtol=1e-9)


def test_restarts_from_a_configuration_end_on_the_floor() -> None:
    for total in range(1, 150):
        for cycles, t_mul in ((1, 1.0), (7, 1.0), (11, 1.0), (1, 2.0), (3, 2.0), (4, 1.3)):
            settings_ = config("cosine_restarts", "none")
            settings_["decay"] = {"name": "cosine_restarts", "cycles": cycles, "t_mul": t_mul, "alpha": 0.25}
            assert build(settings_, total)([0, total]).tolist() == [PEAK, PEAK / 4]


@pytest.mark.parametrize("share", ["0.01", "0.05", "0.07", "0.1", "0.3", "0.35"])
def test_staircase_from_a_fraction_falls_at_the_very_step_it_is_due(share: str) -> None:
    for total in range(1, 300):
        settings_ = config("exponential", "none")
        settings_["decay"] = {
            "name": "exponential",
            "decay_rate": 0.5,
            "decay_fraction": float(share),
            "staircase": True,
        }
        stairs = [t // (Fraction(share) * total) for t in range(total)]
        assert (learning_rates(settings_, total) == PEAK * 0.5 ** np.array(stairs, float)).all()


def test_stairs_are_of_equal_length() -> None:
    for length in (7, 49, 100, 343):
        for stairs in (1, 3, 7, 100):
            expected = [-(-t * stairs // length) / (stairs + 1) for t in range(length)]
            assert Warmup(length, "stepped", stairs=stairs)(np.arange(length)).tolist() == expected


WARMUP_FORMULAS = {
    "linear": lambda x: x,
    "cosine": lambda x: math.sin(math.pi * x / 2) ** 2,
    "exponential": lambda x: (1 - math.exp(-5 * x)) / (1 - math.exp(-5)),
    "quadratic": lambda x: x * x,
    "square_root": math.sqrt,
    "stepped": lambda x: math.ceil(4 * x) / 5 if x < 1 else 1,
}


@settings(deadline=None)
@given(length=lengths, start=shares, at=st.floats(0, 1.5))
@pytest.mark.parametrize("shape", WARMUP_FORMULAS)
def test_warmup_shapes(shape: str, length: int, start: float, at: float) -> None:
    t = round(at * length)
    rise = WARMUP_FORMULAS[shape](Fraction(min(t, length), length))
    # 1 - cos cannot resolve more of a factor near 0 than one rounding of 1.
    assert Warmup(length, shape, start)(t) == pytest.approx(start + (1 - start) * float(rise), rel=1e-12, abs=1e-16)


@settings(deadline=None)
@given(beta2=st.floats(0.05, 0.99999), at=st.integers(0, 10**5))
def test_untuned_rules(beta2: float, at: int) -> None:
    linear = min(1.0, (1 - beta2) / 2 * at)
    assert UntunedWarmup("untuned_linear", beta2)(at) == pytest.approx(linear, rel=1e-9)
    exponential = UntunedWarmup("untuned_exponential", beta2)(at)
    assert exponential == pytest.approx(-math.expm1(-(1 - beta2) * at), rel=1e-12)


def test_one_cycle_meets_its_three_rates() -> None:
    schedule = OneCycle(1.0, warmup_steps=30, total_steps=100, start_factor=0.1, end_factor=0.001)
    np.testing.assert_allclose(schedule([0, 15, 30, 65, 100, 500]), [0.1, 0.55, 1, 0.5005, 0.001, 0.001], rtol=1e-12)


# ---- Properties of every schedule x warmup ---------------------------------------------------------------------------

T = 97


def cases(decay: str, shape: str) -> list[tuple[dict[str, object], int]]:
    lengths_of_warmup = (None,) if shape in ("none", *UNTUNED_RULES) else (0, 1, 2, 30, T - 1)
    return [(config(decay, shape, steps=steps), T) for steps in lengths_of_warmup]


@every_decay
@every_warmup
def test_finite_not_negative_and_vectorised(decay: str, shape: str) -> None:
    for settings_, total in cases(decay, shape):
        table = learning_rates(settings_, total)
        schedule = build(settings_, total)
        assert table.dtype == np.float64
        assert table.shape == (total,)
        assert np.isfinite(table).all()
        assert (table >= 0).all()
        assert [float(schedule(t)) for t in range(total)] == table.tolist()
        assert (schedule(np.arange(total).reshape(1, total)) == table).all()
        assert np.isfinite(schedule([total, 10 * total])).all()


@every_fall
@every_warmup
def test_rises_to_the_peak_and_never_above(decay: str, shape: str) -> None:
    for settings_, total in cases(decay, shape):
        table, warmup = learning_rates(settings_, total), warmup_steps(settings_, total)
        rise = table[: warmup + 1]
        assert (np.diff(rise) >= -1e-12 * rise.max()).all()
        if warmup:
            assert table[0] == 0
        peak = 64**-0.5 * max(warmup, 1) ** -0.5 if decay == "noam" else PEAK
        assert table.max() <= peak * (1 + 1e-12)
        if shape in ENDS:
            assert table[warmup] == table.max() == pytest.approx(peak, rel=1e-12)


@every_fall
@pytest.mark.parametrize("shape", ENDS)
def test_the_decay_runs_from_w_to_t(decay: str, shape: str) -> None:
    for settings_, total in cases(decay, shape):
        warmup = warmup_steps(settings_, total)
        after = build(settings_, total)(np.arange(warmup, total + 1))
        if decay in ("noam", "warmup_inverse_time", "inverse_sqrt"):  # by their formulas these know W and have no end
            t = np.maximum(np.arange(warmup, total + 1), 1)
            scale = warmup or 1
            expected = {
                "noam": 64**-0.5 * t**-0.5,
                "warmup_inverse_time": PEAK * scale / t,
                "inverse_sqrt": PEAK * np.sqrt(warmup / t if warmup else 10_000 / (10_000 + np.arange(total + 1))),
            }[decay]
            np.testing.assert_allclose(after, expected, rtol=1e-12)
        else:  # the same as a run of T - W steps without warmup
            alone = build(config(decay, "none"), total - warmup)(np.arange(total - warmup + 1))
            assert (after == alone).all()
            end = {"constant": PEAK, "exponential": 0.1 * PEAK, "one_cycle": 4e-6 * PEAK}.get(decay, 0)
            assert after[-1] == pytest.approx(end, rel=1e-12, abs=1e-18)


@every_decay
@settings(deadline=None, max_examples=15)
@given(total=st.integers(1, 2000), data=st.data())
def test_a_fraction_is_its_steps(decay: str, total: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, total - 1))
    by_fraction, by_steps = config(decay, fraction=warmup / total), config(decay, steps=warmup)
    assert warmup_steps(by_fraction, total) == warmup
    assert (learning_rates(by_fraction, total) == learning_rates(by_steps, total)).all()


@pytest.mark.parametrize(
    ("fraction", "total", "expected"),
    [(0.0125, 200, 3), (0.5, 5, 3), (0.29, 100, 29), (0.285, 100, 29), (0.0024, 200, 0), (0.0025, 200, 1), (0, 7, 0)],
)
def test_half_a_step_rounds_up(fraction: float, total: int, expected: int) -> None:
    assert warmup_steps(config("linear", fraction=fraction), total) == expected


@pytest.mark.parametrize("shape", [shape for shape in SHAPES + UNTUNED_RULES if shape != "none"])
def test_start_factor_lifts_the_start_and_nothing_else(shape: str) -> None:
    settings_ = config("constant", shape, steps=20)
    plain = learning_rates(settings_, T) / PEAK
    for start in (0.1, 0.3, 1.0):
        settings_["warmup"] = {**settings_["warmup"], "start_factor": start}  # type: ignore[dict-item]
        lifted = learning_rates(settings_, T) / PEAK
        np.testing.assert_allclose(lifted, start + (1 - start) * plain, rtol=1e-12)
        assert lifted.max() <= 1


@pytest.mark.parametrize(("beta2", "expected"), [(0.98, 100), (0.999, 2000), (0.95, 40), (0.9, 20), (0.97, 67)])
def test_untuned_length(beta2: float, expected: int) -> None:
    assert UntunedWarmup("untuned_linear", beta2).steps == expected


def test_noam_and_inverse_time_from_a_configuration_are_the_published_rules() -> None:
    t = np.arange(500)
    noam = learning_rates(config("noam", steps=37), 500)
    np.testing.assert_allclose(noam, Noam(64, 37)(t), rtol=1e-12)
    np.testing.assert_allclose(
        learning_rates(config("warmup_inverse_time", steps=37), 500), WarmupInverseTime(PEAK, 37)(t), rtol=1e-12
    )
    one_cycle = config("one_cycle", "cosine", steps=37, start_factor=0.04)
    np.testing.assert_allclose(learning_rates(one_cycle, 500), OneCycle(PEAK, 37, 500)(t), rtol=1e-12)


def test_a_far_step_needs_no_table() -> None:
    total = 10**15  # a table of it would not fit anywhere
    schedule = build(config("cosine", fraction=0.1), total)
    np.testing.assert_allclose(schedule([0, total // 10, total]), [0, PEAK, 0], atol=1e-18)


# ---- Bad parameters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ConstantRate(0.0), "initial_learning_rate"),
        (lambda: CosineDecay(float("nan"), 10), "initial_learning_rate"),
        (lambda: CosineDecay(float("inf"), 10), "initial_learning_rate"),
        (lambda: CosineDecay(-1e-3, 10), "initial_learning_rate"),
        (lambda: CosineDecay("1e-3", 10), "initial_learning_rate"),  # type: ignore[arg-type]
        (lambda: CosineDecay(True, 10), "initial_learning_rate"),
        (lambda: CosineDecay(1e-3, -10), "decay_steps"),
        (lambda: CosineDecay(1e-3, 0), "decay_steps"),
        (lambda: CosineDecay(1e-3, 10, alpha=1.1), "alpha"),
        (lambda: LinearDecay(1e-3, 10, end_factor=-0.1), "end_factor"),
        (lambda: PolynomialDecay(1e-3, 10, power=0), "power"),
        (lambda: ExponentialDecay(1e-3, 10, 1.5), "decay_rate"),
        (lambda: CosineDecayRestarts(1e-3, 10, t_mul=0.5), "t_mul"),
        (lambda: CosineDecayRestarts(1e-3, 10, m_mul=2.0), "m_mul"),
        (lambda: CosineDecayRestarts(1e-3, 10, cycles=0), "cycles"),
        (lambda: PiecewiseConstantDecay([20, 10], [1, 2, 3]), "boundaries"),
        (lambda: PiecewiseConstantDecay([10, 10], [1, 2, 3]), "boundaries"),
        (lambda: PiecewiseConstantDecay([-1], [1, 2]), "boundaries"),
        (lambda: PiecewiseConstantDecay([10, 20], [1, 2]), "values"),
        (lambda: PiecewiseConstantDecay([10], [1, float("inf")]), "values"),
        (lambda: PiecewiseConstantDecay([10], [0, 0]), "values"),
        (lambda: PiecewiseConstantDecay([10], 1e-3), "values"),  # type: ignore[arg-type]
        (lambda: InverseSquareRootDecay(1e-3, 0), "timescale"),
        (lambda: Trapezoid(1e-3, -1, 10), "plateau_steps"),
        (lambda: Trapezoid(1e-3, 10, 0), "fall_steps"),
        (lambda: Trapezoid(1e-3, 10, 10, "sqrt"), "fall"),
        (lambda: Noam(0), "d_model"),
        (lambda: Noam(64, -1), "warmup_steps"),
        (lambda: Noam(64, 4000.5), "warmup_steps"),  # type: ignore[arg-type]
        (lambda: Noam(64, scale=0), "scale"),
        (lambda: WarmupInverseTime(1e-3, -1), "warmup_steps"),
        (lambda: ExponentialRamp(0, 1, 10), "start_learning_rate"),
        (lambda: ExponentialRamp(1e-3, 1e-3, 10), "end_learning_rate"),
        (lambda: ExponentialRamp(1e-3, float("inf"), 10), "end_learning_rate"),
        (lambda: ExponentialRamp(1e-5, 1, 0), "total_steps"),
        (lambda: OneCycle(1e-3, 100, 100), "warmup_steps"),
        (lambda: Warmup(-1), "steps"),
        (lambda: Warmup(10, "sigmoid"), "shape"),
        (lambda: Warmup(10, "none"), "steps"),
        (lambda: Warmup(10, start_factor=2), "start_factor"),
        (lambda: Warmup(10, "stepped", stairs=0), "stairs"),
        (lambda: UntunedWarmup("untuned_linear", 1.0), "beta2"),
        (lambda: UntunedWarmup("untuned_radam", 0.6), "beta2"),
        (lambda: UntunedWarmup("linear", 0.98), "rule"),
    ],
)
def test_a_bad_parameter_is_named(make: Callable[[], object], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}=") as caught:
        make()
    assert isinstance(caught.value, ConfigError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", [-1, [0, -1], float("nan"), "3", True])
def test_a_bad_step_is_refused(step: object) -> None:
    with pytest.raises(ValueError, match="step="):
        CosineDecay(1e-3, 10)(step)  # type: ignore[arg-type]


def test_lists_given_are_copied() -> None:
    boundaries, values = [10], [1.0, 0.5]
    schedule = PiecewiseConstantDecay(boundaries, values)
    boundaries[0], values[0] = 0, 7.0
    assert schedule(10) == 1.0
    assert hash(schedule) == hash(PiecewiseConstantDecay([10], [1.0, 0.5]))
