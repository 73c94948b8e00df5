"""Claims of papers, beyond those of the notes: why warmup helps, and what could replace it."""

from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.forms import at_best, within
from warmuplab.claims.studies.claims.arms import (
    AT_SHORT,
    GI_ADAM,
    NONE,
    ONE_RATE,
    PRE_NONE,
    PRE_TENTH,
    RADAM,
    SMALL_BATCHES,
    TENTH,
    three_arms,
)
from warmuplab.claims.studies.claims.measures import SHARPNESS
from warmuplab.claims.terms import Best

FROM_PAPERS: tuple[Claim, ...] = (
    Claim(
        "post-ln-needs-it",
        "Post-LN needs warmup, pre-LN does not.",
        "Xiong et al. 2020",
        "What 10 % warmup takes off the final held-out loss, each arm at its own best peak rate: of post-LN, and of"
        " post-LN minus that of pre-LN. 200 steps.",
        (
            at_best("10 % warmup against no warmup, post-LN", TENTH, NONE),
            Comparison(
                "the gain of post-LN against that of pre-LN",
                (Best((NONE,)), Best((PRE_TENTH,))),
                (Best((TENTH,)), Best((PRE_NONE,))),
                0.05,
            ),
        ),
        (
            at_best("10 % warmup against no warmup, pre-LN", PRE_TENTH, PRE_NONE),
            at_best("50 % warmup against no warmup, post-LN", AT_SHORT[-1], NONE),
        ),
        (SMALL_BATCHES,),
        "phase_diagram",
    ),
    Claim(
        "radam-replaces-it",
        "RAdam without warmup does what Adam does with it.",
        "Liu et al. 2020; doubted by Ma and Yarats 2021",
        "Final held-out loss of RAdam without warmup: at most 0.1 nats above that of Adam with 10 % warmup, each at its"
        " own best peak rate. Post-LN, 200 steps.",
        (within("RAdam without warmup against Adam with 10 % (margin of 0.1 nats)", RADAM, (TENTH,)),),
        (at_best("RAdam against Adam, both without warmup", RADAM, NONE),),
        (SMALL_BATCHES,),
        "optimizers",
    ),
    Claim(
        "sharpness-falls",
        "Warmup moves training to flatter regions.",
        "Kalra and Barkeshli 2024; Gilmer et al. 2021",
        f"Sharpness: {SHARPNESS.words}. Post-LN, peak rate 8e-3, 200 steps.",
        three_arms(SHARPNESS, 8e-3, 0.1),
        caveats=(ONE_RATE, "Sharpness is that of the loss on one batch, at equal steps."),
        figure="sharpness",
    ),
    Claim(
        "init-replaces-it",
        "Starting Adam's second moment from the first gradient does what warmup does.",
        "Kalra and Barkeshli 2024 (GI-Adam)",
        "Final held-out loss of GI-Adam without warmup: at most 0.1 nats above that of Adam with 10 % warmup, each at"
        " its own best peak rate. Post-LN, 200 steps.",
        (within("GI-Adam without warmup against Adam with 10 % (margin of 0.1 nats)", GI_ADAM, (TENTH,)),),
        (at_best("GI-Adam against Adam, both without warmup", GI_ADAM, NONE),),
        (SMALL_BATCHES,),
        "optimizers",
    ),
)
