"""Planned contrasts of what is said to replace warmup, and of an optimizer that may need none."""

from warmuplab.claims.forms import within
from warmuplab.claims.planned.chosen import SMALL, Chosen, Planned
from warmuplab.claims.planned.grids import ON_SGD
from warmuplab.claims.planned.place import NONE, POST, WARM, Place, steps_long


def optimizer_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on optimizers without warmup; RAdam and GI-Adam are held against Adam with 2 / (1 - beta2) steps of it."""
    bare = place.arm("sgd, no warmup", ON_SGD, NONE, rates=(at.sgd_best,))
    warmed = place.arm("sgd, 10 % warmup", ON_SGD, WARM, rates=(at.sgd_best_warm,))
    return [
        _replacing(place, "radam", "RAdam", at.fixed),
        _replacing(place, "gi_adam", "GI-Adam", at.fixed),
        Planned(
            "sgd-needs-none",
            "Is clipped SGD as good without warmup?",
            "open",
            (within("each at its best rate", bare, warmed, SMALL, place.loss),),
        ),
    ]


def _replacing(place: Place, name: str, words: str, rate: float) -> Planned:
    without = place.arm(name, POST, {"optimizer.name": name}, NONE, rates=(rate,))
    untuned = place.arm("100 steps", POST, steps_long(100), rates=(rate,))
    return Planned(
        f"{name.replace('_', '-')}-replaces-it",
        f"Is {words} without warmup as good as Adam with 2 / (1 - beta2) steps?",
        "open",
        (within(f"{words} against Adam with 100 steps", without, untuned, SMALL, place.loss),),
    )
