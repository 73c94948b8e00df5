"""How often verdicts are wrong, and how often an effect is missed, over simulated studies whose truth is known.

A study has the shape of the real one: ten seeds and twelve claims that share an arm. Three claims need two contrasts
(against no warmup, and against the arm of equal area), five need one, and four compare arms at their own best of seven
rates, where the rates next to the best are worse by a fifth of the spread that one contrast has over seeds. Effects are
in units of the standard deviation over seeds of a contrast's differences (where normal), and so is the smallest effect.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from warmuplab.claims.statistics import at_own_best_rates
from warmuplab.claims.verdicts import Contrast, judge

Floats = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]

SEEDS = 10
TWO_CONTRASTS, ONE_CONTRAST, OWN_RATE = "two contrasts", "one contrast", "own best rate"
KINDS = [TWO_CONTRASTS] * 3 + [ONE_CONTRAST] * 5 + [OWN_RATE] * 4
RATES = 1e-3 * 2.0 ** np.arange(7)
BOWL = 0.3 * (np.arange(7) - 3.0) ** 2


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.normal(size=shape)


def heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_t(3, size=shape)


def stuck(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """One run in ten sits at the ceiling."""
    return np.where(rng.random(shape) < 0.1, 6.0, rng.normal(size=shape))


def simulated(rng: np.random.Generator, studies: int, effects: Floats, smallest: float, noise: Noise) -> Iterator[
    dict[str, list[Contrast]]
]:  # fmt: skip
    """Studies with these `effects`, one per claim: losses of arms, of which lower is better."""
    none, area, arms = noise(rng, (studies, 1, SEEDS)), noise(rng, (studies, 3, SEEDS)), noise(rng, (studies, 8, SEEDS))
    against_none = (none - arms) / np.sqrt(2) + effects[:8, None]
    against_area = (area - arms[:, :3]) / np.sqrt(2) + effects[:3, None]
    arm, control = noise(rng, (2, studies, 4, SEEDS, 7)) / np.sqrt(2) + BOWL / np.sqrt(2)
    own = at_own_best_rates(arm - effects[8:, None, None], control, RATES, RATES)
    for study in range(studies):
        claims = {str(c): [Contrast("none", against_none[study, c], smallest)] for c in range(8)}
        for c in range(3):
            claims[str(c)].append(Contrast("area", against_area[study, c], smallest))
        for c in range(4):
            d, lower, upper = (part[study, c] for part in (own.differences, own.lower, own.upper))
            edge = bool(own.at_edge[study, c])
            claims[str(8 + c)] = [Contrast("rate", d, smallest, at_edge=edge, lower=lower, upper=upper)]
        yield claims


def outcomes(studies: Iterator[dict[str, list[Contrast]]]) -> list[list[str]]:
    """The verdicts of every study, in the order of its claims."""
    return [[verdict.verdict for verdict in judge(claims).values()] for claims in studies]


@pytest.mark.parametrize(("noise", "smallest", "studies"), [(normal, 0.0, 2000), (heavy, 0.5, 200), (stuck, 0.5, 200)])
def test_no_effect_no_verdict(noise: Noise, smallest: float, studies: int) -> None:
    """Any `supported` or `refuted` is false here, and at most one study in twenty may have one.

    Measured over 8,000 studies each: 0.016 of the studies with normal, 0.017 with heavy-tailed noise, 0.014 where one
    run in ten is stuck. It is less than 0.05 as there are 27 tests and p-values come in steps of 1 / 1024: the smallest
    passes Holm, the next does not.
    """
    found = outcomes(simulated(np.random.default_rng(0), studies, np.zeros(12), smallest, noise))
    false = [any(verdict in ("supported", "refuted") for verdict in verdicts) for verdicts in found]
    assert np.mean(false) <= 0.05


def share(found: list[list[str]], kind: str, verdict: str) -> float:
    """Of the claims of a kind, those with this verdict."""
    return float(
        np.mean([v == verdict for verdicts in found for v, k in zip(verdicts, KINDS, strict=True) if k == kind])
    )


@pytest.mark.parametrize(
    ("effect", "two_contrasts", "one_contrast", "own_rate"),
    [(1.0, 0.05, 0.17, 0.04), (2.0, 0.66, 0.79, 0.60), (3.0, 0.97, 0.99, 0.97)],
)
def test_power_for_the_only_effect_of_a_study(
    effect: float, two_contrasts: float, one_contrast: float, own_rate: float
) -> None:
    """Share of true claims that are supported, each the only one in its study: measured over 1,000 studies each.

    So effects of three standard deviations are found, those of one are mostly not. In between the power of one contrast
    is 0.49 at 1.5 and 0.94 at 2.5. All ten seeds must agree in sign for the first claim of a study to be supported.
    """
    for kind, power in ((TWO_CONTRASTS, two_contrasts), (ONE_CONTRAST, one_contrast), (OWN_RATE, own_rate)):
        claim = KINDS.index(kind)
        effects = np.where(np.arange(12) == claim, effect, 0.0)
        found = outcomes(simulated(np.random.default_rng(1), 100, effects, 0.5, normal))
        assert np.mean([verdicts[claim] == "supported" for verdicts in found]) == pytest.approx(power, abs=0.12)


def test_power_where_all_claims_hold() -> None:
    """Measured over 1,000 studies: at 2 standard deviations 0.92, 0.95 and 0.89 by kind, at 1.5 0.52, 0.69 and 0.46.

    It is more than for a single effect, as Holm asks less of the rest once the first claims are supported.
    """
    found = outcomes(simulated(np.random.default_rng(2), 100, np.full(12, 2.0), 0.5, normal))
    for kind, power in ((TWO_CONTRASTS, 0.92), (ONE_CONTRAST, 0.95), (OWN_RATE, 0.89)):
        assert share(found, kind, "supported") == pytest.approx(power, abs=0.05)
        assert share(found, kind, "refuted") == 0


@pytest.mark.parametrize(
    ("effect", "two_contrasts", "one_contrast", "own_rate"),
    [(0.0, 0.79, 0.79, 0.53), (0.5, 0.42, 0.42, 0.27), (1.0, 0.036, 0.046, 0.017)],
)
def test_no_difference(effect: float, two_contrasts: float, one_contrast: float, own_rate: float) -> None:
    """Share of `no difference` where the smallest effect is one standard deviation: measured over 1,000 studies each.

    At an effect of just that size the verdict is false, and stays below the 0.05 per claim.
    """
    found = outcomes(simulated(np.random.default_rng(3), 100, np.full(12, effect), 1.0, normal))
    for kind, measured in ((TWO_CONTRASTS, two_contrasts), (ONE_CONTRAST, one_contrast), (OWN_RATE, own_rate)):
        assert share(found, kind, "no difference") == pytest.approx(measured, abs=0.015 + 0.06 * (effect < 1))
