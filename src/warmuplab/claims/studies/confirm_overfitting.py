"""Confirmatory claims on overfitting to the first batches."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, ELSEWHERE, OVERFITTING
from warmuplab.claims.planned.early import overfitting_claims

AREA = (
    "Equal area: no warmup, and one constant factor on the rate so that the area under it is that of 10 % warmup over"
    " the window that the measure looks at."
)

WORDS = {
    "early-overfitting": Words(
        "Warmup reduces overfitting to the first mini-batches.",
        NOTES,
        "Decimal logarithm of the batch-specific gap: what every step taught about its own batch beyond what it taught"
        " about held-out text, summed up until the held-out loss is 0.25 nats below the unigram entropy. Memorisation"
        " there: loss on the sentences of the first 5 % of the steps minus loss on unseen ones of like length. The"
        " network of the study `quick`, which passes over its corpus 4.6 times.",
        "Warmup reduces early overfitting",
        (
            AREA,
            "So early, 0.25 nats below word frequencies, little is learned yet; later what is asked for is gone.",
            "That arm has the same area over the first 5 % of the steps, where the sentences come from that"
            " memorisation asks for; later it trains at a lower rate than the others.",
        ),
    ),
}

CLAIMS = claims_of("confirm_overfitting", overfitting_claims(OVERFITTING, CHOSEN), WORDS, ELSEWHERE)
