"""Planned contrasts of how much warmup is needed, over lengths of a run, batch sizes and beta2."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.forms import needs_more, within
from warmuplab.claims.planned.chosen import LADDER_RATES, SMALL, Chosen, Planned
from warmuplab.claims.planned.place import POST, Place, lasting
from warmuplab.claims.terms import SmallestSufficient

SHARES = {200: (0.0, 0.01, 0.03, 0.1, 0.3), 800: (0.0, 0.01, 0.03, 0.1, 0.3), 3200: (0.0, 0.03, 0.1, 0.3)}
RATES = {200: LADDER_RATES, 800: LADDER_RATES, 3200: LADDER_RATES[1:]}
HIGH = LADDER_RATES[1]
OF_400 = (0.0, 0.05, 0.1, 0.25, 0.5)
A_DOUBLING = 1.0


def length_arms(place: Place, steps: int, rate: float) -> dict[float, Arm]:
    """The arms of the ladder of a run length, by the share of the run that warmup takes."""
    told = {"training.steps": steps}
    return {
        share: place.arm(f"{100 * share:g} % of {steps:,}", POST, told, lasting(share), rates=(rate,))
        for share in SHARES[steps]
    }


def length_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on the shortest warmup that suffices."""
    tenth = [
        within(f"{steps:,} steps, against {100 * share:g} %", arms[0.1], arms[share], SMALL, place.loss)
        for steps, share in at.rival
        for arms in (length_arms(place, steps, HIGH),)
    ]
    short, middle, long = (_of_length(place, steps) for steps in SHARES)
    beta, batch = "optimizer.betas", "training.batch_size"
    slow, fast = (_of_400(place, beta, [0.9, value]) for value in (0.99, 0.9))
    large, small = (_of_400(place, batch, size) for size in (32, 8))
    asks = "Is the warmup that suffices a number of steps, and no share of the run?"
    return [
        Planned("ten-percent", "Is 10 % within 0.05 nats of the best share at each length?", "in part", tuple(tenth)),
        Planned(
            "steps-not-fraction",
            asks,
            "open",
            (  # as a share it would be two doublings longer on a run four times as long
                needs_more("800 steps against 200", short, middle, 0.0, -A_DOUBLING),
                needs_more("3,200 steps against 800", middle, long, 0.0, -A_DOUBLING),
            ),
        ),
        Planned(
            "beta2",
            "Does a larger beta2 ask for a longer warmup?",
            "open",
            (needs_more("0.99 against 0.9", slow, fast, A_DOUBLING),),
        ),
        Planned(
            "batch-size",
            "Does a larger batch ask for a longer warmup?",
            "open",
            (needs_more("32 against 8 sentences", large, small, A_DOUBLING),),
        ),
    ]


def _of_length(place: Place, steps: int) -> SmallestSufficient:
    arms = length_arms(place, steps, HIGH)
    return SmallestSufficient(tuple(arms.values()), tuple(share * steps for share in arms), loss=place.loss)


def _of_400(place: Place, key: str, value: object) -> SmallestSufficient:
    told = {"training.steps": 400, key: value}
    arms = [
        place.arm(f"{key} {value}, {100 * share:g} %", POST, told, lasting(share), rates=(HIGH,)) for share in OF_400
    ]
    return SmallestSufficient(tuple(arms), tuple(400 * share for share in OF_400), loss=place.loss)
