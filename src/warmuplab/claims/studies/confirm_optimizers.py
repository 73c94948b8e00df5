"""Confirmatory claims on what is said to replace warmup, and on an optimizer that may need none."""

from warmuplab.claims.planned.claims import KALRA, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, OPTIMIZERS
from warmuplab.claims.planned.optimizers import optimizer_claims

LOSS = "Final loss on the test split"
UNTUNED = "Adam with 2 / (1 - beta2) = 100 steps of linear warmup (Ma and Yarats 2021)"
RATE = (
    "All at 4e-3, where Adam trains without warmup too. RAdam and GI-Adam were 0.015 nats better at 8e-3 in the pilot."
)

WORDS = {
    "radam-replaces-it": Words(
        "RAdam without warmup does what Adam does with it.",
        "Liu et al. 2020; doubted by Ma and Yarats 2021",
        f"{LOSS}: RAdam without warmup less than 0.1 nats above {UNTUNED}. Post-LN, 800 steps.",
        "RAdam replaces warmup",
        (RATE,),
    ),
    "gi-adam-replaces-it": Words(
        "Starting Adam's second moment from the first gradient (GI-Adam) does what warmup does.",
        KALRA,
        f"{LOSS}: GI-Adam without warmup less than 0.1 nats above {UNTUNED}. Post-LN, 800 steps.",
        "GI-Adam replaces warmup",
        (RATE,),
    ),
    "sgd-needs-none": Words(
        "SGD with momentum and clipped gradients needs no warmup.",
        "a common belief: warmup is for Adam's second moment",
        f"{LOSS}: without warmup less than 0.1 nats above 10 % of it, each at its best rate of a grid. Pre-LN, 400"
        " steps.",
        "Pre-LN by clipped SGD needs none",
        ("Rates of the grid differ by factors of 2.",),
    ),
}

CLAIMS = claims_of("confirm_optimizers", optimizer_claims(OPTIMIZERS, CHOSEN), WORDS)
