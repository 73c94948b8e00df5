"""Planned contrasts of final losses: warmup or none, at which rates, and with which decays."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, tolerated, within
from warmuplab.claims.planned.chosen import LADDER_RATES, SMALL, Chosen, Planned
from warmuplab.claims.planned.grids import POST_RATES
from warmuplab.claims.planned.place import NONE, POST, PRE, WARM, Keys, Place

DECAY_RATE = LADDER_RATES[1]


def shape_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on final losses at the rates chosen."""
    post = {name: place.arm(name, POST, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    pre = {name: place.arm(name, PRE, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    none, warm = post["no warmup"], post["10 % warmup"]
    both_best = _better(place, "each at its best rate", warm.at(at.best_warm), none.at(at.best))
    on_grid = [place.arm(arm.name, dict(arm.where), rates=POST_RATES) for arm in (warm, none)]
    return [
        Planned(
            "warmup-helps",
            "Does 10 % of warmup lower the final loss?",
            "supported",
            (_better(place, "at the best rate without warmup", warm.at(at.best), none.at(at.best)), both_best),
        ),
        Planned(
            "larger-rates",
            "Does warmup make larger rates usable?",
            "supported",
            (
                _better(place, "at twice the best rate without warmup", warm.at(at.twice_best), none.at(at.twice_best)),
                tolerated("the largest rate that trains", on_grid[0], on_grid[1]),
            ),
        ),
        Planned(
            "post-ln-needs-it",
            "Does post-LN gain by it as much as 0.1 nats, each arm at its best rate?",
            "supported",
            (better("each at its best rate", warm.at(at.best_warm), none.at(at.best), place.loss, 2 * SMALL),),
        ),
        Planned(
            "pre-ln-does-not",
            "Is pre-LN without it as good, each arm at its best rate?",
            "refuted",
            (
                _within(
                    place, "each at its best rate", pre["no warmup"].at(at.pre_best),
                    pre["10 % warmup"].at(at.pre_best_warm),
                ),
            ),
        ),
        *_decays(place, at),
    ]  # fmt: skip


def _decays(place: Place, at: Chosen) -> list[Planned]:
    def decaying(name: str, keys: Keys, **more: float) -> Arm:
        options = {f"schedule.decay.{key}": value for key, value in more.items()}
        own_rate = name == "noam"
        return place.arm(
            name, POST, keys, {"schedule.decay.name": name} | options, rates=() if own_rate else (DECAY_RATE,)
        )

    whole, sudden = (decaying("trapezoid", keys, fall_fraction=0.4) for keys in (WARM, NONE))
    late, level = decaying("trapezoid", WARM, fall_fraction=0.1), decaying("constant", WARM)
    linear = decaying("linear", WARM)
    gains = (
        _better(place, f"10 % against none, {name}", decaying(name, WARM), decaying(name, NONE))
        for name in ("cosine", "exponential", "piecewise")
    )
    tuned = place.arm("linear", POST, WARM, rates=(at.best_warm,))
    return [
        Planned(
            "rate-must-fall", "Must the rate fall?", "supported", (_better(place, "against level", linear, level),)
        ),
        Planned(
            "high-rate-harms",
            "Does a high rate harm that falls only in the last tenth?",
            "no difference",
            (_better(place, "against a late fall", linear, late),),
        ),
        Planned(
            "rise-plateau-fall",
            "Is rise, plateau and fall better than without one of them?",
            "supported",
            (
                _better(place, "against no rise", whole, sudden),
                _better(place, "against no fall", whole, level),
                _better(place, "against no plateau", whole, linear),
            ),
        ),
        Planned("schedules", "Does warmup help with every decay of the notes?", "supported", tuple(gains)),
        Planned(
            "noam",
            "Is noam at half its scale nearly as good as a tuned linear decay?",
            "open",
            (within("against linear", decaying("noam", WARM, scale=0.5), tuned, 0.1, place.loss),),
        ),
    ]


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)


def _within(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return within(name, arm, control, SMALL, place.loss)
