"""Planned contrasts of how much warmup is needed, over lengths of a run, batch sizes and beta2."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, within
from warmuplab.claims.planned.chosen import LADDER_RATES, SMALL, Chosen, Planned
from warmuplab.claims.planned.place import POST, Keys, Place, lasting
from warmuplab.claims.terms import Value

SHARES = {200: (0.0, 0.01, 0.03, 0.1, 0.3), 800: (0.0, 0.01, 0.03, 0.1, 0.3), 3200: (0.03, 0.1, 0.3)}
RATES = {200: LADDER_RATES, 800: LADDER_RATES, 3200: LADDER_RATES[1:]}
HIGH = LADDER_RATES[1]
LONG, SHORT = 3200, 800  # steps of runs that are compared at equal steps of warmup, and at an equal share
SAME_STEPS, SAME_SHARE = 240, 0.075
FEW_OF_400, MANY_OF_400 = 0.05, 0.25  # 20 and 100 steps


def share_arm(place: Place, steps: int, share: float, rate: float) -> Arm:
    """Runs of so many steps whose warmup takes a share of them."""
    keys: Keys = {"training.steps": steps}
    return place.arm(f"{100 * share:g} % of {steps:,}", POST, keys, lasting(share), rates=(rate,))


def length_arms(place: Place, steps: int, rate: float) -> dict[float, Arm]:
    """The arms of the ladder of a run length, by the share of the run that warmup takes."""
    return {share: share_arm(place, steps, share, rate) for share in SHARES[steps]}


def length_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on how long warmup must be."""
    tenth = [
        within(
            f"{steps:,} steps, against {100 * share:g} %",
            share_arm(place, steps, 0.1, HIGH),
            share_arm(place, steps, share, HIGH),
            SMALL,
            place.loss,
        )
        for steps, share in at.rival
    ]
    same_steps = {steps: share_arm(place, steps, SAME_STEPS / steps, HIGH) for steps in (LONG, SHORT)}
    longer = share_arm(place, LONG, SAME_STEPS / SHORT, HIGH)
    same_share = share_arm(place, SHORT, SAME_SHARE, HIGH)
    equal = f"{SAME_STEPS} steps of {LONG:,} against {SAME_STEPS / SHORT * LONG:g}"
    less = f"{SAME_STEPS} steps of {SHORT:,} against {SAME_SHARE * SHORT:g}"
    return [
        Planned("ten-percent", "Is 10 % within a margin of the best share at each length?", "in part", tuple(tenth)),
        Planned(
            "steps-not-fraction",
            "Is the warmup that suffices a number of steps, and no share of the run?",
            "open",
            (
                within(equal, same_steps[LONG], longer, SMALL, place.loss),
                better(less, same_steps[SHORT], same_share, place.loss, SMALL),
            ),
        ),
        Planned(
            "beta2",
            "Does a larger beta2 ask for a longer warmup?",
            "open",
            (_gains_more(place, "0.99 against 0.9", "optimizer.betas", [0.9, 0.99], [0.9, 0.9]),),
        ),
        Planned(
            "batch-size",
            "Does a larger batch ask for a longer warmup?",
            "open",
            (_gains_more(place, "32 against 8 sentences", "training.batch_size", 32, 8),),
        ),
    ]


def _gains_more(place: Place, name: str, key: str, more: object, less: object) -> Comparison:
    """What many steps of warmup instead of few take off the loss at one value of a key, minus that at another."""

    def arm(value: object, share: float) -> Arm:
        told = {"training.steps": 400, key: value}
        return place.arm(f"{key} {value}, {400 * share:g} steps", POST, told, lasting(share), rates=(HIGH,))

    few, many = ({value: Value(arm(told, share), place.loss) for value, told in (("more", more), ("less", less))}
                 for share in (FEW_OF_400, MANY_OF_400))  # fmt: skip
    return Comparison(name, (few["more"], many["less"]), (many["more"], few["less"]), SMALL)
