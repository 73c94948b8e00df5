"""A run's schedule from its configuration."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from warmuplab.base.errors import ConfigError
from warmuplab.base.portions import whole_portion
from warmuplab.schedules.normal import normalized
from warmuplab.schedules.options import COUNT_TRAINING_STEPS, DECAYS, Span
from warmuplab.schedules.steps import Array, Schedule, check_whole, on_steps
from warmuplab.schedules.warmups import EQUAL_AREA, UNTUNED_RULES, UntunedWarmup, Warmup, WithWarmup

# Steps evaluated at once for a table: the temporaries stay in the cache, which makes the whole twice as fast.
CHUNK = 16_384

Made = TypeVar("Made")


@dataclass(frozen=True)
class RunSchedule:
    """The learning rate of a run, put together from its configuration: called with a step or an array of steps."""

    settings: Mapping[str, Any]
    """The configuration with every default filled in; see `normalized`."""
    total_steps: int
    """T, the length of the run."""
    warmup_steps: int
    """W, where the clock of the decay starts."""
    formula: Schedule
    """Of the weights that follow the warmup; of all weights where `elsewhere` is None."""
    elsewhere: Schedule | None = None
    """Of all other weights, where `warmup.layers` names a part of the network: it has no rise, and the same decay with
    the same clock. So with `layers=none`, which is this formula for all weights, a run differs from one without
    warmup in the clock alone."""

    def __call__(self, step: npt.ArrayLike, /) -> Array:
        return self.formula(step)

    def learning_rates(self) -> Array:
        """The learning rate of every step, float64 [total_steps], of the weights that follow the warmup."""
        return _table(self.formula, self.total_steps)

    def learning_rates_elsewhere(self) -> Array | None:
        """That of all other weights, float64 [total_steps]; None where all weights have one rate."""
        return None if self.elsewhere is None else _table(self.elsewhere, self.total_steps)


def build(schedule_config: Any, total_steps: int) -> RunSchedule:
    """The schedule of a run of `total_steps` steps, to be called with any of its steps.

    Raises ConfigError for a configuration that is no schedule, with the dotted name of the setting at fault.
    """
    settings = normalized(schedule_config)
    followed: Schedule
    if settings["warmup"]["shape"] == EQUAL_AREA:
        followed = lowered = _equal_area(settings, total_steps)
        steps, elsewhere = 0, lowered.schedule
    else:
        followed = risen = _with_warmup(settings, total_steps)
        steps = risen.warmup.steps
        elsewhere = replace(risen, warmup=Warmup(steps, start_factor=1.0))  # a factor of 1, and the same clock
    if settings["warmup"]["layers"] == "none":
        return RunSchedule(settings, total_steps, steps, elsewhere)
    split = settings["warmup"]["layers"] != "all"
    return RunSchedule(settings, total_steps, steps, followed, elsewhere if split else None)


def learning_rates(schedule_config: Any, total_steps: int) -> Array:
    """The learning rate of every step of a run, float64 [total_steps]. Raises ConfigError as `build` does."""
    return build(schedule_config, total_steps).learning_rates()


def warmup_steps(schedule_config: Any, total_steps: int) -> int:
    """W, the length of the warmup in steps. Raises ConfigError as `build` does."""
    return build(schedule_config, total_steps).warmup_steps


@dataclass(frozen=True)
class Scaled:
    """A schedule with every rate multiplied by `factor`."""

    schedule: Schedule
    factor: float

    @on_steps
    def __call__(self, t: Array) -> Array:
        return self.factor * self.schedule(t)


def _equal_area(settings: Mapping[str, Any], total_steps: int) -> Scaled:
    """The same schedule without warmup, every rate lowered so that the early window gets as much rate as with warmup.

    Warmup takes smaller steps early, and smaller steps alone overfit less and move the network less. This is the arm
    that takes as small ones and does not warm up: summed over the steps of the window, its rates are those of the
    linear warmup of the same length.
    """
    warmup, name = settings["warmup"], settings["decay"]["name"]
    if name in COUNT_TRAINING_STEPS:
        problem = f"{name} contains its own rise and cannot go without it"
        raise ConfigError("schedule.warmup.shape", EQUAL_AREA, problem, "choose another schedule, such as linear")
    without_window = {key: value for key, value in warmup.items() if key != "window"}
    risen = _with_warmup({**settings, "warmup": {**without_window, "shape": "linear"}}, total_steps)
    flat = {**without_window, "shape": "none", "fraction": None, "steps": None, "start_factor": 0.0}
    level = _with_warmup({**settings, "warmup": flat}, total_steps)
    window = np.arange(max(1, whole_portion(warmup["window"], total_steps)))
    return Scaled(level, float(risen(window).sum() / level(window).sum()))


def _with_warmup(settings: Mapping[str, Any], total_steps: int) -> WithWarmup:
    warmup = _warmup(settings["warmup"], total_steps)
    peak = math.nan if settings["peak_lr"] is None else settings["peak_lr"]
    options = dict(settings["decay"])
    name = options.pop("name")
    decay = _named("schedule.decay", lambda: DECAYS[name](Span(peak, warmup.steps, total_steps), **options))
    return WithWarmup(warmup, decay, 0 if name in COUNT_TRAINING_STEPS else warmup.steps)


def _warmup(settings: Mapping[str, Any], total_steps: int) -> Warmup | UntunedWarmup:
    _named("training", lambda: check_whole("steps", total_steps, 1))
    shape, start_factor = settings["shape"], settings["start_factor"]
    warmup: Warmup | UntunedWarmup
    if shape in UNTUNED_RULES:
        key = "beta2"
        warmup = _named("schedule.warmup", lambda: UntunedWarmup(shape, settings["beta2"], start_factor))
    else:
        key = "steps" if settings["fraction"] is None else "fraction"
        steps = settings["steps"] if key == "steps" else whole_portion(settings["fraction"], total_steps)
        stairs = {} if settings["stairs"] is None else {"stairs": settings["stairs"]}
        warmup = _named("schedule.warmup", lambda: Warmup(steps or 0, shape, start_factor, **stairs))
    if warmup.steps >= total_steps:
        problem = f"a warmup of {warmup.steps} steps does not end within a run of {total_steps}"
        raise ConfigError(f"schedule.warmup.{key}", settings[key], problem, "lower it or raise training.steps")
    return warmup


def _table(schedule: Schedule, total_steps: int) -> Array:
    table = np.empty(total_steps)
    for start in range(0, total_steps, CHUNK):
        stop = min(start + CHUNK, total_steps)
        table[start:stop] = schedule(np.arange(start, stop))
    return table


def _named(prefix: str, make: Callable[[], Made]) -> Made:
    """What `make` returns; a ConfigError of it gets the dotted name under which its parameter is typed."""
    try:
        return make()
    except ConfigError as error:
        field = error.field if error.field.startswith("schedule.") else f"{prefix}.{error.field}"
        raise ConfigError(field, error.value, error.problem, error.remedy) from None
