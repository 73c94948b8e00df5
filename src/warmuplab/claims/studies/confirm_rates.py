"""Confirmatory claims on warmup and none over peak rates, of post-LN and pre-LN."""

from warmuplab.claims.planned.claims import NOTES, XIONG, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, ELSEWHERE, RATES
from warmuplab.claims.planned.rates import rate_claims

LOSS = "Final loss on the test split"
FIXED = "Rates were fixed beforehand, by tuning seeds: an arm's best rate is the best of a grid, not the best there is."
NO_NORM = "Pre-LN here has no norm after its last layer."

WORDS = {
    "warmup-helps": Words(
        "A warmup of 10 % of the steps lowers the final loss of post-LN.",
        NOTES,
        f"{LOSS}. Both at 4e-3, half of the largest rate at which all tuning seeds trained without warmup; and with"
        " warmup at 1.13e-2, twice the rate that is best without, against no warmup at that best rate. 800 steps.",
        "Warmup lowers post-LN's final loss",
        (FIXED,),
        figure="sensitivity",
    ),
    "loss-spikes": Words(
        "Without warmup at a large rate the loss jumps, and warmup takes these rises off.",
        NOTES,
        "Decimal logarithm of the largest rise of the loss on a fixed held-out batch above the lowest it had so far, in"
        " the first 40 % of the steps, and of the nat-steps spent above it. Pre-LN without a norm at its end, at nearly"
        " three times the best rate without warmup, every step probed.",
        "Warmup prevents jumps of pre-LN's loss",
        ("Measured on one held-out batch, at one peak rate.",),
        figure="rises",
    ),
    "larger-rates": Words(
        "Warmup lets the network tolerate larger learning rates.",
        f"{NOTES}; Gilmer et al. 2021; Wortsman et al. 2023",
        f"{LOSS} at about twice the rate that is best without warmup; and the largest rate of a grid at which a seed"
        " gets 1.5 nats below the unigram entropy, in doublings. Post-LN, 800 steps.",
        "Warmup makes larger rates usable",
        ("The grid has steps of the square root of 2.",),
        figure="sensitivity",
    ),
    "lost-time": Words(
        "A large rate from the start costs time: with warmup a level of the loss is reached sooner.",
        NOTES,
        "Decimal logarithm of the steps until the held-out loss is a level below the unigram entropy, at most the"
        " length of the run. Post-LN at about twice the best rate without warmup, 800 steps.",
        "A large rate from the start costs time",
        ("Measured on one held-out batch.",),
    ),
    "post-ln-needs-it": Words(
        "Post-LN gains by warmup, and more than pre-LN does.",
        XIONG,
        f"{LOSS}: with warmup at twice the rate that is best without, against no warmup at that best rate; and what"
        " that takes off post-LN's minus what it takes off pre-LN's. 800 steps.",
        "Post-LN gains more than pre-LN",
        (
            FIXED,
            NO_NORM,
            "At half of the largest rates that train, which is twice pre-LN's best, it is pre-LN that gains more.",
        ),
        figure="sensitivity",
    ),
    "pre-ln-does-not": Words(
        "Pre-LN trains as well without warmup.",
        XIONG,
        f"{LOSS}: without warmup less than 0.05 nats above that with 10 %; both at 1.6e-2, half of the largest rate"
        " tried, at which all tuning seeds trained, and each at its best rate. 800 steps.",
        "Pre-LN trains as well without warmup",
        (FIXED, NO_NORM),
        figure="sensitivity",
    ),
}

CLAIMS = claims_of("confirm_rates", rate_claims(RATES, CHOSEN), WORDS, ELSEWHERE)
