"""Fewer points of a series, and every extreme of it kept."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNTHINNED = 500  # measurements: a series no longer than this is kept whole
KEPT = 400  # measurements that are about left of a longer one


def kept_positions(
    values: ArrayLike, unthinned: int = UNTHINNED, kept: int = KEPT, always: ArrayLike = ()
) -> NDArray[np.intp]:
    """Positions of the measurements to keep of the finite `values` [n], in order.

    A series longer than `unthinned` is cut into `kept / 2` bins of equal length, of which the smallest and the
    largest value stay, so that no spike disappears and none is made up; the first and the last value stay as well, and
    so do the positions `always`.
    """
    series = np.asarray(values)
    count = len(series)
    if count <= unthinned:
        return np.arange(count)
    bin_of, firsts, lasts = _bins(count, max(1, kept // 2))
    by_value_in_bins = np.lexsort((series, bin_of))
    extremes = [by_value_in_bins[firsts], by_value_in_bins[lasts]]
    return np.unique(np.concatenate([*extremes, [0, count - 1], np.asarray(always, dtype=np.intp)]))


def evenly_spaced(count: int, most: int) -> NDArray[np.intp]:
    """Positions of at most `most` of `count` things, from the first to the last."""
    return np.unique(np.linspace(0, max(0, count - 1), min(count, most)).round().astype(np.intp))


@lru_cache(maxsize=256)
def _bins(count: int, bins: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The bin of each of `count` measurements, and the first and the last one of each bin."""
    bin_of = np.arange(count) * bins // count
    firsts = np.searchsorted(bin_of, np.arange(bins))  # bin_of is sorted, so a bin is a stretch
    return bin_of, firsts, np.append(firsts[1:], count) - 1
