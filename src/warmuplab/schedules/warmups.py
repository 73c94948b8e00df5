"""Warmups: dimensionless factors that rise from 0 at step 0 (or from `start_factor`), and their union with a decay."""

import math
from dataclasses import dataclass

import numpy as np

from warmuplab.schedules.steps import NUDGE, Array, Schedule, check_choice, check_number, check_whole, on_steps

SHAPES = ("none", "linear", "cosine", "exponential", "quadratic", "square_root", "stepped")
EQUAL_AREA = "equal_area"  # no rise: the control that a warmup is to be compared with, see `composition`
UNTUNED_RULES = ("untuned_linear", "untuned_exponential", "untuned_radam")

# Parts of the network that can follow the warmup alone. Which weights they are is said where the weights are, in
# `population.parts`.
PARTS = ("all", "none", "deep", "shallow", "embedding", "encoder", "decoder")

# The exponential shape covers five time constants: on its own it would reach 1 - e**-5 = 0.993, near enough to 1 that
# the normalisation which takes it there leaves the shape alone.
TIME_CONSTANTS = 5.0

# Time constants 1 / (1 - beta2) after which an untuned rule is 1 in float64, as exp(-50) vanishes beside 1.
SATURATION = 50.0


@dataclass(frozen=True)
class Warmup:
    """A factor that rises over `steps` steps from `start_factor` at step 0 to 1 at step `steps`, and stays there.

    With x = step / steps the shapes are: linear x (Goyal et al. 2017, section 2.2), cosine (1 - cos(pi x)) / 2,
    exponential (1 - exp(-5x)) / (1 - exp(-5)) (the saturating rise of Ma and Yarats 2021, made to end), quadratic x**2,
    square_root sqrt(x), stepped: after step 0, `stairs` level stretches of equal length, at 1, 2, ... `stairs` parts in
    `stairs + 1`; none, which takes no steps. `start_factor` s lifts a shape f to s + (1 - s) f.
    """

    steps: int
    shape: str = "linear"
    start_factor: float = 0.0
    stairs: int = 4

    def __post_init__(self) -> None:
        check_choice("shape", self.shape, SHAPES)
        check_whole("steps", self.steps, 0)
        check_number("start_factor", self.start_factor, 0, 1)
        check_whole("stairs", self.stairs, 1)
        if self.shape == "none":
            check_number("steps", self.steps, 0, 0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        factor = np.ones(t.shape)
        rising = t < self.steps
        if rising.any():
            factor[rising] = _lift(self._rise(t[rising] / self.steps), self.start_factor)
        return factor

    def _rise(self, x: Array) -> Array:
        match self.shape:
            case "cosine":
                return 0.5 * (1 - np.cos(np.pi * x))
            case "exponential":
                return np.expm1(-TIME_CONSTANTS * x) / math.expm1(-TIME_CONSTANTS)
            case "quadratic":
                return x**2
            case "square_root":
                return np.sqrt(x)
            case "stepped":
                return np.ceil(x * self.stairs * (1 - NUDGE)) / (self.stairs + 1)
            case _:
                return x


@dataclass(frozen=True)
class UntunedWarmup:
    """A factor whose length follows from Adam's second-moment decay `beta2` alone.

    untuned_linear is min(1, (1 - beta2) / 2 * step) and untuned_exponential 1 - exp(-(1 - beta2) * step): Ma and Yarats
    2021, On the Adequacy of Untuned Warmup for Adaptive Optimization, its two rules of thumb. untuned_radam is the
    rectification term of RAdam (Liu et al. 2020, algorithm 2), entered at the first step for which it is defined; it
    needs beta2 > 0.6. The last two approach 1 without reaching it and go on multiplying through the decay.
    `start_factor` lifts as in `Warmup`.

    `steps`, where the clock of the decay starts, is 2 / (1 - beta2) rounded up for all three, because the paper finds
    them to be of the same effective length: they differ in the rise alone. The factor is 0 at step 0 here;
    pytorch_warmup counts steps from 1 and is one step ahead.
    """

    rule: str
    beta2: float
    start_factor: float = 0.0

    def __post_init__(self) -> None:
        check_choice("rule", self.rule, UNTUNED_RULES)
        # Up to 0.6 the rectification is defined nowhere; too near to it or to 1 float64 cannot tell.
        check_number("beta2", self.beta2, above=0.600001 if self.rule == "untuned_radam" else 0, high=1 - 1e-9)
        check_number("start_factor", self.start_factor, 0, 1)

    @property
    def steps(self) -> int:
        """2 / (1 - beta2), rounded up."""
        return math.ceil(2 / (1 - self.beta2) * (1 - 1e-9))  # 1 - 0.98 is not quite 0.02

    @on_steps
    def __call__(self, t: Array) -> Array:
        factor = np.ones(t.shape)
        rising = t < (self.steps if self.rule == "untuned_linear" else SATURATION / (1 - self.beta2))
        if rising.any():
            factor[rising] = _lift(self._rise(t[rising]), self.start_factor)
        return factor

    def _rise(self, t: Array) -> Array:
        if self.rule == "untuned_linear":
            return np.minimum((1 - self.beta2) / 2 * t, 1)
        if self.rule == "untuned_exponential":
            return -np.expm1(-(1 - self.beta2) * t)
        return self._rectification(t)

    def _rectification(self, t: Array) -> Array:
        """The rectification term of RAdam, shifted so that step 1 is the first for which it is defined."""
        most = 2 / (1 - self.beta2) - 1
        defined = 1
        while not self._averaged_steps(np.array([float(defined)]))[0] > 4:
            defined += 1
        length = self._averaged_steps(np.maximum(t, 1) - 1 + defined)
        factor = np.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
        factor[t < 1] = 0
        return factor

    def _averaged_steps(self, t: Array) -> Array:
        """The length of the simple average that Adam's exponential one of the first t steps equals (rho of RAdam)."""
        kept = self.beta2**t
        length: Array = 2 / (1 - self.beta2) - 1 - 2 * t * kept / (1 - kept)
        return length


@dataclass(frozen=True)
class WithWarmup:
    """A warmup, then a decay: `warmup(step) * decay(max(step, warmup.steps) - starts_at)`.

    `starts_at` is where the decay's clock reads 0: the end of the warmup, or 0 for a rule that counts training steps.
    """

    warmup: Warmup | UntunedWarmup
    decay: Schedule
    starts_at: int

    @on_steps
    def __call__(self, t: Array) -> Array:
        return self.warmup(t) * self.decay(np.maximum(t, self.warmup.steps) - self.starts_at)


def _lift(factor: Array, start_factor: float) -> Array:
    return start_factor + (1 - start_factor) * factor
