"""Decays: from the peak down. Their clock starts at 0, where each of them is at its initial learning rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warmuplab.base.errors import ConfigError
from warmuplab.schedules.steps import NUDGE, Array, check_choice, check_number, check_whole, on_steps

FALLS = ("linear", "cosine", "1-sqrt")


@dataclass(frozen=True)
class ConstantRate:
    """`initial_learning_rate` at every step."""

    initial_learning_rate: float

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, above=0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        return np.full(t.shape, self.initial_learning_rate, np.float64)


@dataclass(frozen=True)
class LinearDecay:
    """A straight line to `end_factor * initial_learning_rate` at `decay_steps`, level afterwards.

    With `end_factor=0` the decay of `get_linear_schedule_with_warmup` (transformers).
    """

    initial_learning_rate: float
    decay_steps: float
    end_factor: float = 0.0

    def __post_init__(self) -> None:
        _check_decay(self.initial_learning_rate, self.decay_steps)
        check_number("end_factor", self.end_factor, 0, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        left = np.maximum(self.decay_steps - t, 0) / self.decay_steps
        return self.initial_learning_rate * ((1 - self.end_factor) * left + self.end_factor)


@dataclass(frozen=True)
class PolynomialDecay:
    """`(1 - step / decay_steps) ** power` down to `end_factor * initial_learning_rate`, level afterwards.

    Source: `PolynomialDecay` (Keras) and `get_polynomial_decay_schedule_with_warmup` (transformers), whose end is given
    as a rate; `PolynomialLR` (torch) is the case `end_factor=0`.
    """

    initial_learning_rate: float
    decay_steps: float
    power: float = 1.0
    end_factor: float = 0.0

    def __post_init__(self) -> None:
        _check_decay(self.initial_learning_rate, self.decay_steps)
        check_number("power", self.power, above=0)
        check_number("end_factor", self.end_factor, 0, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        left = np.maximum(self.decay_steps - t, 0) / self.decay_steps
        return self.initial_learning_rate * ((1 - self.end_factor) * left**self.power + self.end_factor)


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine down to the floor `alpha * initial_learning_rate` at `decay_steps`, level afterwards.

    Source: Loshchilov and Hutter 2017, SGDR, eq. 5; parameters as `CosineDecay` (Keras).
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0

    def __post_init__(self) -> None:
        _check_decay(self.initial_learning_rate, self.decay_steps)
        check_number("alpha", self.alpha, 0, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        wave = half_cosine(np.minimum(t / self.decay_steps, 1))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


@dataclass(frozen=True)
class CosineDecayRestarts:
    """Cosine decays one after another, each `t_mul` times as long and `m_mul` times as high as the one before.

    After `cycles` of them the rate stays on the floor `alpha * initial_learning_rate`; `cycles=None` never ends.
    Source: Loshchilov and Hutter 2017, SGDR; parameters as `CosineDecayRestarts` (Keras). With `t_mul=1` and
    `first_decay_steps = T / cycles` it is `get_cosine_with_hard_restarts_schedule_with_warmup` (transformers).
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    cycles: int | None = None

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, above=0)
        check_number("first_decay_steps", self.first_decay_steps, above=0)
        check_number("t_mul", self.t_mul, 1)
        check_number("m_mul", self.m_mul, above=0, high=1)
        check_number("alpha", self.alpha, 0, 1)
        if self.cycles is not None:
            check_whole("cycles", self.cycles, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        elapsed = t / self.first_decay_steps  # in lengths of the first cycle
        if self.t_mul == 1:
            cycle = np.floor(elapsed * (1 + NUDGE))
            position = elapsed - cycle
        else:
            # The cycles so far last (t_mul**cycle - 1) / (t_mul - 1); the logarithm inverts that sum, and can miss a
            # restart by a rounding, which the two corrections put right.
            growth = self.t_mul - 1
            cycle = np.floor(np.log1p(elapsed * growth) / np.log(self.t_mul))
            cycle += elapsed * (1 + NUDGE) >= (self.t_mul ** (cycle + 1) - 1) / growth
            cycle -= elapsed * (1 + NUDGE) < (self.t_mul**cycle - 1) / growth
            position = (elapsed - (self.t_mul**cycle - 1) / growth) / self.t_mul**cycle
        wave = self.m_mul**cycle * half_cosine(np.clip(position, 0, 1))
        if self.cycles is not None:
            wave[cycle >= self.cycles] = 0
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


@dataclass(frozen=True)
class ExponentialDecay:
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`; with `staircase` the exponent is rounded down.

    Source: `ExponentialDecay` (Keras).
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check_decay(self.initial_learning_rate, self.decay_steps)
        check_number("decay_rate", self.decay_rate, above=0, high=1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        exponent = t / self.decay_steps
        if self.staircase:
            exponent = np.floor(exponent * (1 + NUDGE))
        return self.initial_learning_rate * self.decay_rate**exponent


@dataclass(frozen=True)
class PiecewiseConstantDecay:
    """`values[i]` up to and including step `boundaries[i]`, the last value afterwards.

    At a boundary the old value still holds, as in `PiecewiseConstantDecay` (Keras). `boundaries` are steps, strictly
    increasing; `values` are learning rates, one more than boundaries. They need not fall.
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("boundaries", "values"):
            listed = getattr(self, name)
            if isinstance(listed, str) or not isinstance(listed, Sequence | np.ndarray):
                raise ConfigError(name, listed, "is not a list", "give a list of numbers")
            for number in listed:
                check_number(name, number, 0)
            object.__setattr__(self, name, tuple(listed))  # hashable, and safe from the caller's later changes
        if any(later <= earlier for earlier, later in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ConfigError("boundaries", list(self.boundaries), "are not sorted", "give strictly increasing steps")
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigError(
                "values",
                list(self.values),
                f"are {len(self.values)} for {len(self.boundaries)} boundaries",
                f"give {len(self.boundaries) + 1}, one more than boundaries",
            )
        if not max(self.values) > 0:
            raise ConfigError("values", list(self.values), "are all zero", "give at least one rate above 0")

    @on_steps
    def __call__(self, t: Array) -> Array:
        return np.asarray(self.values, np.float64)[np.searchsorted(np.asarray(self.boundaries, np.float64), t)]


@dataclass(frozen=True)
class InverseSquareRootDecay:
    """`initial_learning_rate * sqrt(timescale / (timescale + step))`; `timescale` in steps.

    Source: `get_inverse_sqrt_schedule` (transformers), after Zhai et al. 2022, Scaling Vision Transformers. With the
    warmup's length as timescale it is the fall of `Noam`.
    """

    initial_learning_rate: float
    timescale: float

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, above=0)
        check_number("timescale", self.timescale, above=0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        return self.initial_learning_rate * np.sqrt(self.timescale / (self.timescale + t))


@dataclass(frozen=True)
class Trapezoid:
    """Level for `plateau_steps`, then a fall over `fall_steps` to `end_factor * initial_learning_rate`, then level.

    After a warmup this is the trapezoid, or warmup-stable-decay, schedule. `fall` is `linear`, `cosine` or `1-sqrt`.
    Source: Zhai et al. 2022; Hu et al. 2024, MiniCPM; Hägele et al. 2024, Scaling Laws and Compute-Optimal Training
    Beyond Fixed Training Durations (the 1-sqrt fall); `get_wsd_schedule` (transformers).
    """

    initial_learning_rate: float
    plateau_steps: float
    fall_steps: float
    fall: str = "linear"
    end_factor: float = 0.0

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, above=0)
        check_number("plateau_steps", self.plateau_steps, 0)
        check_number("fall_steps", self.fall_steps, above=0)
        check_choice("fall", self.fall, FALLS)
        check_number("end_factor", self.end_factor, 0, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        progress = np.clip((t - self.plateau_steps) / self.fall_steps, 0, 1)
        if self.fall == "linear":
            left = 1 - progress
        elif self.fall == "cosine":
            left = half_cosine(progress)
        else:
            left = 1 - np.sqrt(progress)
        return self.initial_learning_rate * ((1 - self.end_factor) * left + self.end_factor)


def half_cosine(progress: Array) -> Array:
    """From 1 at progress 0 along half a cosine to 0 at progress 1."""
    wave: Array = 0.5 * (1 + np.cos(np.pi * progress))
    return wave


def _check_decay(initial_learning_rate: float, decay_steps: float) -> None:
    check_number("initial_learning_rate", initial_learning_rate, above=0)
    check_number("decay_steps", decay_steps, above=0)
