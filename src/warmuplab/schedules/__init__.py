"""Learning-rate schedules: pure functions from a step to a learning rate.

Each schedule is a frozen dataclass. It is called with a step or an array of steps (0-based, not negative) and returns
float64 of the same shape, in the unit of its own rate (a learning rate; a warmup returns a dimensionless factor).

    >>> CosineDecay(initial_learning_rate=1e-3, decay_steps=4000)([0, 2000, 4000])
    array([0.001 , 0.0005, 0.    ])

Conventions: a warmup of W steps multiplies by 0 at step 0 and by 1 from step W on; the clock of a decay starts at W and
ends at the number of training steps T, as in Hugging Face transformers, so that the last trained step T - 1 is one step
short of the end. A wrong parameter is a `ConfigError` (a ValueError) that names it.

`decays` holds the decays, `warmups` the rises, `published` the published rules that contain their own rise. `normal`
checks and completes a run's configuration, `options` says what each decay takes from it, `built` puts the schedule
together.
"""

from warmuplab.schedules.built import RunSchedule, build, learning_rates, warmup_steps
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
from warmuplab.schedules.normal import normalized
from warmuplab.schedules.options import ADDED_OPTIONS, DECAYS
from warmuplab.schedules.published import ExponentialRamp, Noam, OneCycle, WarmupInverseTime
from warmuplab.schedules.steps import Schedule
from warmuplab.schedules.warmups import EQUAL_AREA, PARTS, SHAPES, UNTUNED_RULES, UntunedWarmup, Warmup, WithWarmup

__all__ = [
    "ADDED_OPTIONS",
    "DECAYS",
    "EQUAL_AREA",
    "PARTS",
    "SHAPES",
    "UNTUNED_RULES",
    "ConstantRate",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "ExponentialRamp",
    "InverseSquareRootDecay",
    "LinearDecay",
    "Noam",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RunSchedule",
    "Schedule",
    "Trapezoid",
    "UntunedWarmup",
    "Warmup",
    "WarmupInverseTime",
    "WithWarmup",
    "build",
    "learning_rates",
    "normalized",
    "warmup_steps",
]
