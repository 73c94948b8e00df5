"""The arms whose rates the pilot chooses, over their whole grids."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.planned.place import NONE, PILOT, POST, PRE, SGD, WARM, Place, of_width, steps_long

POST_RATES = (4e-3, 5.66e-3, 8e-3, 1.13e-2, 1.6e-2)  # of both arms
PRE_RATES = (5.66e-3, 8e-3, 1.13e-2, 1.6e-2, 2.26e-2, 3.2e-2)
SGD_RATES = (0.2, 0.4, 0.8, 1.6)
REPLACEMENT_RATES = (4e-3, 8e-3, 1.6e-2)
WIDTHS = {16: (4e-3, 8e-3, 1.6e-2, 3.2e-2), 64: (2e-3, 4e-3, 8e-3), 128: (2e-3, 4e-3)}  # and their rates
ON_SGD = PRE | SGD | {"training.steps": 400}


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
            seeds = 2 if width == 128 and place == PILOT else None
            arm = place.arm(f"width {width}, {told}", of_width(width), keys, rates=rates, seeds=seeds)
            arms[f"width {width}, {told}"] = arm
    return arms
