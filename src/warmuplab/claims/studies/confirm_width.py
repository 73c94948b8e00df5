"""Confirmatory claims asked of other widths; their runs also show the main claims in other settings."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, WIDTH
from warmuplab.claims.planned.widths import width_claims

LOSS = "Final loss on the test split"

WORDS = {
    "warmup-helps-at-other-widths": Words(
        "A warmup of 10 % lowers the final loss of a narrower and a wider network too.",
        NOTES,
        f"{LOSS}: 10 % of warmup against none at widths 16 and 64, at half of the largest rate at which all tuning"
        " seeds trained without. Post-LN, 400 steps.",
        ("Rates come from a grid with steps of 2.",),
    ),
}

CLAIMS = claims_of("confirm_width", width_claims(WIDTH, CHOSEN), WORDS)
