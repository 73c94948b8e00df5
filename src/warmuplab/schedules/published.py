"""Published rules that contain their own rise. Their clock is the training step itself."""

import math
from dataclasses import dataclass

import numpy as np

from warmuplab.schedules.decays import half_cosine
from warmuplab.schedules.steps import Array, check_number, check_whole, on_steps


@dataclass(frozen=True)
class Noam:
    """`scale * d_model**-0.5 * min(step**-0.5, step * warmup_steps**-1.5)`: 0 at step 0, the peak at `warmup_steps`.

    The peak is `scale * (d_model * warmup_steps)**-0.5`. With `warmup_steps=0` only the fall is left, and steps 0 and 1
    share the peak `scale * d_model**-0.5`. Source: Vaswani et al. 2017, Attention Is All You Need, section 5.3, eq. 3.
    """

    d_model: int
    warmup_steps: int = 4000
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_whole("d_model", self.d_model, 1)
        check_whole("warmup_steps", self.warmup_steps, 0)
        check_number("scale", self.scale, above=0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        rate: Array = np.maximum(t, 1) ** -0.5  # step 0 is on the rise, whatever the fall says there
        if self.warmup_steps:
            rate = np.minimum(rate, t * math.pow(self.warmup_steps, -1.5))
        return self.scale * math.pow(self.d_model, -0.5) * rate


@dataclass(frozen=True)
class WarmupInverseTime:
    """A straight rise to `initial_learning_rate` at `warmup_steps`, then `initial_learning_rate * warmup_steps / step`.

    With `warmup_steps=0` it is `initial_learning_rate / step`, and steps 0 and 1 share the initial rate.
    """

    initial_learning_rate: float
    warmup_steps: int = 4000

    def __post_init__(self) -> None:
        check_number("initial_learning_rate", self.initial_learning_rate, above=0)
        check_whole("warmup_steps", self.warmup_steps, 0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        peak_step = max(self.warmup_steps, 1)
        fall = self.initial_learning_rate * (peak_step / np.maximum(t, peak_step))
        return np.where(t < self.warmup_steps, self.initial_learning_rate * (t / peak_step), fall)


@dataclass(frozen=True)
class ExponentialRamp:
    """`start_learning_rate * (end_learning_rate / start_learning_rate) ** (step / total_steps)`, level afterwards.

    Every step multiplies the rate by the same factor, so that each decade of rates gets as many steps: a test for the
    rates that a network tolerates, not a schedule to train with. Source: the learning rate range test of Smith 2017,
    Cyclical Learning Rates for Training Neural Networks, section 3.3, in the exponential form of fastai's `lr_find`.
    """

    start_learning_rate: float
    end_learning_rate: float
    total_steps: float

    def __post_init__(self) -> None:
        check_number("start_learning_rate", self.start_learning_rate, above=0)
        check_number("end_learning_rate", self.end_learning_rate, above=self.start_learning_rate)
        check_number("total_steps", self.total_steps, above=0)

    @on_steps
    def __call__(self, t: Array) -> Array:
        progress = np.minimum(t / self.total_steps, 1)
        # A power of either end would meet the other only up to rounding.
        rate: Array = self.start_learning_rate ** (1 - progress) * self.end_learning_rate**progress
        return rate


@dataclass(frozen=True)
class OneCycle:
    """Half a cosine up from `start_factor * peak_learning_rate`, half a cosine down to `end_factor * ...`.

    The peak is at `warmup_steps` (a real number), the end at `total_steps`, level afterwards. `OneCycleLR` (torch) with
    `total_steps=N` counts to N - 1: it is this with `warmup_steps = pct_start * N - 1`, `total_steps = N - 1`,
    `start_factor = 1 / div_factor` and `end_factor = 1 / (div_factor * final_div_factor)`.
    Source: Smith and Topin 2018, Super-Convergence, in the cosine form of `OneCycleLR`.
    """

    peak_learning_rate: float
    warmup_steps: float
    total_steps: float
    start_factor: float = 0.04
    end_factor: float = 4e-6

    def __post_init__(self) -> None:
        check_number("peak_learning_rate", self.peak_learning_rate, above=0)
        check_number("total_steps", self.total_steps, above=0)
        check_number("warmup_steps", self.warmup_steps, 0, np.nextafter(self.total_steps, 0))
        check_number("start_factor", self.start_factor, 0, 1)
        check_number("end_factor", self.end_factor, 0, 1)

    @on_steps
    def __call__(self, t: Array) -> Array:
        rising = t < self.warmup_steps
        fallen = np.clip((t - self.warmup_steps) / (self.total_steps - self.warmup_steps), 0, 1)
        height = (1 - self.end_factor) * half_cosine(fallen) + self.end_factor
        left = half_cosine(t[rising] / self.warmup_steps) if self.warmup_steps else t[rising]
        height[rising] = 1 - (1 - self.start_factor) * left
        return self.peak_learning_rate * height
