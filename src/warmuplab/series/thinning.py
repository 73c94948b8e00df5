"""Fewer points of a series, and every extreme of it kept."""

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
    bins = max(1, kept // 2)
    bin_of = np.arange(count) * bins // count
    by_value_in_bins = np.lexsort((series, bin_of))
    firsts = np.searchsorted(bin_of, np.arange(bins))  # bin_of is sorted, so a bin is a stretch of that permutation
    lasts = np.append(firsts[1:], count) - 1
    extremes = [by_value_in_bins[firsts], by_value_in_bins[lasts]]
    return np.unique(np.concatenate([*extremes, [0, count - 1], np.asarray(always, dtype=np.intp)]))
