"""Planned contrasts of what happens early: rises of the loss, overfitting, drift and curvature."""

from collections.abc import Sequence

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better
from warmuplab.claims.planned.chosen import A_QUARTER, Chosen, Planned
from warmuplab.claims.planned.place import NONE, POST, PRE, QUICK, WARM, Keys, Place, equal_area
from warmuplab.series.levels import name_of

POST_RATE, PRE_RATE, QUICK_RATE = 4e-3, 8e-3, 4e-3  # at which all probes were measured
WINDOW, QUICK_WINDOW = 0.5, 0.05  # of the steps: where areas are equal
MEASURED, QUICK_MEASURED = 0.5, 0.4  # of the steps: the early window, in which every one is measured
PROBED = {"training.steps": 400}
FACTOR_OF_2, A_TENTH = 0.301, 0.1  # decades, natural logarithms: smallest effects of interest
AGAINST_NONE, AGAINST_AREA = "against none", "against equal area"


def three_arms(place: Place, network: Keys, rate: float, window: float) -> tuple[Arm, Arm, Arm]:
    """With 10 % of warmup, without any, and without but with as much rate over the window."""
    named = (("10 % warmup", WARM), ("no warmup", NONE), ("equal area", equal_area(window)))
    warm, none, area = (place.arm(name, network, keys, rates=(rate,)) for name, keys in named)
    return warm, none, area


def early_claims(place: Place, at: Chosen) -> list[Planned]:
    """Claims on the early window."""
    post = three_arms(place, POST | PROBED, POST_RATE, WINDOW)
    level = name_of(at.level)
    path = _path(level)
    return [
        _spikes(place, at),
        _overfitting(place, at),
        Planned(
            "distribution-stability",
            "Does warmup move the output distribution less until a held-out loss is reached?",
            "supported",
            tuple(_against(post, path, A_TENTH)),
        ),
        Planned(
            "deep-layers",
            "Does warmup keep the last layer nearer to its start, compared to the first?",
            "open",
            tuple(
                better(f"{stack}, against none", post[0], post[1], _drift(stack, level), A_TENTH)
                for stack in ("encoder", "decoder")
            ),
        ),
        Planned(
            "sharpness-falls",
            "Does training with warmup go through flatter regions?",
            "no difference",
            tuple(_against(post, _logarithmic("curvature/preconditioned_sharpness_mean", "sharpness"), A_QUARTER)),
        ),
        Planned(
            "edge-at-start",
            "Does the first step with warmup stay further below the edge of stability?",
            "supported",
            (
                better(
                    AGAINST_NONE,
                    post[0],
                    post[1],
                    _logarithmic("curvature/preconditioned_edge_first", "distance to the edge"),
                    FACTOR_OF_2,
                ),
            ),
        ),
        *_of_pre_ln(place, at),
    ]


def _of_pre_ln(place: Place, at: Chosen) -> list[Planned]:
    """Two of them in the other network."""
    arms, level = three_arms(place, PRE | PROBED, PRE_RATE, WINDOW), name_of(at.level_pre)
    drift = _drift("decoder", level)
    return [
        Planned(
            "distribution-stability-pre-ln",
            "Does warmup move the output distribution of pre-LN less until a held-out loss is reached?",
            "open",
            tuple(_against(arms, _path(level), A_TENTH)),
        ),
        Planned(
            "deep-layers-pre-ln",
            "Does warmup keep pre-LN's last layer nearer to its start, compared to the first?",
            "open",
            (better("decoder, against none", arms[0], arms[1], drift, A_TENTH),),
        ),
    ]


def _spikes(place: Place, at: Chosen) -> Planned:
    warm, none = (place.arm(name, PRE, keys, rates=(at.pre_large,)) for name, keys in _TWO)
    measures = _logarithmic("spike/max_rise", "largest rise"), _logarithmic("spike/lost", "nat-steps lost")
    parts = tuple(better(measure.words, warm, none, measure, FACTOR_OF_2) for measure in measures)
    return Planned("loss-spikes", "Does warmup take off rises of the held-out loss?", "supported", parts)


def _overfitting(place: Place, at: Chosen) -> Planned:
    arms, level = three_arms(place, QUICK, QUICK_RATE, QUICK_WINDOW), name_of(at.level_quick)
    gap = Measure(f"overfit/gap_sum_to_{level}", "batch-specific gap", "nats", "more")
    kept = Measure(f"overfit/memorisation_at_{level}", "memorisation", "nats", "less")
    parts = [*_against(arms, gap, 0.2, "gap "), *_against(arms, kept, 0.05, "memorisation ")]
    return Planned("early-overfitting", "Does warmup prevent early overfitting?", "in part: small steps", tuple(parts))


_TWO = (("10 % warmup", WARM), ("no warmup", NONE))


def _against(arms: Sequence[Arm], measure: Measure, smallest: float, name: str = "") -> list[Comparison]:
    warm, none, area = arms
    pairs = ((AGAINST_NONE, none), (AGAINST_AREA, area))
    return [better(f"{name}{told}", warm, control, measure, smallest) for told, control in pairs]


def _path(level: str) -> Measure:
    return Measure(f"stability/log_kl_path_to_{level}", "log KL path", "log nats", "more")


def _drift(stack: str, level: str) -> Measure:
    return Measure(f"stability/{stack}_log_drift_last_minus_first_at_{level}", "log drift", "log units", "more")


def _logarithmic(column: str, words: str) -> Measure:
    return Measure(column, words, "decades", "more", logarithm=True)
