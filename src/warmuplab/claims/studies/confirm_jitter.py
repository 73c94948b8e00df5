"""Confirmatory claims on rates that are read off ramps."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, JITTER
from warmuplab.claims.planned.widths import jitter_claims

LOSS = "Final loss on the test split"

WORDS = {
    "jitter-tells-rate": Words(
        "The rate at which the loss starts to jitter in a ramp is a good peak rate.",
        NOTES,
        f"{LOSS} at the rate where the ramp of the same seed starts to jitter, below the mean over all rates of the"
        " grid: of post-LN and pre-LN, of half the width, and of SGD, whose best rates differ by a factor"
        " of 70. 10 % of warmup.",
        "Loss jitter in a ramp tells the peak rate",
        (
            "No run was trained at the jitter's rates: between those of the grid the loss is interpolated.",
            "Among the networks with Adam best rates differ by a factor of 3 only.",
            "With 16 seeds a gain of 0.1 nats is not likely to be shown of every network.",
            "Better than a rate of the grid at random, which is no proof that it is the best.",
        ),
        figure="ramps",
    ),
}  # fmt: skip

CLAIMS = claims_of("confirm_jitter", jitter_claims(JITTER, CHOSEN), WORDS)
