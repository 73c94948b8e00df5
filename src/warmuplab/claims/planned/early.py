"""Planned contrasts of what happens early: rises of the loss, overfitting, drift and curvature."""

from collections.abc import Sequence

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better
from warmuplab.claims.planned.chosen import A_HALF, A_QUARTER, DRIFT, FACTOR_OF_10, PATH, Chosen, Planned
from warmuplab.claims.planned.measures import (
    EDGE,
    SHARPNESS,
    drift,
    gap_until,
    kl_path,
    memorisation_at,
)
from warmuplab.claims.planned.place import NONE, POST, PRE, QUICK, WARM, Keys, Place, equal_area

POST_RATE, PRE_RATE, QUICK_RATE = 4e-3, 8e-3, 4e-3  # at which all probes were measured
WINDOW, QUICK_WINDOW = 0.5, 0.05  # of the steps: where areas are equal
MEASURED, QUICK_MEASURED = 0.5, 0.4  # of the steps: the early window, in which every one is measured
PROBED = {"training.steps": 400}
REMEMBERED = 0.1  # nats: the smallest effect of interest on what is remembered of early sentences
AGAINST_NONE, AGAINST_AREA = "against none", "against equal area"


def three_arms(place: Place, network: Keys, rate: float, window: float) -> tuple[Arm, Arm, Arm]:
    """With 10 % of warmup, without any, and without but with as much rate over the window."""
    named = (("10 % warmup", WARM), ("no warmup", NONE), ("equal area", equal_area(window)))
    warm, none, area = (place.arm(name, network, keys, rates=(rate,)) for name, keys in named)
    return warm, none, area


def overfitting_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on overfitting to the first batches."""
    arms, level = three_arms(place, QUICK, QUICK_RATE, QUICK_WINDOW), at.level_quick
    parts = _against(arms, gap_until(level), A_QUARTER, "gap ")
    parts += _against(arms, memorisation_at(level), REMEMBERED, "memorisation ")
    asks = "Does warmup prevent early overfitting?"
    return [Planned("early-overfitting", asks, "in part: small steps", tuple(parts))]


def early_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on the early window."""
    post = three_arms(place, POST | PROBED, POST_RATE, WINDOW)
    return [
        Planned(
            "distribution-stability",
            "Does warmup move the output distribution less until a held-out loss is reached?",
            "supported",
            tuple(_against(post, kl_path(at.level), PATH)),
        ),
        Planned(
            "deep-layers",
            "Does warmup keep the last layer nearer to its start, compared to the first?",
            "open",
            (better("decoder, against none", post[0], post[1], drift("decoder", at.level), DRIFT),),
            (better("encoder, against none", post[0], post[1], drift("encoder", at.level), DRIFT),),
        ),
        Planned(
            "sharpness-falls",
            "Does training with warmup go through flatter regions?",
            "no difference",
            tuple(_against(post, SHARPNESS, A_HALF)),
        ),
        Planned(
            "edge-at-start",
            "Does the first step with warmup stay further below the edge of stability?",
            "supported",
            (better(AGAINST_NONE, post[0], post[1], EDGE, FACTOR_OF_10),),
        ),
        *_of_pre_ln(place, at),
    ]


def _of_pre_ln(place: Place, at: Chosen) -> list[Planned]:
    """Two of them in the other network."""
    arms = three_arms(place, PRE | PROBED, PRE_RATE, WINDOW)
    return [
        Planned(
            "distribution-stability-pre-ln",
            "Does warmup move the output distribution of pre-LN less until a held-out loss is reached?",
            "open",
            tuple(_against(arms, kl_path(at.level_pre), PATH)),
        ),
        Planned(
            "deep-layers-pre-ln",
            "Does warmup keep pre-LN's last layer nearer to its start, compared to the first?",
            "open",
            (better("decoder, against none", arms[0], arms[1], drift("decoder", at.level_pre), DRIFT),),
        ),
    ]


def _against(arms: Sequence[Arm], measure: Measure, smallest: float, name: str = "") -> list[Comparison]:
    warm, none, area = arms
    pairs = ((AGAINST_NONE, none), (AGAINST_AREA, area))
    return [better(f"{name}{told}", warm, control, measure, smallest) for told, control in pairs]
