"""The measures of the first generation of claims that its figures show."""

from warmuplab.claims.arm import Measure
from warmuplab.series.levels import name_of

READ_AT, TIMED_AT = 0.5, 1.5  # nats below the unigram entropy, of `levels.LEVELS`: of early measures, of time lost


def steps_to(nats: float) -> Measure:
    """The steps until the held-out loss is as many nats below the unigram entropy: one of `levels.LEVELS`."""
    words = f"steps until the held-out loss is {nats:g} nats below the unigram entropy, at most the length of the run"
    return Measure(f"probe/steps_to_{name_of(nats)}", words, "steps", "more", "steps")


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
