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


@pytest.mark.parametrize(("noise", "smallest"), [(normal, 0.0), (heavy, 0.5)])
def test_no_effect_no_verdict(noise: Noise, smallest: float) -> None:
    """MEASURED"""
    found = outcomes(simulated(np.random.default_rng(0), 2000, np.zeros(12), smallest, noise))
    false = [any(verdict in ("supported", "refuted") for verdict in verdicts) for verdicts in found]
    assert np.mean(false) <= 0.05
