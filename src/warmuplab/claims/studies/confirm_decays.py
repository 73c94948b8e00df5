"""Confirmatory claims on decays: how a rate falls after its warmup, and whether it must."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, DECAYS, ELSEWHERE, RATES
from warmuplab.claims.planned.decays import decay_claims

LOSS = "Final loss on the test split"
SHORT = "Training still makes progress at its end: what is near an optimum is only as near as 800 steps come."

WORDS = {
    "rate-must-fall": Words(
        "The rate must fall late in training.",
        NOTES,
        f"{LOSS}: a rate that falls to zero over the last 40 % of what follows a warmup of 10 %, against a level"
        " rate. Post-LN, 800 steps.",
        "The rate must fall late in training",
        (SHORT,),
    ),
    "high-rate-harms": Words(
        "A large rate kept until late does lasting harm.",
        NOTES,
        f"{LOSS}: a fall to zero over the last 40 % of what follows the warmup against one over the last tenth alone,"
        " which takes the noise of a large rate away, and no harm that lasts. Post-LN, 800 steps.",
        "A large rate until late does lasting harm",
        (SHORT,),
    ),
    "rise-plateau-fall": Words(
        "A rate that rises, stays and falls beats its parts: no rise, no fall, no plateau.",
        NOTES,
        f"{LOSS}: 10 % of rise, a plateau and a fall over the last 40 % of the rest, against the same without a rise,"
        " without a fall, and without a plateau (a linear fall). Post-LN, 800 steps.",
        "Rise, plateau and fall beat their parts",
        (SHORT, "One peak rate for all shapes."),
    ),
    "schedules": Words(
        "Warmup helps whichever decay follows: cosine, exponential and piecewise.",
        NOTES,
        f"{LOSS}: 10 % of warmup against none, for each decay. Post-LN, 800 steps.",
        "Warmup helps whichever decay follows",
        ("One peak rate for all decays.",),
    ),
    "noam": Words(
        "The transformer's own rule is nearly as good as a linear decay from about its peak.",
        f"{NOTES}; Vaswani et al. 2017, section 5.3",
        f"{LOSS}: noam at half of its published scale, with 10 % of warmup, less than 0.1 nats above a linear decay"
        " from 8e-3, where its own peak is 9.9e-3. Post-LN, 800 steps.",
        "Noam is nearly as good as a linear decay",
        ("At its published scale of 1 the rule's peak is above the rates at which this network trains.",),
    ),
}

CLAIMS = claims_of("confirm_decays", decay_claims(DECAYS, CHOSEN, RATES), WORDS, ELSEWHERE)
