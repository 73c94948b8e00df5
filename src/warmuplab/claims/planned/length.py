"""Planned contrasts of how much warmup is needed, over lengths of a run, batch sizes and beta2."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, gains_more, within
from warmuplab.claims.planned.chosen import FEW, LADDER_RATES, SMALL, SMALLER, Chosen, Planned
from warmuplab.claims.planned.place import POST, Keys, Place, lasting

SHARES = {200: (0.0, 0.01, 0.03, 0.1, 0.3), 800: (0.0, 0.01, 0.03, 0.1, 0.3), 3200: (0.03, 0.1, 0.3)}
RATES = {200: LADDER_RATES, 800: LADDER_RATES, 3200: LADDER_RATES[1:]}
HIGH = LADDER_RATES[1]
TENTH_RATES = {200: LADDER_RATES[0], 800: HIGH, 3200: HIGH}  # in 200 steps single seeds come to grief at the higher
LONG, SHORT = 3200, 800  # steps of runs that are compared at equal steps of warmup, and at an equal share
SAME_STEPS, SAME_SHARE = 240, 0.075  # of the long run; of the short one they are 30 %
FEW_OF_400, MANY_OF_400 = 0.05, 0.5  # 20 and 200 steps


def share_arm(place: Place, steps: int, share: float, rate: float, seeds: int | None = None) -> Arm:
    """Runs of so many steps whose warmup takes a share of them."""
    keys: Keys = {"training.steps": steps}
    return place.arm(f"{100 * share:g} % of {steps:,}", POST, keys, lasting(share), rates=(rate,), seeds=seeds)


def length_arms(place: Place, steps: int, rate: float) -> dict[float, Arm]:
    """The arms of the ladder of a run length, by the share of the run that warmup takes."""
    return {share: share_arm(place, steps, share, rate) for share in SHARES[steps]}


def length_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on how long warmup must be."""
    tenth = [
        within(
            f"{steps:,} steps, against {100 * share:g} %",
            share_arm(place, steps, 0.1, TENTH_RATES[steps]),
            share_arm(place, steps, share, TENTH_RATES[steps]),
            SMALL,
            place.loss,
        )
        for steps, share in at.rival
    ]
    long, short = ({share: share_arm(place, steps, share, HIGH) for share in (0.1, 0.3)} for steps in (LONG, SHORT))
    return [
        Planned("ten-percent", "Is 10 % within a margin of the best share at each length?", "in part", tuple(tenth)),
        Planned(
            "steps-not-fraction",
            "Does the share of the run that warmup needs shrink with the length of the run?",
            "open",
            (
                within(f"10 % of {LONG:,} steps against 30 %", long[0.1], long[0.3], SMALLER, place.loss),
                better(f"30 % of {SHORT:,} steps against 10 %", short[0.3], short[0.1], place.loss, SMALL),
            ),
            _same_steps(place),
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

    pairs = [(arm(value, FEW_OF_400), arm(value, MANY_OF_400)) for value in (more, less)]
    return gains_more(name, pairs[0], pairs[1], place.loss, SMALL)


def _same_steps(place: Place) -> tuple[Comparison, ...]:
    """The same number of steps of warmup in a long run and in a short one."""
    long, short = (
        {share: share_arm(place, steps, share, HIGH, FEW) for share in (SAME_SHARE, 0.3)} for steps in (LONG, SHORT)
    )
    equal = f"{SAME_STEPS} steps of {LONG:,} against 30 %"
    less = f"{SAME_STEPS} steps of {SHORT:,} against {SAME_SHARE * SHORT:g}"
    return (
        within(equal, long[SAME_SHARE], long[0.3], SMALL, place.loss),
        better(less, short[0.3], short[SAME_SHARE], place.loss, SMALL),
    )
