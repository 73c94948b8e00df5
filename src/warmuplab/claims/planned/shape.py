"""Planned contrasts of final losses: warmup or none, at which rates, and with which decays."""

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, tolerated, within
from warmuplab.claims.planned.chosen import A_QUARTER, LADDER_RATES, ON_A_CLIFF, SMALL, Chosen, Planned
from warmuplab.claims.planned.grids import POST_RATES
from warmuplab.claims.planned.place import NONE, POST, PRE, WARM, Keys, Place
from warmuplab.claims.terms import Value
from warmuplab.series.levels import name_of

A_STEP = 0.5  # doublings: a step of the grid of rates
LEARNED = Measure(f"probe/reached_{name_of(1.5)}", "whether it got 1.5 nats below the unigram entropy", "", "less")


def steps_to(level: float) -> Measure:
    """How many steps it took to a level of the held-out loss, in decades; at most those of the run."""
    return Measure(f"probe/steps_to_{name_of(level)}", "steps to a level", "decades", "more", "steps", logarithm=True)


def shape_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on final losses at the rates chosen."""
    post = {name: place.arm(name, POST, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    pre = {name: place.arm(name, PRE, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    none, warm = post["no warmup"], post["10 % warmup"]
    best = none.at(at.best), warm.at(at.best_warm)
    pre_best = pre["no warmup"].at(at.pre_best), pre["10 % warmup"].at(at.pre_best_warm)
    both_best = _better(place, "each at its best rate", best[1], best[0])
    at_twice = warm.at(at.twice_best), none.at(at.twice_best)
    on_grid = {arm.name: place.arm(arm.name, dict(arm.where), rates=POST_RATES) for arm in (warm, none)}
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
                better("at twice the best rate without warmup", *at_twice, place.loss, ON_A_CLIFF),
                tolerated("the largest rate that trains", on_grid[warm.name], on_grid[none.name], A_STEP, LEARNED),
            ),
        ),
        Planned(
            "lost-time",
            "Is a level reached sooner with warmup, at twice the best rate without?",
            "supported",
            (better("against none", *at_twice, steps_to(at.level_late), A_QUARTER),),
        ),
        Planned(
            "post-ln-needs-it",
            "Does post-LN gain by it, and more than pre-LN, each arm at its best rate?",
            "supported",
            (both_best, _gains_more(place, "post-LN's gain minus pre-LN's", best, pre_best)),
        ),
        Planned(
            "pre-ln-does-not",
            "Is pre-LN without it as good, each arm at its best rate?",
            "refuted",
            (_within(place, "each at its best rate", *pre_best),),
        ),
        *_decays(place, at),
    ]  # fmt: skip


def _decays(place: Place, at: Chosen) -> list[Planned]:
    low, high = LADDER_RATES

    def decaying(name: str, keys: Keys, rate: float | None, **more: float) -> Arm:
        options = {f"schedule.decay.{key}": value for key, value in more.items()}
        rates = () if rate is None else (rate,)
        return place.arm(name, POST, keys, {"schedule.decay.name": name} | options, rates=rates)

    linear, level = decaying("linear", WARM, high), decaying("constant", WARM, high)
    late = decaying("trapezoid", WARM, high, fall_fraction=0.1)
    whole, sudden = (decaying("trapezoid", keys, low, fall_fraction=0.4) for keys in (WARM, NONE))
    gains = (
        _better(place, f"10 % against none, {name}", decaying(name, WARM, low), decaying(name, NONE, low))
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
                _better(place, "against no fall", whole, decaying("constant", WARM, low)),
                _better(place, "against no plateau", whole, decaying("linear", WARM, low)),
            ),
        ),
        Planned("schedules", "Does warmup help with every decay of the notes?", "supported", tuple(gains)),
        Planned(
            "noam",
            "Is noam at half its scale nearly as good as a tuned linear decay?",
            "open",
            (within("against linear", decaying("noam", WARM, None, scale=0.5), tuned, SMALL, place.loss),),
        ),
    ]


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)


def _within(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return within(name, arm, control, SMALL, place.loss)


def _gains_more(place: Place, name: str, more: tuple[Arm, Arm], less: tuple[Arm, Arm]) -> Comparison:
    """What the second arm of a pair takes off the loss of the first, of one pair minus another."""
    values = [Value(arm, place.loss) for arm in (*more, *less)]
    return Comparison(name, (values[0], values[3]), (values[1], values[2]), SMALL)
