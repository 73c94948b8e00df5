"""The tests behind the verdicts: exact sign-flip tests and intervals for differences paired by seed, and Holm's rule.

Two arms that share a seed share initial weights and batches, so the evidence about a contrast is one difference per
seed. The sign-flip test (Fisher 1935, The Design of Experiments, section 21; Pitman 1937) asks how many of the 2^n ways
to flip the differences' signs give a mean at least as large as the one observed. No normality is assumed: the p-values
are exact for any independent differences that are symmetric about the hypothesised effect, equally distributed or not,
and differences are symmetric about zero whenever the two arms of a seed could be swapped without anybody noticing.

Flipping the seeds in a set S leaves the mean at or above the observed one exactly if the mean over S is at or below the
hypothesised effect. So everything here is a count of *subset means*, the 2^n - 1 means over non-empty sets of seeds:
they are typical values for the centre of symmetry (Hartigan 1969, Using subsample values as typical values), which is
below the k-th smallest of them with probability exactly k / 2^n. Tests and intervals therefore never disagree.

Limits, measured at ten seeds. Symmetry matters: when it is the *mean* of skewed differences that is zero, a one-sided
test at 0.05 rejects too often on the side of the short tail (0.14 of the time for the exponential distribution, 0.11
when one pair in ten is far off, as with a run that got stuck) and the 95 % interval covers 0.91 and 0.92. Student's t
does no better there, and errs to the safe side under heavy tails, where its intervals are longer; under normality both
cover 0.95 and the ones here are 1 % longer. And p-values are coarse: the smallest is 2^-n.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Direction = Literal["greater", "less", "two-sided"]

MOST_SEEDS = 20  # a million sets of seeds, 8 MB
TIE = 1e-9  # of the largest difference: rounding makes no two means unequal. Ties count against the claim


def sign_flip_p(differences: ArrayLike, direction: Direction = "two-sided", effect: ArrayLike = 0.0) -> Floats:
    """Exact p-value of the sign-flip test of the mean: `differences` [..., seed] to float64 [...].

    The hypothesis is a centre of symmetry at `effect` [...], or for a one-sided test beyond it; `direction` is the
    alternative. The two-sided p-value is twice the smaller one-sided one, at most 1. Raises `ValueError` for
    differences that are not finite, or for no seeds or more than `MOST_SEEDS`.
    """
    means = subset_means(differences)
    centre = np.asarray(effect, dtype=np.float64)[..., None]
    largest = np.abs(np.asarray(differences, dtype=np.float64)).max(axis=-1, keepdims=True)
    tie = TIE * np.maximum(largest, np.abs(centre))
    flips = means.shape[-1] + 1
    greater = (1 + np.count_nonzero(means <= centre + tie, axis=-1)) / flips
    less = (1 + np.count_nonzero(means >= centre - tie, axis=-1)) / flips
    if direction == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * np.minimum(greater, less)))
    return np.asarray(greater if direction == "greater" else less)


def sign_flip_interval(differences: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Lower and upper limits [...] of the effects that `sign_flip_p` does not reject, for `differences` [..., seed].

    Equal tails: an effect outside is rejected by the one-sided test at (1 - level) / 2. Covers at least `level`, and
    exactly 1 - 2 k / 2^n for symmetric continuous differences, k being the whole part of 2^n (1 - level) / 2. Where
    that is 0, with fewer than 6 seeds at 95 % or 5 at 90 %, no finite interval exists and the limits are infinite.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    means = subset_means(differences)
    rank = math.floor((means.shape[-1] + 1) * (1 - level) / 2 + TIE)
    if rank == 0:
        return np.full(means.shape[:-1], -np.inf), np.full(means.shape[:-1], np.inf)
    ordered = np.partition(means, (rank - 1, -rank), axis=-1)
    return ordered[..., rank - 1], ordered[..., -rank]


def subset_means(differences: ArrayLike) -> Floats:
    """Means over every non-empty set of seeds: `differences` [..., seed] to float64 [..., 2^seeds - 1]."""
    d = np.asarray(differences, dtype=np.float64)
    seeds = d.shape[-1] if d.ndim else 0
    if not 1 <= seeds <= MOST_SEEDS:
        raise ValueError(f"the number of seeds must be from 1 to {MOST_SEEDS}, not {seeds}")
    if not np.isfinite(d).all():
        raise ValueError("differences must be finite: a missing seed is for the caller to deal with")
    sums = np.zeros((*d.shape[:-1], 2**seeds))
    for seed in range(seeds):  # the sets with this seed as the highest are those before, with it added
        size = 2**seed
        np.add(sums[..., :size], d[..., seed, None], out=sums[..., size : 2 * size])
    means = sums[..., 1:]
    means /= _set_sizes(seeds)
    return means


def holm(p: ArrayLike) -> Floats:
    """p-values adjusted for being one family, [..., test] to [..., test] (Holm 1979), as to be compared with the level.

    The chance of any false rejection is at most the level, however the tests depend on each other. Raises `ValueError`
    for a p-value that is null or not in [0, 1]: a test that was planned and could not be made stays in the family with
    p = 1, as leaving it out would make the others' verdicts depend on which runs are missing.
    """
    values = np.asarray(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must lie in [0, 1] and not be null")
    order = np.argsort(values, axis=-1)
    factors = np.arange(values.shape[-1], 0, -1)
    stepped = np.maximum.accumulate(np.take_along_axis(values, order, axis=-1) * factors, axis=-1)
    adjusted = np.empty_like(values)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), axis=-1)
    return adjusted


def with_ceiling(values: ArrayLike, ceiling: ArrayLike, diverged: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """`values` with diverged runs, and those beyond it, at `ceiling`, and which these are; shapes are broadcast.

    For measures of which less is better: a loss with the unigram entropy as ceiling, the steps to a level with the
    length of the run. A diverged run has no value of its own and is as bad as can be; left out, it would flatter its
    arm. Null without divergence is a run that is missing, and stays null. Raises `ValueError` for a null ceiling.
    """
    given, top, gone = np.broadcast_arrays(
        np.asarray(values, dtype=np.float64),
        np.asarray(ceiling, dtype=np.float64),
        np.asarray(diverged, dtype=np.bool_),
    )
    if np.isnan(top).any():
        raise ValueError("the ceiling must not be null")
    at_ceiling = gone | (given >= top)
    return np.where(at_ceiling, top, given), at_ceiling


def best_on_others(loss: ArrayLike) -> NDArray[np.intp]:
    """For each seed the option with the lowest mean `loss` [..., seed, option] on the other seeds: [..., seed].

    Leave one out: an option (a peak rate) that is best on the very seed it is judged on would make every arm look
    better, and most of all the one with the most options or the most noise. Of options that are equally good, the
    first. Raises `ValueError` for fewer than two seeds or losses that are not finite (see `with_ceiling`).
    """
    table = np.asarray(loss, dtype=np.float64)
    if table.ndim < 2 or table.shape[-2] < 2 or not table.shape[-1]:
        raise ValueError(f"loss must be [seed, option] with two seeds or more, not {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("losses must be finite: a run that is missing makes the claim untested")
    others = (table.sum(axis=-2, keepdims=True) - table) / (table.shape[-2] - 1)
    lowest = others.min(axis=-1, keepdims=True)
    chosen: NDArray[np.intp] = (others <= lowest + TIE * np.abs(lowest)).argmax(axis=-1)
    return chosen


@lru_cache(maxsize=4)
def _set_sizes(seeds: int) -> Floats:
    """How many seeds are in each non-empty set, in the order of `subset_means`."""
    sizes = np.bitwise_count(np.arange(1, 2**seeds)).astype(np.float64)
    sizes.flags.writeable = False
    return sizes
