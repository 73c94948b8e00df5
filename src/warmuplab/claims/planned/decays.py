"""Planned contrasts of decays: how a rate falls after its warmup, and whether it must."""

from dataclasses import replace

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, within
from warmuplab.claims.planned.chosen import LADDER_RATES, SMALL, SMALLER, Chosen, Planned
from warmuplab.claims.planned.place import NONE, POST, WARM, Keys, Place


def decay_claims(place: Place, at: Chosen, of_rates: Place | None = None) -> list[Planned]:
    """Claims on decays; the linear ones may be trained elsewhere, among the rates: at `of_rates`."""
    low, high = LADDER_RATES

    def decaying(name: str, keys: Keys, rate: float | None, **more: float) -> Arm:
        options = {f"schedule.decay.{key}": value for key, value in more.items()}
        rates = () if rate is None else (rate,)
        called = f"a fall over {100 * more['fall_fraction']:g} %" if "fall_fraction" in more else name
        called += ", no warmup" if keys == NONE else ""
        return place.arm(called, POST, keys, {"schedule.decay.name": name} | options, rates=rates)

    linear = (of_rates or place).arm("linear", POST, WARM, rates=LADDER_RATES)
    whole, sudden = (decaying("trapezoid", keys, low, fall_fraction=0.4) for keys in (WARM, NONE))
    noam, tuned = decaying("noam", WARM, None, scale=0.5), replace(linear, rates=(at.best_warm,))
    falling = decaying("trapezoid", WARM, high, fall_fraction=0.4)
    gains = (
        _better(place, f"10 % against none, {name}", decaying(name, WARM, low), decaying(name, NONE, low))
        for name in ("cosine", "exponential", "piecewise")
    )
    return [
        Planned(
            "rate-must-fall",
            "Must the rate fall?",
            "supported",
            (better("a fall over 40 % against none", falling, decaying("constant", WARM, high), place.loss, SMALLER),),
        ),
        Planned(
            "high-rate-harms",
            "Does a high rate harm that falls only in the last tenth?",
            "no difference",
            (
                better(
                    "a fall over 40 % against 10 %",
                    falling,
                    decaying("trapezoid", WARM, high, fall_fraction=0.1),
                    place.loss,
                    SMALLER,
                ),
            ),
        ),
        Planned(
            "rise-plateau-fall",
            "Is rise, plateau and fall better than without one of them?",
            "supported",
            (
                _better(place, "against no rise", whole, sudden),
                better("against no fall", whole, decaying("constant", WARM, low), place.loss, SMALLER),
                _better(place, "against no plateau", whole, linear.at(low)),
            ),
        ),
        Planned("schedules", "Does warmup help with every decay of the notes?", "supported", tuple(gains)),
        Planned(
            "noam",
            "Is noam at half its scale nearly as good as a linear decay from about its peak?",
            "open",
            (within("against linear", noam, linear.at(high), SMALL, place.loss),),
            (within("against linear at its best rate", noam, tuned, SMALL, place.loss),),
        ),
    ]


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)
