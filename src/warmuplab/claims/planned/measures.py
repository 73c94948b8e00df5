"""What planned contrasts compare, besides final losses; most are read until, or at, a level of the held-out loss."""

from warmuplab.claims.arm import Measure
from warmuplab.series.levels import name_of

LEARNED = Measure(f"probe/reached_{name_of(1.5)}", "whether it got 1.5 nats below the unigram entropy", "", "less")


def logarithmic(column: str, words: str) -> Measure:
    """The decimal logarithm of what differs by factors, in decades."""
    return Measure(column, words, "decades", "more", logarithm=True)


LARGEST_RISE = logarithmic("spike/max_rise", "largest rise")
STEPS_LOST = logarithmic("spike/lost", "nat-steps lost")
SHARPNESS = logarithmic("curvature/preconditioned_sharpness_mean", "sharpness")
EDGE = logarithmic("curvature/preconditioned_edge_first", "distance to the edge")


def steps_to(level: float) -> Measure:
    """How many steps it took to a level of the held-out loss, in decades; at most those of the run."""
    return Measure(f"probe/steps_to_{name_of(level)}", "steps to a level", "decades", "more", "steps", logarithm=True)


def kl_path(level: float) -> Measure:
    """How far the output distribution moved until a level."""
    return Measure(f"stability/log_kl_path_to_{name_of(level)}", "log KL path", "log nats", "more")


def drift(stack: str, level: float) -> Measure:
    """How much further the last layer of a stack moved from its start than the first, at a level."""
    column = f"stability/{stack}_log_drift_last_minus_first_at_{name_of(level)}"
    return Measure(column, "log drift", "log units", "more")


def gap_until(level: float) -> Measure:
    """What steps taught about their own batch beyond what they taught about held-out text, summed until a level."""
    return logarithmic(f"overfit/gap_sum_to_{name_of(level)}", "batch-specific gap")


def memorisation_at(level: float) -> Measure:
    """Loss on early sentences minus loss on unseen ones, at a level; the less, the more was remembered."""
    return Measure(f"overfit/memorisation_at_{name_of(level)}", "memorisation", "nats", "less")
