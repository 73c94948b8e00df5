"""What each decay takes from a run's configuration: its options, their defaults, and how they make the decay.

Fractions of the decay (`decay_fraction`, `fall_fraction`, `boundary_fractions`) and steps in it count from the end of
the warmup, so that a decay stays what it is while the warmup varies.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from warmuplab.base.errors import ConfigError
from warmuplab.base.portions import portion
from warmuplab.schedules.decays import (
    ConstantRate,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseSquareRootDecay,
    LinearDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    Trapezoid,
)
from warmuplab.schedules.published import ExponentialRamp, Noam, OneCycle, WarmupInverseTime
from warmuplab.schedules.steps import Schedule, check_number, check_whole


class Span(NamedTuple):
    """What a decay may depend on besides its own options: the peak (NaN where it states its own), W and T."""

    peak: float
    warmup: int
    total: int

    @property
    def decay_steps(self) -> int:
        return self.total - self.warmup


def _constant(run: Span) -> Schedule:
    return ConstantRate(run.peak)


def _linear(run: Span, *, end_factor: float = 0.0) -> Schedule:
    return LinearDecay(run.peak, run.decay_steps, end_factor)


def _polynomial(run: Span, *, power: float = 2.0, end_factor: float = 0.0) -> Schedule:
    return PolynomialDecay(run.peak, run.decay_steps, power, end_factor)


def _cosine(run: Span, *, alpha: float = 0.0) -> Schedule:
    return CosineDecay(run.peak, run.decay_steps, alpha)


def _cosine_restarts(
    run: Span, *, cycles: int = 3, t_mul: float = 1.0, m_mul: float = 1.0, alpha: float = 0.0
) -> Schedule:
    check_whole("cycles", cycles, 1)
    check_number("t_mul", t_mul, 1)
    if cycles * math.log2(t_mul) > 50:
        raise ConfigError("cycles", cycles, f"{cycles} cycles that grow {t_mul:g}-fold fit no run", "give fewer")
    # Together the cycles last (t_mul**cycles - 1) / (t_mul - 1) times the first, and they fill the decay.
    first = run.decay_steps / (cycles if t_mul == 1 else (t_mul**cycles - 1) / (t_mul - 1))
    return CosineDecayRestarts(run.peak, first, t_mul, m_mul, alpha, cycles)


def _exponential(
    run: Span,
    *,
    decay_rate: float = 0.1,
    decay_steps: float | None = None,
    decay_fraction: float | None = None,
    staircase: bool = False,
) -> Schedule:
    not_both("schedule.decay", "decay_steps", decay_steps, "decay_fraction", decay_fraction)
    if decay_fraction is not None:
        decay_steps = _share("decay_fraction", decay_fraction, run.decay_steps)
    if decay_steps is None:
        decay_steps = run.decay_steps
    return ExponentialDecay(run.peak, decay_steps, decay_rate, staircase)


def _piecewise(
    run: Span,
    *,
    values: list[float],
    boundaries: list[float] | None = None,
    boundary_fractions: list[float] | None = None,
) -> Schedule:
    not_both("schedule.decay", "boundaries", boundaries, "boundary_fractions", boundary_fractions)
    if boundary_fractions is not None:
        if not all(0 <= fraction <= 1 for fraction in boundary_fractions):
            raise ConfigError("boundary_fractions", boundary_fractions, "are out of range", "give numbers from 0 to 1")
        boundaries = [portion(fraction, run.decay_steps) for fraction in boundary_fractions]
    if boundaries is None:
        raise ConfigError("boundaries", None, "are missing", "give boundaries (steps) or boundary_fractions")
    return PiecewiseConstantDecay(boundaries, values)


def _inverse_sqrt(run: Span, *, timescale: float | None = None) -> Schedule:
    return InverseSquareRootDecay(run.peak, (run.warmup or 10_000) if timescale is None else timescale)


def _trapezoid(run: Span, *, fall: str = "linear", fall_fraction: float = 0.2, end_factor: float = 0.0) -> Schedule:
    fall_steps = _share("fall_fraction", fall_fraction, run.decay_steps)
    return Trapezoid(run.peak, run.decay_steps - fall_steps, fall_steps, fall, end_factor)


def _one_cycle(run: Span, *, end_factor: float = 4e-6) -> Schedule:
    return OneCycle(run.peak, run.warmup, run.total, end_factor=end_factor)


def _warmup_inverse_time(run: Span) -> Schedule:
    return WarmupInverseTime(run.peak, run.warmup)


def _noam(run: Span, *, d_model: int, scale: float = 1.0) -> Schedule:
    return Noam(d_model, run.warmup, scale)


def _ramp(run: Span, *, start_lr: float, end_lr: float) -> Schedule:
    check_number("start_lr", start_lr, above=0)
    check_number("end_lr", end_lr, above=start_lr)
    return ExponentialRamp(start_lr, end_lr, run.total)


# The keyword arguments of each are the options of that decay: their names, types and defaults.
DECAYS: dict[str, Callable[..., Schedule]] = {
    "constant": _constant,
    "linear": _linear,
    "polynomial": _polynomial,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "exponential": _exponential,
    "piecewise": _piecewise,
    "inverse_sqrt": _inverse_sqrt,
    "trapezoid": _trapezoid,
    "one_cycle": _one_cycle,
    "warmup_inverse_time": _warmup_inverse_time,
    "noam": _noam,
    "ramp": _ramp,
}
# Options that came after the first records, by decay, with the value that each was introduced with: at it the option is
# left out of a run's identity (see `config.keys`). It never changes, whatever becomes the default.
ADDED_OPTIONS: dict[str, dict[str, Any]] = {}
# The others count from the end of the warmup.
COUNT_TRAINING_STEPS = ("one_cycle", "warmup_inverse_time", "noam", "ramp")
STATE_THEIR_OWN_RATE = {
    "noam": "scale it with schedule.decay.scale",
    "piecewise": "state it in schedule.decay.values",
    "ramp": "state it in schedule.decay.end_lr",
}


def not_both(group: str, first: str, first_value: Any, second: str, second_value: Any) -> None:
    """Raise a ConfigError whose remedy clears one of two settings of a group that exclude each other."""
    if first_value is not None and second_value is not None:
        remedy = f"clear one of them with {group}.{second}=null or {group}.{first}=null"
        raise ConfigError(f"{group}.{first}", first_value, f"given together with {second}={second_value}", remedy)


def _share(name: str, fraction: float, steps: int) -> float:
    if not 0 < fraction <= 1:
        raise ConfigError(name, fraction, "is out of range", "give a number above 0, at most 1")
    return portion(fraction, steps)
