"""Planned contrasts of other widths, and of the rates that ramps of several networks suggest."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better
from warmuplab.claims.planned.chosen import SMALL, SMALLER, Chosen, Planned
from warmuplab.claims.planned.grids import ON_SGD, rate_arms
from warmuplab.claims.planned.place import POST, PRE, Keys, Place, of_width
from warmuplab.claims.terms import AtReadRate, Mean

RAMP = {"schedule.decay.name": "ramp", "training.steps": 200}


def width_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims asked of several networks."""
    widths = rate_arms(place)
    return [
        Planned(
            "warmup-helps-a-wider-network",
            "Does 10 % of warmup lower the final loss of width 64, at the best rate without warmup?",
            "supported",
            (
                better(
                    "width 64",
                    widths["width 64, 10 % warmup"].at(at.best_64),
                    widths["width 64, no warmup"].at(at.best_64),
                    place.loss,
                    SMALLER,
                ),
            ),
        ),
    ]


def jitter_claims(place: Place, _: Chosen) -> list[Planned]:
    """Claims on rates that are read off ramps."""
    return [
        Planned(
            "jitter-tells-rate",
            "Is the rate at which a ramp jitters better than one of the grid at random?",
            "supported",
            tuple(_read(place, *network) for network in networks(place)),
        ),
    ]


def networks(place: Place) -> list[tuple[str, Arm, Arm]]:
    """Networks and optimizers whose best rates differ by far: name, arm over its grid with 10 % warmup, and ramp."""
    grids = rate_arms(place)
    found: list[tuple[str, Keys]] = [
        ("post-LN", POST),
        ("pre-LN", PRE),
        ("width 16", of_width(16)),
        ("sgd", ON_SGD),
    ]
    return [(name, grids[f"{name}, 10 % warmup"], place.arm(f"ramp, {name}", network, RAMP)) for name, network in found]


def _read(place: Place, name: str, arm: Arm, ramp: Arm) -> Comparison:
    middle = arm.rates[len(arm.rates) // 2]
    return Comparison(name, (Mean(arm, place.loss),), (AtReadRate((arm,), (ramp,), middle, loss=place.loss),), SMALL)
