"""Confirmatory claims asked of other widths; their runs also show the main claims in other settings."""

from warmuplab.claims.planned.claims import NOTES, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, WIDTH
from warmuplab.claims.planned.widths import width_claims

LOSS = "Final loss on the test split"

WORDS = {
    "warmup-helps-a-wider-network": Words(
        "A warmup of 10 % lowers the final loss of a wider network too.",
        NOTES,
        f"{LOSS}: 10 % of warmup against none at width 64, both at 4e-3, the rate that is best without. Post-LN, 400"
        " steps.",
        "Warmup helps at width 64 too",
        ("Rates of the grid differ by factors of 2.",),
    ),
}

CLAIMS = claims_of("confirm_width", width_claims(WIDTH, CHOSEN), WORDS)
