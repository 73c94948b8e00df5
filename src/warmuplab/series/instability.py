"""Instability: how far the loss on one fixed batch rises above the lowest value it had so far.

The batch is the same at every step, so there is no noise of batches in it and no detector is needed: what the loss
rises by had been learned before and is lost until training has pulled it back. The running minimum as the reference is
that of the loss ratio of Li et al. 2022 (The Stability-Efficiency Dilemma, section 3); here the two are subtracted and
not divided, as a difference of losses is a ratio of likelihoods.

An excursion is an *episode* where it gets `EPISODE_SHARE` of the corpus's unigram entropy above the minimum: a
twentieth of the loss of a model that knows word frequencies only, 0.30 nats on the embedded corpus. Li et al. count
steps from a ratio of 1.2 on, of a training loss with all its noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

EPISODE_SHARE = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """One excursion of the loss above its running minimum; steps are 0-based."""

    start: int
    """First step at which the excess is above the threshold."""
    peak: int
    """Step of the largest excess."""
    height: float
    """The excess there, in nats."""
    back_after: int | None
    """Steps from `start` until the loss is at its earlier minimum again, as far as measured; None: never."""


def excess(loss: ArrayLike) -> Floats:
    """How far each value of `loss` [T], in nats, lies above the lowest one up to it, `[T]`; NaN where it is NaN."""
    loss_T = np.asarray(loss, dtype=np.float64)
    above_T: Floats = loss_T - np.fmin.accumulate(loss_T)
    return above_T


def threshold(unigram_entropy: float) -> float:
    """The excess in nats from which on an excursion is an episode, for a corpus of that entropy."""
    return EPISODE_SHARE * unigram_entropy


def episodes(loss: ArrayLike, least: float, before: int | None = None) -> list[Episode]:
    """The excursions of `loss` [T] by more than `least` nats, in order.

    Values that are not finite were not measured. With `before`, those alone that start before that step; when they are
    over may be later.
    """
    excess_T = excess(np.where(np.isfinite(loss), loss, np.nan))
    steps = np.flatnonzero(~np.isnan(excess_T))
    above_n = excess_T[steps]
    outside = np.flatnonzero(above_n == 0)  # at the minimum: between two of them lies an excursion
    found = []
    for first, end in pairwise([*outside, len(steps)]):
        high = first + np.flatnonzero(above_n[first:end] > least)
        if not len(high) or (before is not None and steps[high[0]] >= before):
            continue
        start, peak = int(steps[high[0]]), first + int(above_n[first:end].argmax())
        back = None if end == len(steps) else int(steps[end]) - start
        found.append(Episode(start, int(steps[peak]), float(above_n[peak]), back))
    return found


def instability_summary(
    loss: ArrayLike, early_steps: int, unigram_entropy: float, found: Sequence[Episode] | None = None
) -> dict[str, float | None]:
    """How unstable a run was in its first `early_steps`, from its loss [T] on a fixed batch; `found` are its episodes.

    * `spike/max_rise`: the largest excess over the running minimum, in nats;
    * `spike/lost`: the sum of that excess over the steps, in nat-steps: what had to be pulled back;
    * `spike/episodes`: how many excursions were larger than the threshold of the corpus;
    * `spike/episode_steps`: the longest of them, in steps until the loss was back at its minimum, None without one. One
      that never was back counts until the last measurement, so it is a lower bound.

    All None where a step of the window was not measured, as after a divergence nothing is.
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    early = excess(loss_T[:early_steps])
    if not len(early) or np.isnan(early).any():
        return dict.fromkeys(("spike/max_rise", "spike/lost", "spike/episodes", "spike/episode_steps"))
    of_run = episodes(loss_T, threshold(unigram_entropy), early_steps) if found is None else found
    last = int(np.flatnonzero(np.isfinite(loss_T))[-1])
    lengths = [last - each.start if each.back_after is None else each.back_after for each in of_run]
    return {
        "spike/max_rise": float(early.max()),
        "spike/lost": float(early.sum()),
        "spike/episodes": len(of_run),
        "spike/episode_steps": max(lengths, default=None),
    }
