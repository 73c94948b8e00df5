"""The tests behind the verdicts: exact sign-flip tests and intervals for differences paired by seed, and Holm's rule.

Two arms that share a seed share initial weights and batches, so the evidence about a contrast is one difference per
seed. The sign-flip test (Fisher 1935, The Design of Experiments, section 21; Pitman 1937) asks how many of the 2^n ways
to flip the differences' signs give a mean at least as large as the one observed. No normality is assumed: the p-values
are exact for any independent differences that are symmetric about the hypothesised effect, equally distributed or not,
and differences are symmetric about zero whenever the two arms of a seed could be swapped without anybody noticing.

Flipping the seeds in a set S leaves the mean at or above the observed one exactly if the differences in S, the
hypothesised effect subtracted from each, sum to zero or less. So a p-value counts *subset sums*, and 2^32 of them are
counted without being listed: every set is one of sets of the first half of the seeds with one of the second half, and
where the 2^16 sums of each half are sorted, the sums of the other half that are low enough are found by a search (meet
in the middle; Horowitz and Sahni 1974). An interval is found by bisection on that very p-value, which grows with the
hypothesised effect. Tests and intervals therefore never disagree.

Limits, measured at ten seeds. Symmetry matters: when it is the *mean* of skewed differences that is zero, a one-sided
test at 0.05 rejects too often on the side of the short tail (0.14 of the time for the exponential distribution, 0.11
when one pair in ten is far off, as with a run that got stuck) and the 95 % interval covers 0.91 and 0.92. Student's t
does no better there, and errs to the safe side under heavy tails, where its intervals are longer; under normality both
cover 0.95 and the ones here are 1 % longer. And p-values are coarse: the smallest is 2^-n.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Direction = Literal["greater", "less", "two-sided"]

MOST_SEEDS = 32  # 2^16 sums for each half: 7 ms a test
TIE = 1e-9  # of the largest difference: rounding makes no two sums unequal. Ties count against the claim
EXACT = 1e-12  # of the largest difference: how closely the limits of an interval are found
FEW = 12  # seeds up to which all sums are listed, many rows at once


def sign_flip_p(differences: ArrayLike, direction: Direction = "two-sided", effect: ArrayLike = 0.0) -> Floats:
    """Exact p-value of the sign-flip test of the mean: `differences` [..., seed] to float64 [...].

    The hypothesis is a centre of symmetry at `effect` [...], or for a one-sided test beyond it; `direction` is the
    alternative. The two-sided p-value is twice the smaller one-sided one, at most 1. Raises `ValueError` for
    differences that are not finite, or for no seeds or more than `MOST_SEEDS`.
    """
    d = _checked(differences)
    centre = np.asarray(effect, dtype=np.float64)
    shape = np.broadcast_shapes(d.shape[:-1], centre.shape)
    rows = np.broadcast_to(d, (*shape, d.shape[-1])).reshape(-1, d.shape[-1])
    below, above = _sums_on_either_side(rows, np.broadcast_to(centre, shape).reshape(-1))
    flips = 2.0 ** d.shape[-1]
    greater, less = (below / flips).reshape(shape), (above / flips).reshape(shape)
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
    d = _checked(differences)
    shape, rows = d.shape[:-1], d.reshape(-1, d.shape[-1])
    rank = math.floor(2.0 ** d.shape[-1] * (1 - level) / 2 + TIE)
    if rank == 0:
        return np.full(shape, -np.inf), np.full(shape, np.inf)
    return _lower_limits(rows, rank).reshape(shape), -_lower_limits(-rows, rank).reshape(shape)


def _checked(differences: ArrayLike) -> Floats:
    d = np.asarray(differences, dtype=np.float64)
    seeds = d.shape[-1] if d.ndim else 0
    if not 1 <= seeds <= MOST_SEEDS:
        raise ValueError(f"the number of seeds must be from 1 to {MOST_SEEDS}, not {seeds}")
    if not np.isfinite(d).all():
        raise ValueError("differences must be finite: a missing seed is for the caller to deal with")
    return d


def _sums_on_either_side(rows: Floats, centre: Floats) -> tuple[Counts, Counts]:
    """Of the 2^seeds subset sums of `rows` [row, seed] minus `centre` [row]: how many are not above 0, and not below.

    Counts [row], the empty set among them; a sum that is 0 but for rounding is neither above nor below.
    """
    tie = TIE * np.maximum(np.abs(rows).max(axis=1), np.abs(centre))
    if rows.shape[1] <= FEW:
        sums = _subset_sums(rows - centre[:, None])
        return np.count_nonzero(sums <= tie[:, None], axis=1), np.count_nonzero(sums >= -tie[:, None], axis=1)
    counts = np.empty((len(rows), 2), np.int64)
    for place, (row, c, t) in enumerate(zip(rows, centre, tie, strict=True)):
        first, second = _sorted_halves(row - c)
        counts[place, 0] = second.searchsorted(first + t, "right").sum()
        counts[place, 1] = len(first) * len(second) - second.searchsorted(first - t, "left").sum()
    return counts[:, 0], counts[:, 1]


def _sorted_halves(row: Floats) -> tuple[Floats, Floats]:
    """Subset sums of the first half of `row` with their signs changed, and those of the second, each in order.

    A pair adds up to 0 or less where the second is at most the first; a search for rising values is the fastest.
    """
    half = (len(row) + 1) // 2
    return np.sort(_subset_sums(-row[None, :half])[0]), np.sort(_subset_sums(row[None, half:])[0])


def _subset_sums(rows: Floats) -> Floats:
    """The sum over every set of columns, the empty one first: [row, column] to [row, 2^columns]."""
    sums = np.zeros((len(rows), 2 ** rows.shape[1]))
    for column in range(rows.shape[1]):  # the sets with this column as the highest are those before, with it added
        size = 2**column
        np.add(sums[:, :size], rows[:, column, None], out=sums[:, size : 2 * size])
    return sums


def _lower_limits(rows: Floats, rank: int) -> Floats:
    """The smallest centre [row] at which more than `rank` subset sums of `rows` [row, seed] are not above 0."""
    if rows.shape[1] > FEW:
        return np.array([_lower_limit(row, rank) for row in rows])
    sizes = np.bitwise_count(np.arange(1, 2 ** rows.shape[1]))
    tie = TIE * np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.partition((_subset_sums(rows)[:, 1:] - tie) / sizes, rank - 1, axis=1)[:, rank - 1])


def _lower_limit(row: Floats, rank: int) -> float:
    """The same for one `row` [seed], by bisection, to `EXACT`.

    Where to cut is guessed while it helps: the normal quantile of the p-value is nearly a straight line over the
    centre. Guesses aim a little beside the limit, so that both ends draw near.
    """
    flips, largest = 2 ** len(row), float(np.abs(row).max())
    low, high = float(row.min()) - 4 * TIE * largest, float(row.max())
    at_low, at_high, side = 1, flips, 1
    within = [math.inf, math.inf, flips]  # how many sets were left to decide, step by step
    while high - low > EXACT * largest:
        aim = rank + 0.5 + side * 0.02 * (at_high - at_low)
        left, wanted, right = ndtri((np.clip([at_low, aim, at_high], at_low, at_high) - 0.5) / flips)
        halve = at_high - at_low < 8 or within[-1] > within[-3] / 4
        guess = low + (high - low) * (0.5 if halve else float((wanted - left) / (right - left)))
        first, second = _sorted_halves(row - guess)
        count = int(second.searchsorted(first + TIE * largest, "right").sum())
        if count > rank:
            high, at_high, side = guess, count, -1
        else:
            low, at_low, side = guess, count, 1
        within.append(at_high - at_low)
    return high


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
