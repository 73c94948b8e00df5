"""Confirmatory claims on what happens early: how far the output distribution and the layers move, and curvature."""

from warmuplab.claims.planned.claims import KALRA, NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, EARLY, ELSEWHERE
from warmuplab.claims.planned.early import early_claims

ONE_BATCH = "Measured on one held-out batch, at one peak rate."
FEW_LAYERS = "Four layers a stack are not deep."
AREA = (
    "Equal area: no warmup, and one constant factor on the rate so that the area under it is that of 10 % warmup over"
    " the window that the measure looks at."
)

WORDS = {
    "distribution-stability": Words(
        "Warmup keeps the output distribution steadier in the early phase.",
        NOTES,
        "Log KL path: logarithm of the sum of KL(before || after) over all steps, on a held-out batch, until a level"
        " of its loss. Post-LN at half of the largest rate at which all tuning seeds trained without warmup, or less;"
        " every step measured.",
        "Warmup keeps post-LN's output steadier",
        (ONE_BATCH, AREA),
    ),
    "deep-layers": Words(
        "Warmup keeps deep layers steadier, more than shallow ones.",
        NOTES,
        "Difference in differences of log drift: how far a decoder layer's representation is from that at the start (1"
        " - linear CKA), at equal held-out loss (0.5 nats below the unigram entropy); last layer minus first, without"
        " warmup minus with it. Post-LN.",
        "Warmup steadies post-LN's deep layers",
        (FEW_LAYERS, "Drift is described here; where warmup is *needed* is asked by the claims of `confirm_layers`."),
    ),
    "sharpness-falls": Words(
        "Warmup moves training to flatter regions.",
        f"{KALRA}; Gilmer et al. 2021",
        "Decimal logarithm of the largest eigenvalue of the Hessian as Adam sees it, averaged over the snapshots of the"
        " early window. Post-LN.",
        "Warmup moves to flatter regions",
        (ONE_BATCH, AREA),
    ),
    "edge-at-start": Words(
        "With warmup the first step stays further below the edge of stability.",
        KALRA,
        "Decimal logarithm of the rate times the largest eigenvalue of the Hessian as Adam sees it, where it is"
        " first measured with a rate above 0; 2 is the edge for plain gradient descent. Post-LN.",
        "First step further from edge of stability",
        ("Warmup's first rate is the smallest it has: the claim is nearly true by construction, its size is not.",),
    ),
    "distribution-stability-pre-ln": Words(
        "Warmup keeps the output distribution of pre-LN steadier in the early phase.",
        NOTES,
        "As distribution-stability, of pre-LN.",
        "Warmup keeps pre-LN's output steadier",
        (ONE_BATCH, AREA),
    ),
    "deep-layers-pre-ln": Words(
        "Warmup keeps deep layers of pre-LN steadier, more than shallow ones.",
        NOTES,
        "As deep-layers, of pre-LN.",
        "Warmup steadies pre-LN's deep layers",
        (FEW_LAYERS,),
    ),
}  # fmt: skip

CLAIMS = claims_of("confirm_early", early_claims(EARLY, CHOSEN), WORDS, ELSEWHERE)
