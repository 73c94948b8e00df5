"""Planned contrasts of warmup and none over peak rates, of post-LN and pre-LN."""

from dataclasses import replace

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, gains_more, tolerated, within
from warmuplab.claims.planned.chosen import A_QUARTER, A_THIRD, FACTOR_OF_2, ON_A_CLIFF, SMALL, SMALLER, Chosen, Planned
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
    doubled = none.at(at.best), warm.at(at.twice_best)
    pre_doubled = pre_none.at(at.pre_best), pre_warm.at(at.pre_twice)
    pre_bests = pre_none.at(at.pre_best), pre_warm.at(at.pre_best_warm)
    at_twice = warm.at(at.twice_best), none.at(at.twice_best)
    on_grid = {arm.name: replace(arm, rates=POST_RATES[1:]) for arm in (warm, none)}
    return [
        Planned(
            "warmup-helps",
            "Does 10 % of warmup lower the final loss?",
            "supported",
            (
                _better(place, "at half the largest rate that trains without", fixed[1], fixed[0]),
                better("at twice the best rate without, against it", doubled[1], doubled[0], place.loss, SMALLER),
            ),
            (_better(place, "both at the best rate without", warm.at(at.best), none.at(at.best)),),
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
            "Does post-LN gain by warmup at twice its best rate without, and more than pre-LN does?",
            "supported",
            (
                better("at twice the best rate without, against it", doubled[1], doubled[0], place.loss, SMALLER),
                gains_more("post-LN's gain minus pre-LN's", doubled, pre_doubled, place.loss, SMALLER),
            ),
            (gains_more("the same at half the largest rates that train", fixed, pre_fixed, place.loss, SMALL),),
        ),
        Planned(
            "pre-ln-does-not",
            "Is pre-LN without it as good?",
            "refuted",
            (
                within("at half the largest rate that trains without", *pre_fixed, SMALLER, place.loss),
                within("each at its best rate", *pre_bests, SMALLER, place.loss),
            ),
        ),
        _spikes(place, at),
    ]  # fmt: skip


def _better(place: Place, name: str, arm: Arm, control: Arm) -> Comparison:
    return better(name, arm, control, place.loss, SMALL)


def _spikes(place: Place, at: Chosen) -> Planned:
    warm, none = (place.arm(name, PRE, keys, rates=(at.pre_large,)) for name, keys in _TWO)
    smallest = {LARGEST_RISE: FACTOR_OF_2, STEPS_LOST: A_THIRD}
    parts = tuple(better(one.words, warm, none, one, least) for one, least in smallest.items())
    return Planned("loss-spikes", "Does warmup take off rises of the held-out loss?", "supported", parts)


_TWO = (("10 % warmup", WARM), ("no warmup", NONE))
