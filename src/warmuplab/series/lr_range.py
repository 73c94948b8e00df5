"""What a learning rate range test says: a ramp of the learning rate, read off the loss on a fixed held-out batch.

Three rates are read, each for every seed by itself:

* *jitter sets in*: from here on many steps raise the loss, where before hardly one did. This is the suggested peak.
  Smith 2017 (Cyclical Learning Rates for Training Neural Networks, section 3.3) takes as the largest rate the one at
  which the accuracy gets ragged, among other signs; which statistic tells that is a choice made here.
* *the loss falls fastest*: the steepest slope over the logarithm of the rate, as `steep` of fastai's `lr_find` has it.
* *the loss begins to rise*: its lowest point, as `minimum` of `lr_find`, which suggests a tenth of that rate.

Why not `jitter.jitter_onset`? On the training loss it sees how length buckets differ in difficulty, which grows from
the first thing learned: on the default network it named 1e-4 with three seeds of five and nothing with the others, a
twentieth of what trains best. On a fixed batch that noise is gone, but then the fluctuation grows in proportion to the
rate from the start, and again it named 1e-4. Whether a step raises the loss has no scale that a ramp could change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter
from scipy.special import xlog1py, xlogy

from warmuplab.base.portions import whole_portion

Floats = NDArray[np.float64]
End = Literal["first", "last"]

WINDOW = 24  # steps over which the share of rises is shown, and that jitter must last
OFTEN = 0.25  # of the steps after the onset: jitter is at least as many rises; a spike in the last steps has fewer
EVIDENCE = 8.0  # nats of likelihood by which two shares must explain the rises better than one
SMOOTHED_SHARE = 0.1  # of the ramp: the window over which the loss is smoothed
FEWEST = 5  # steps of that window
DESPIKED = 9  # steps: the median of as many is blind to a spike of four


@dataclass(frozen=True)
class Reading:
    """Learning rates read off the ramp of one seed; `None` where there is nothing to read."""

    jitter: float | None
    """Where jitter sets in."""
    steepest_fall: float | None
    """Where the loss falls fastest."""
    rise: float | None
    """Where the loss begins to rise."""
    diverged: float | None
    """Where the loss was not finite any more."""
    edge: End | None
    """Which end of the search the likeliest onset lies at, if any. Jitter may set in beyond, so `jitter` is `None`."""
    edge_lr: float | None
    """The learning rate at that end."""


@dataclass(frozen=True)
class Onset:
    """The likeliest step for jitter to set in."""

    step: int
    edge: End | None
    """Whether it is the first or the last step that the search tries: then it may lie beyond."""


@dataclass(frozen=True)
class Spread:
    """A rate over the seeds: how many of them have it, and their median, smallest and largest.

    A seed that has none counts as above all others, or below them where its rate is known to be lower; the median is
    `None` where it would fall among those.
    """

    median: float | None
    low: float | None
    high: float | None
    found: int
    seeds: int


def read(loss: ArrayLike, learning_rate: ArrayLike) -> Reading:
    """Read a ramp: `loss` [T] in nats before each step, and the `learning_rate` [T] of that step.

    The series ends at the first loss that is not finite. Raises `ValueError` where the two differ in length.
    """
    loss_T, lr_T = np.asarray(loss, np.float64), np.asarray(learning_rate, np.float64)
    if loss_T.ndim != 1 or loss_T.shape != lr_T.shape:
        raise ValueError(f"loss {loss_T.shape} and learning_rate {lr_T.shape} must be series of one length")
    loss_T = until_diverged(loss_T)
    onset = onset_of_rises(loss_T)
    likeliest, edge = (None, None) if onset is None else (onset.step, onset.edge)

    def rate_at(step: int | None) -> float | None:
        return None if step is None else float(lr_T[step])

    return Reading(
        jitter=rate_at(likeliest) if edge is None else None,
        steepest_fall=rate_at(steepest_fall(loss_T)),
        rise=rate_at(start_of_rise(loss_T)),
        diverged=rate_at(len(loss_T)) if len(loss_T) < len(lr_T) else None,
        edge=edge,
        edge_lr=None if edge is None else rate_at(likeliest),
    )


def until_diverged(loss_T: Floats) -> Floats:
    """The losses before the first that is not finite."""
    finite = np.isfinite(loss_T)
    return loss_T if finite.all() else loss_T[: int(finite.argmin())]


def share_of_rises(loss_T: Floats) -> Floats:
    """Which share of the last 24 steps raised the loss, [T]; NaN before there are as many.

    The value at a step counts what that step did, from its own loss to the next; the last step is not known.
    """
    share_T = np.full(len(loss_T), np.nan)
    rises = np.diff(loss_T) > 0
    if len(rises) >= WINDOW:
        share_T[WINDOW - 1 : -1] = sliding_window_view(rises, WINDOW).mean(axis=1)
    return share_T


def onset_of_rises(loss_T: Floats) -> Onset | None:
    """The step from which on many steps raise the loss, where before fewer did; `None` where there is no such step.

    The share of steps that raise the loss is taken to change once: the step that makes the rises likeliest is the onset
    (the maximum-likelihood change point of a Bernoulli series; Hinkley and Hinkley 1970, Inference about the
    change-point in a sequence of binomial variables). It counts if one rise in four steps follows, over at least 24 of
    them, and if two shares explain the rises better than one by 8 nats of likelihood. Where the likeliest step is the
    first or the last that leaves so many, the change may lie beyond, and `edge` says so.

    Limits, measured: where the share grows from 0 or 3 % to 45 %, 1 % of onsets are missed and 95 % of those found are
    within 8 steps; 1 of 1,000 series whose share does not change has one. Jitter from the first steps on has none.
    """
    rises = (np.diff(loss_T) > 0).astype(np.int64)
    last = len(rises) - WINDOW
    if last < 1:
        return None
    before = np.arange(1, last + 1)
    after = len(rises) - before
    rises_before = np.cumsum(rises)[:last]
    rises_after = rises.sum() - rises_before
    gain = _log_likelihood(rises_before, before) + _log_likelihood(rises_after, after)
    gain -= _log_likelihood(rises.sum(), np.array(len(rises)))
    gain[rises_after / after < np.maximum(rises_before / before, OFTEN)] = -np.inf
    step = int(before[gain.argmax()])
    if gain.max() < EVIDENCE:
        return None
    return Onset(step, "last" if step == last else "first" if step == 1 else None)


def steepest_fall(loss_T: Floats) -> int | None:
    """The step about which the loss falls fastest; `None` where it never falls.

    The slope is that of a line fitted to a tenth of the ramp around a step. A ramp has as many steps in every decade,
    so that the slope per step is that over the logarithm of the rate.
    """
    window = _window(len(loss_T))
    if len(loss_T) < window:
        return None
    slope = sliding_window_view(loss_T, window) @ (np.arange(window) - window // 2)
    lowest = int(slope.argmin())
    return lowest + window // 2 if slope[lowest] < 0 else None


def start_of_rise(loss_T: Floats) -> int | None:
    """The step about which the loss is lowest; `None` where that is at an end of the ramp.

    The loss is the mean over a tenth of the ramp around a step, taken of medians of 9: a spike alone does not move it.
    """
    window = _window(len(loss_T))
    if len(loss_T) < window:
        return None
    despiked_T = median_filter(loss_T, DESPIKED, mode="nearest")
    level = sliding_window_view(despiked_T, window).mean(axis=1)
    lowest = int(level.argmin())
    return lowest + window // 2 if 0 < lowest < len(level) - 1 else None


def spread(rates: Sequence[float | None], below: int = 0) -> Spread:
    """Median and range of a rate over seeds. Some may have none: of these, `below` are known to have a lower one."""
    found = sorted(rate for rate in rates if rate is not None)
    if not found:
        return Spread(None, None, None, 0, len(rates))
    ranked = [*[0.0] * below, *found, *[np.inf] * (len(rates) - len(found) - below)]
    middle = (ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2])
    known = all(0 < rate < np.inf for rate in middle)
    median = float(np.sqrt(middle[0] * middle[1])) if known else None  # rates are compared by their ratio
    return Spread(median, found[0], found[-1], len(found), len(rates))


def _log_likelihood(rises: NDArray[np.integer], steps: NDArray[np.integer]) -> Floats:
    """Of as many rises among as many steps, each with the probability that suits them best."""
    share = rises / steps
    likelihood: Floats = xlogy(rises, share) + xlog1py(steps - rises, -share)
    return likelihood


def _window(steps: int) -> int:
    half = whole_portion(SMOOTHED_SHARE, steps) // 2
    return max(2 * half + 1, FEWEST)
