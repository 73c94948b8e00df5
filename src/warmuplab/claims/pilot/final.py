"""Planned contrasts of final losses: warmup or none, at which rates, with which decays and optimizers."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, tolerated, within
from warmuplab.claims.pilot.place import NONE, POST, PRE, SGD, WARM, Keys, Place, of_width, steps_long
from warmuplab.claims.pilot.planned import LADDER_RATES, Chosen, Planned

POST_RATES = (4e-3, 5.66e-3, 8e-3, 1.13e-2, 1.6e-2)  # of both arms
PRE_RATES = (5.66e-3, 8e-3, 1.13e-2, 1.6e-2, 2.26e-2, 3.2e-2, 4.53e-2)
SGD_RATES = (0.2, 0.4, 0.8, 1.6)
REPLACEMENT_RATES = (4e-3, 8e-3, 1.6e-2)
WIDTHS = {16: (4e-3, 8e-3, 1.6e-2, 3.2e-2), 64: (2e-3, 4e-3, 8e-3), 128: (2e-3, 4e-3)}  # and their rates
ON_SGD = PRE | SGD | {"training.steps": 400}
DECAY_RATE = LADDER_RATES[1]
SMALL = 0.05  # nats: the smallest effect of interest on a final loss


def rate_arms(place: Place) -> dict[str, Arm]:
    """The arms whose rates are chosen, by what they are called, each over its whole grid."""
    post, pre = "post-LN", "pre-LN"
    arms = {
        f"{post}, no warmup": place.arm("no warmup", POST, NONE, rates=(2.83e-3, *POST_RATES)),
        f"{post}, 10 % warmup": place.arm("10 % warmup", POST, WARM, rates=(*POST_RATES, 2.26e-2)),
        f"{pre}, no warmup": place.arm("no warmup", PRE, NONE, rates=PRE_RATES),
        f"{pre}, 10 % warmup": place.arm("10 % warmup", PRE, WARM, rates=PRE_RATES),
        "RAdam, no warmup": place.arm("RAdam", POST, {"optimizer.name": "radam"}, NONE, rates=REPLACEMENT_RATES),
        "GI-Adam, no warmup": place.arm("GI-Adam", POST, {"optimizer.name": "gi_adam"}, NONE, rates=REPLACEMENT_RATES),
        "Adam, 100 steps": place.arm("100 steps", POST, steps_long(100), rates=REPLACEMENT_RATES),
        "sgd, no warmup": place.arm("sgd, no warmup", ON_SGD, NONE, rates=SGD_RATES),
        "sgd, 10 % warmup": place.arm("sgd, 10 % warmup", ON_SGD, WARM, rates=SGD_RATES),
    }
    for width, rates in WIDTHS.items():
        for told, keys in (("no warmup", NONE), ("10 % warmup", WARM)):
            seeds = 2 if width == 128 and place == Place() else None
            arm = place.arm(f"width {width}, {told}", of_width(width), keys, rates=rates, seeds=seeds)
            arms[f"width {width}, {told}"] = arm
    return arms


def final_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on final losses at the rates chosen."""
    post = {name: place.arm(name, POST, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    pre = {name: place.arm(name, PRE, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    none, warm = post["no warmup"], post["10 % warmup"]
    widths = rate_arms(place)
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
        Planned(
            "warmup-helps-at-every-width",
            "Does 10 % of warmup lower the final loss at the other widths, each arm at its best rate?",
            "supported",
            tuple(
                _better(
                    place,
                    f"width {width}",
                    widths[f"width {width}, 10 % warmup"].at(getattr(at, f"best_{width}_warm")),
                    widths[f"width {width}, no warmup"].at(getattr(at, f"best_{width}")),
                )
                for width in WIDTHS
            ),
        ),
        *_decays(place, at),
        *_optimizers(place, at),
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


def _optimizers(place: Place, at: Chosen) -> list[Planned]:
    untuned = place.arm("100 steps", POST, steps_long(100), rates=(at.untuned,))
    claims = []
    for name, rate, words in (("radam", at.radam, "RAdam"), ("gi_adam", at.gi_adam, "GI-Adam")):
        without = place.arm(name, POST, {"optimizer.name": name}, NONE, rates=(rate,))
        told = f"{words} against Adam with 100 steps"
        asks = f"Is {words} without warmup as good as Adam with 2 / (1 - beta2) steps?"
        claims.append(
            Planned(f"{name.replace('_', '-')}-replaces-it", asks, "open", (_within(place, told, without, untuned),))
        )
    bare = place.arm("sgd, no warmup", ON_SGD, NONE, rates=(at.sgd_best,))
    warmed = place.arm("sgd, 10 % warmup", ON_SGD, WARM, rates=(at.sgd_best_warm,))
    asks = "Is clipped SGD as good without warmup?"
    return [*claims, Planned("sgd-needs-none", asks, "open", (_within(place, "each at its best rate", bare, warmed),))]


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)


def _within(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return within(name, arm, control, SMALL, place.loss)
