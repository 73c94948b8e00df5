"""Planned contrasts of warmup and none over peak rates, of post-LN and pre-LN."""

from dataclasses import replace

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, gains_more, tolerated, within
from warmuplab.claims.planned.chosen import A_QUARTER, FACTOR_OF_2, ON_A_CLIFF, SMALL, Chosen, Planned
from warmuplab.claims.planned.grids import POST_RATES
from warmuplab.claims.planned.measures import LARGEST_RISE, LEARNED, STEPS_LOST, steps_to
from warmuplab.claims.planned.place import NONE, POST, PRE, WARM, Place

A_STEP = 0.5  # doublings: a step of the grid of rates


def rate_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on final losses, rises and lost time at the rates chosen."""
    post = {name: place.arm(name, POST, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    pre = {name: place.arm(name, PRE, keys) for name, keys in (("no warmup", NONE), ("10 % warmup", WARM))}
    none, warm = post["no warmup"], post["10 % warmup"]
    pre_none, pre_warm = pre["no warmup"], pre["10 % warmup"]
    fixed, pre_fixed = (none.at(at.fixed), warm.at(at.fixed)), (pre_none.at(at.pre_fixed), pre_warm.at(at.pre_fixed))
    helps = _better(place, "at half the largest rate that trains without", fixed[1], fixed[0])
    at_twice = warm.at(at.twice_best), none.at(at.twice_best)
    on_grid = {arm.name: replace(arm, rates=POST_RATES[2:]) for arm in (warm, none)}
    return [
        Planned(
            "warmup-helps",
            "Does 10 % of warmup lower the final loss?",
            "supported",
            (
                helps,
                _better(place, "at twice the best rate without, against it", warm.at(at.twice_best), none.at(at.best)),
            ),
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
            "Does post-LN gain by it, and more than pre-LN, at half the largest rates that train without?",
            "supported",
            (helps, gains_more("post-LN's gain minus pre-LN's", fixed, pre_fixed, place.loss, SMALL)),
        ),
        Planned(
            "pre-ln-does-not",
            "Is pre-LN without it as good?",
            "refuted",
            (
                _within(place, "at half the largest rate that trains without", *pre_fixed),
                _within(place, "each at its best rate", pre_none.at(at.pre_best), pre_warm.at(at.pre_best_warm)),
            ),
        ),
        _spikes(place, at),
    ]  # fmt: skip


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)


def _within(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return within(name, arm, control, SMALL, place.loss)


def _spikes(place: Place, at: Chosen) -> Planned:
    warm, none = (place.arm(name, PRE, keys, rates=(at.pre_large,)) for name, keys in _TWO)
    parts = tuple(better(one.words, warm, none, one, FACTOR_OF_2) for one in (LARGEST_RISE, STEPS_LOST))
    return Planned("loss-spikes", "Does warmup take off rises of the held-out loss?", "supported", parts)


_TWO = (("10 % warmup", WARM), ("no warmup", NONE))
