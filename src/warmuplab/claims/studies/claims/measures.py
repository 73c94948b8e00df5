"""The measures that the claims of this study compare arms in."""

from warmuplab.claims.arm import Measure
from warmuplab.series.levels import name_of

READ_AT, TIMED_AT = 0.5, 1.5  # nats below the unigram entropy, of `levels.LEVELS`: of early measures, of time lost


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
