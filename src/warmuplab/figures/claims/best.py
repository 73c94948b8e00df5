"""The best peak rate of an arm, chosen for each seed by the others, as the first generation of claims compared arms."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from warmuplab.claims.statistics import TIE, Floats


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


def chosen_by_others(loss: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """For each seed the `loss` [seed, option] at the option that is best on the other seeds, and that option.

    A seed of which an option is missing is null and chooses for no other.
    """
    complete = ~np.isnan(loss).any(axis=1)
    values, chosen = np.full(len(loss), np.nan), np.zeros(len(loss), np.intp)
    table = loss[complete]
    if len(table) >= 2:
        chosen[complete] = best_on_others(table)
        values[complete] = table[np.arange(len(table)), chosen[complete]]
    return values, chosen
