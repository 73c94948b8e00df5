"""How much harder the batches of a group are than others, from one loss series alone.

Length buckets differ: the loss on long sentences lies up to two nats above that on short ones, which hides most jumps.
An untrained model finds all batches equally hard; the differences grow while it learns. So what the batch of a step is
harder by is a constant of its group times an amplitude that changes slowly, both estimated robustly from the series.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FEWEST_VISITS = 3  # of a group, below which nothing is known of it
TREND = 8  # steps to either side whose median is the trend
AMPLITUDE = 24  # steps to either side that tell the amplitude; fewer in the first steps, where it grows fast
FEWEST_AMPLITUDE = 6
STRIDE = 4  # steps from one amplitude to the next; between them it is interpolated
LARGEST_AMPLITUDE = 3.0
ROUNDS = 3  # of trend, constants and amplitude in turn
UNSURE = 0.3  # of what a group is harder by: how well that is known


def difficulty(loss: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats]:
    """What the batch of each step of `loss` [T] is harder by than others, and how far that may be off, in nats, `[T]`.

    `groups` [T] are whole numbers. A group with fewer than three finite losses is taken to be as hard as the others.
    Raises `ValueError` where the two have not one shape.
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    group_T = np.asarray(groups)
    if group_T.shape != loss_T.shape:
        raise ValueError(f"groups must have the shape {loss_T.shape} of the loss, not {group_T.shape}")
    finite_T = np.isfinite(loss_T)
    harder_T, unsure_T = np.zeros((2, len(loss_T)))
    if not finite_T.any():
        return harder_T, unsure_T
    number_n = np.unique(group_T[finite_T], return_inverse=True)[1]
    harder_T[finite_T], unsure_T[finite_T] = _of_finite(loss_T[finite_T], number_n)
    return harder_T, unsure_T


def _of_finite(loss_n: Floats, group_n: NDArray[np.int64]) -> tuple[Floats, Floats]:
    harder_n = constant_n = np.zeros(len(loss_n))
    for _ in range(ROUNDS):
        residual_n = loss_n - _running_median(loss_n - harder_n)
        constant_n = _medians_of_others(residual_n, group_n)
        harder_n = constant_n * _amplitudes(residual_n, constant_n)
    return harder_n, UNSURE * np.abs(constant_n)


def _running_median(values_n: Floats) -> Floats:
    padded = np.pad(values_n, TREND, constant_values=np.nan)
    medians: Floats = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 2 * TREND + 1), axis=1)
    return medians


def _medians_of_others(residual_n: Floats, group_n: NDArray[np.int64]) -> Floats:
    """For every step the median residual of the other steps of its group; 0 in a group that comes too rarely.

    Of the others, since a median that the step itself is part of would take a share of its own noise out.
    """
    medians = np.zeros(len(residual_n))
    for group in range(group_n.max() + 1):
        steps = np.flatnonzero(group_n == group)
        others = len(steps) - 1
        if len(steps) < FEWEST_VISITS:
            continue
        order = np.argsort(residual_n[steps], kind="stable")
        ordered, rank = residual_n[steps][order], np.argsort(order)
        middle = [ordered[place + (rank <= place)] for place in ((others - 1) // 2, others // 2)]
        medians[steps] = (middle[0] + middle[1]) / 2
    return medians


def _amplitudes(residual_n: Floats, constant_n: Floats) -> Floats:
    """For every step the slope of the residuals on the constants around it: the median of their ratios, by weight."""
    weight_n = np.abs(constant_n)
    ratio_n = np.divide(residual_n, constant_n, out=np.zeros_like(weight_n), where=weight_n > 0)
    steps = np.arange(0, len(residual_n), STRIDE)
    slopes = np.zeros(len(steps))
    for place, step in enumerate(steps.tolist()):
        reach = int(np.clip(step // 2, FEWEST_AMPLITUDE, AMPLITUDE))
        around = slice(max(0, step - reach), step + reach + 1)
        order = np.argsort(ratio_n[around])
        so_far = weight_n[around][order].cumsum()
        slopes[place] = ratio_n[around][order[np.searchsorted(so_far, so_far[-1] / 2)]]
    return np.interp(np.arange(len(residual_n)), steps, np.clip(slopes, 0.0, LARGEST_AMPLITUDE))
