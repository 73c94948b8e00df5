"""The arms of the first generation of claims, which its figures draw: of the studies `FIRST`, which are frozen."""

from typing import Any

from warmuplab.base.words import EQUAL_AREA, warmup_label, warmup_phrase
from warmuplab.claims.arm import Arm, Not

FIRST = "claims-2026-11", "schedules-2026-11"
MARGIN = 0.1  # nats above the best that still counted as good

LINEAR, LEVEL = "linear", "equal_area"
SHORT, LONG, LONGEST = 200, 800, 5000  # steps
RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
PRE_RATES = (*RATES, 6.4e-2)
FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

BASE: dict[str, Any] = {
    "model.norm": "post",
    "model.width": Not(16),  # so that a study at another width keeps its arms
    "training.batch_size": Not(4),
    "training.steps": SHORT,
    "optimizer.name": "adam",
    "schedule.decay.name": "linear",
    "schedule.warmup.shape": LINEAR,
}


def arm(name: str, rates: tuple[float, ...] = (), study: str = FIRST[0], **where: Any) -> Arm:
    """An arm of the base network; two underscores stand for a dot, and a key may be replaced."""
    keys = {key.replace("__", "."): value for key, value in where.items()}
    return Arm(name, BASE | keys, rates, study=study)


def warmed(fraction: float, rates: tuple[float, ...] = RATES, setting: str = "", **where: Any) -> Arm:
    """An arm with a linear warmup of this fraction of the steps; `setting` ends its name where others share it."""
    name = warmup_phrase(warmup_label(LINEAR, fraction))
    return arm(name + setting, rates, schedule__warmup__fraction=fraction, **where)


def level(rate: float, **where: Any) -> Arm:
    """The third arm: no warmup, every rate scaled down to the area under the rate over the early window."""
    where |= {"schedule__warmup__shape": LEVEL, "schedule__warmup__fraction": 0.1}
    return arm(warmup_phrase(EQUAL_AREA), (rate,), **where)


NONE, TENTH = warmed(0.0), warmed(0.1)
PRE_NONE, PRE_TENTH = (warmed(f, PRE_RATES, ", pre-LN", model__norm="pre") for f in (0.0, 0.1))
AT_SHORT = tuple(warmed(fraction) for fraction in FRACTIONS)
AT_LONG = tuple(
    warmed(fraction, RATES[:4] if fraction <= 0.1 else RATES[1:4], ", 800 steps", training__steps=LONG)
    for fraction in FRACTIONS
)
LONG_NONE, LONG_TENTH = AT_LONG[0], AT_LONG[4]

# Late decay: one rate, so that all steps before the branch are the same.
LATE: dict[str, Any] = {"rates": (4e-3,), "training__steps": LONG, "schedule__warmup__fraction": 0.1}
FALL = arm("fall over the last 36 %", **LATE, schedule__decay__name="trapezoid", schedule__decay__fall_fraction=0.4)
COOLED = arm("high until the last 9 %", **LATE, schedule__decay__name="trapezoid", schedule__decay__fall_fraction=0.1)
HIGH = arm("high to the end", **LATE, schedule__decay__name="constant")

SHAPE: dict[str, Any] = {"schedule__decay__name": "trapezoid", "schedule__decay__fall_fraction": 0.4}
WHOLE = arm("rise, plateau, fall", RATES, **SHAPE, schedule__warmup__fraction=0.1)
NO_RISE = arm("without the rise", RATES, **SHAPE, schedule__warmup__fraction=0.0)
NO_PLATEAU = arm("without the plateau", RATES, schedule__warmup__fraction=0.1)
NO_FALL = arm("without the fall", RATES, schedule__decay__name="constant", schedule__warmup__fraction=0.1)

RADAM = warmed(0.0, setting=", RAdam", optimizer__name="radam")
GI_ADAM = warmed(0.0, setting=", GI-Adam", optimizer__name="gi_adam")

NETWORKS = (
    arm("post-LN", RATES, schedule__warmup__fraction=0.1),
    arm("pre-LN", PRE_RATES, schedule__warmup__fraction=0.1, model__norm="pre"),
    arm("narrower", RATES, schedule__warmup__fraction=0.1, model__width=16),
    arm("smaller batches", (1e-3, *RATES), schedule__warmup__fraction=0.1, training__batch_size=4),
)
_RAMP: dict[str, Any] = {"schedule__decay__name": "ramp", "schedule__warmup__shape": "none"}
RAMPS = (
    arm("ramp, post-LN", **_RAMP),
    arm("ramp, pre-LN", **_RAMP, model__norm="pre"),
    arm("ramp, narrower", **_RAMP, model__width=16),
    arm("ramp, smaller batches", **_RAMP, training__batch_size=4),
)

NOAM = arm(
    "noam, 4,000 steps of warmup", training__steps=LONGEST, schedule__decay__name="noam", schedule__warmup__steps=4000
)
NOAM_SCALED = arm(
    "noam, warmup scaled to the run", training__steps=LONG, schedule__decay__name="noam", schedule__warmup__fraction=0.1
)


def scheduled(name: str, decay: str, fraction: float) -> Arm:
    """An arm of the second study."""
    return arm(name, RATES, FIRST[1], schedule__decay__name=decay, schedule__warmup__fraction=fraction)


WARMUP_SCHEDULE = scheduled("warmup", "warmup_inverse_time", 0.1)
FALLING = tuple(scheduled(decay, decay, 0.0) for decay in ("cosine", "exponential", "piecewise"))
