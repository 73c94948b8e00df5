"""How many seeds a claim needs: the power of the exact test at the effect that matters, given a spread over seeds.

For normal differences the power of the sign-flip test is close to that of Student's t (measured: within 0.02 from 10
seeds on, see `tests/claims/test_power.py`), which the noncentral t distribution gives without simulation. What remains
of the sign-flip test is that its smallest p is 2^-seeds. Levels are the worst case of Holm's rule: the claim that has
to pass first, at the level of the family over the number of claims.
"""

import math
from collections.abc import Sequence

from scipy.special import chdtri, nctdtr, ndtr, stdtrit

from warmuplab.claims.families import ALPHA

WANTED = 0.9
MOST = 2000  # seeds; more than that is no plan
CONFIDENCE = 0.8  # of the upper bound of a spread


def upper_spread(spread: float, seeds: int, confidence: float = CONFIDENCE) -> float:
    """The upper bound of a standard deviation that was estimated from so many seeds (chi-square).

    Raises `ValueError` for fewer than two seeds.
    """
    if seeds < 2:
        raise ValueError(f"a spread needs two seeds or more, not {seeds}")
    return spread * math.sqrt((seeds - 1) / float(chdtri(seeds - 1, confidence)))


def power(effect: float, spread: float, seeds: int, level: float) -> float:
    """The chance that the one-sided sign-flip test at `level` shows a mean of `effect` above its bound.

    `spread` is the standard deviation of the paired differences over seeds, in the unit of `effect`.
    """
    if 2.0**-seeds > level or seeds < 2:
        return 0.0
    if spread == 0:
        return float(effect > 0)
    critical, distance = float(stdtrit(seeds - 1, 1 - level)), effect / spread * math.sqrt(seeds)
    missed = float(nctdtr(seeds - 1, distance, critical))
    return 1 - (float(ndtr(critical - distance)) if math.isnan(missed) else missed)  # far out it has no value


def claim_power(effects: Sequence[float], spreads: Sequence[float], seeds: int, claims: int) -> float:
    """At least this is the chance that a claim is supported where each part has just the effect that matters.

    All parts must pass at the level of the claim that passes first among so many. Parts may depend on each other as
    they like: the chances of missing each are added.
    """
    misses = [1 - power(effect, spread, seeds, ALPHA / claims) for effect, spread in zip(effects, spreads, strict=True)]
    return max(0.0, 1 - sum(misses))


def seeds_needed(effects: Sequence[float], spreads: Sequence[float], claims: int, wanted: float = WANTED) -> int | None:
    """The fewest seeds with which a claim has the power `wanted`; None where `MOST` are not enough."""
    low, high = 1, 2
    while claim_power(effects, spreads, high, claims) < wanted:
        low, high = high, 2 * high
        if low >= MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if claim_power(effects, spreads, middle, claims) >= wanted else (middle, high)
    return high
