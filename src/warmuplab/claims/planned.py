"""The arms, measures and forms of comparison that the registered claims are made of.

Rates, lengths and levels that a comparison fixes come from a pilot on seeds 100 and 101, which no comparison uses. Peak
rates of 8e-3 (post-LN) and 1.6e-2 (pre-LN) are where 200 steps with 10 % warmup ended best, 4e-3 where 800 steps did.
"""

from typing import Any

from warmuplab.claims.claim import Arm, Comparison, Measure, Not
from warmuplab.claims.terms import Best, LargestTrained, Mean, Value
from warmuplab.levels import name_of

ONE_RATE = "One peak rate, the best of 10 % warmup in the pilot."  # caveats that several claims share
SMALL_BATCHES = "Warmup of 10 % is 20 steps here."

LINEAR, EQUAL_AREA = "linear", "equal_area"
SHORT, LONG, LONGEST = 200, 800, 5000  # steps
RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)
PRE_RATES = (*RATES, 6.4e-2)
READ_AT, TIMED_AT = 0.5, 1.5  # nats below the unigram entropy, of `levels.LEVELS`: of early measures, of time lost
MARGIN = 0.1  # nats above the best that still count as good
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


def arm(name: str, rates: tuple[float, ...] = (), study: str = "claims", **where: Any) -> Arm:
    """An arm of the base network; two underscores stand for a dot, and a key may be replaced."""
    return Arm(name, BASE | {key.replace("__", "."): value for key, value in where.items()}, rates, study)


def warmed(fraction: float, rates: tuple[float, ...] = RATES, setting: str = "", **where: Any) -> Arm:
    """An arm with a linear warmup of this fraction of the steps; `setting` ends its name where others share it."""
    name = f"{100 * fraction:g} % warmup" if fraction else "no warmup"
    return arm(name + setting, rates, schedule__warmup__fraction=fraction, **where)


def level(rate: float, **where: Any) -> Arm:
    """The third arm: no warmup, every rate scaled down to the area under the rate over the early window."""
    where |= {"schedule__warmup__shape": EQUAL_AREA, "schedule__warmup__fraction": 0.1}
    return arm("no warmup, equal early area", (rate,), **where)


def three_arms(
    measure: Measure, rate: float, smallest: float, setting: str = "", **where: Any
) -> tuple[Comparison, ...]:
    """10 % warmup against none and against the equal-area arm, at one rate: less of what is worse supports."""
    warm = warmed(0.1, (rate,), **where)
    compared = []
    for control in (warmed(0.0, (rate,), **where), level(rate, **where)):
        better, worse = Value(warm, measure), Value(control, measure)
        plus, minus = ((worse,), (better,)) if measure.worse == "more" else ((better,), (worse,))
        name = f"10 % warmup against {control.name}{setting}"
        in_words = f" ({setting.removeprefix(', ')})" if setting else ""
        short = f"against {'none' if control.where['schedule.warmup.shape'] == LINEAR else 'equal area'}{in_words}"
        compared.append(Comparison(name, plus, minus, smallest, measure.unit, short=short))
    return tuple(compared)


def at_best(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Final loss, each arm at its own best peak rate."""
    return Comparison(name, (Best((control,)),), (Best((better,)),), smallest)


def within(name: str, arm: Arm, controls: tuple[Arm, ...], margin: float = MARGIN) -> Comparison:
    """Final loss at most `margin` above that of the best of the controls, each at its own best peak rate."""
    return Comparison(name, (Best(controls),), (Best((arm,)),), 0.0, margin=margin)


def sensitivity(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Learning-rate sensitivity of the control minus that of the arm (Wortsman et al. 2023, section 2.2).

    The mean over the grid of min(final loss, unigram entropy) minus the loss at the best rate.
    """
    return Comparison(name, (Mean(control), Best((better,))), (Best((control,)), Mean(better)), smallest)


def tolerated(name: str, better: Arm, control: Arm) -> Comparison:
    """The largest rate at which a seed trains, in doublings."""
    return Comparison(name, (LargestTrained(better),), (LargestTrained(control),), 0.5, "doublings")


def steps_to(nats: float) -> Measure:
    """The steps until the held-out loss is as many nats below the unigram entropy: one of `levels.LEVELS`."""
    words = f"steps until the held-out loss is {nats:g} nats below the unigram entropy, at most the length of the run"
    return Measure(f"probe/steps_to_{name_of(nats)}", words, "steps", "more", "steps")


MEMORISATION = Measure(
    f"overfit/memorisation_at_{name_of(READ_AT)}",
    "loss on the sentences of the first 5 % of the steps minus loss on unseen ones of like length, read where the"
    f" held-out loss is {READ_AT:g} nats below the unigram entropy",
    "nats",
    "less",
)
KL_PATH = Measure(
    f"stability/kl_path_to_{name_of(READ_AT)}",
    f"sum of KL(before || after) of every step on the held-out batch, until its loss is {READ_AT:g} nats below the"
    " unigram entropy",
    "nats",
    "more",
)
DEPTH = Measure(
    "stability/decoder_cka_drift_last_minus_first",
    "drift (1 - linear CKA between snapshots, mean over the early window) of the decoder's last layer minus its first",
    "of 1 - CKA",
    "more",
)
DEPTH_ENCODER = Measure(DEPTH.column.replace("decoder", "encoder"), "the same in the encoder", DEPTH.unit, "more")
TIME = steps_to(TIMED_AT)
SHARPNESS = Measure(
    "curvature/preconditioned_sharpness",
    "decimal logarithm of the largest eigenvalue of the Hessian as Adam sees it, at the last snapshot of the early"
    " window",
    "decades",
    "more",
    at_end_of_early_window=True,
    logarithm=True,
)

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
    """An arm of the study `schedules`."""
    return arm(name, RATES, "schedules", schedule__decay__name=decay, schedule__warmup__fraction=fraction)


WARMUP_SCHEDULE = scheduled("warmup", "warmup_inverse_time", 0.1)
FALLING = tuple(scheduled(decay, decay, 0.0) for decay in ("cosine", "exponential", "piecewise"))
