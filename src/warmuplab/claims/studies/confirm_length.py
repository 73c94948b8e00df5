"""Confirmatory claims on how much warmup is needed: a share of the run or a number of steps, and what it grows with."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, LENGTH
from warmuplab.claims.planned.length import length_claims

LOSS = "Final loss on the test split"
ONE_RATE = "At one peak rate, which is large: smaller rates need less warmup."

WORDS = {
    "ten-percent": Words(
        "About 10 % of the steps is a good warmup.",
        f"{NOTES}; BERT's fine-tuning code",
        f"{LOSS} with 10 % of warmup less than 0.1 nats above that with 30 %, the best share that the pilot tried, at"
        " 200, 800 and 3,200 steps. Post-LN.",
        "10 % of the steps is a good warmup",
        (
            "At 8e-3, and at 200 steps at 4e-3, as single seeds fail at 8e-3 in so short a run. Smaller rates need"
            " less.",
            "More than 30 % was not tried, and may be better.",
            "BERT itself was pre-trained with 1 % of warmup (10,000 of 1,000,000 steps).",
        ),
        figure="ladders",
    ),
    "steps-not-fraction": Words(
        "The share of the run that warmup needs shrinks with the length of the run.",
        "this project, from its first generation of runs",
        f"{LOSS}. At 3,200 steps 10 % of warmup comes within 0.05 nats of 30 %; at 800 steps 30 % ends lower than 10 %."
        " Post-LN.",
        "Longer runs need a smaller share",
        (ONE_RATE,),
        figure="ladders",
    ),
    "beta2": Words(
        "A larger beta2 asks for a longer warmup.",
        "Ma and Yarats 2021: 2 / (1 - beta2) steps",
        f"{LOSS}: what 200 steps of warmup instead of 20 take off with beta2 0.99, minus what they take off with 0.9."
        " Post-LN, 400 steps.",
        "A larger beta2 asks for more warmup",
        (ONE_RATE,),
        figure="ladders",
    ),
    "batch-size": Words(
        "A larger batch asks for a longer warmup, in steps.",
        "Goyal et al. 2017, who warm up because batches are large",
        f"{LOSS}: what 200 steps of warmup instead of 20 take off with 32 sentences a batch, minus what they take off"
        " with 8. Post-LN, 400 steps.",
        "A larger batch asks for more warmup",
        (ONE_RATE, "The peak rate does not grow with the batch here."),
        figure="ladders",
    ),
}

CLAIMS = claims_of("confirm_length", length_claims(LENGTH, CHOSEN), WORDS)
