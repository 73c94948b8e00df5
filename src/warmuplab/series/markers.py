"""Markers: series with a value at the steps of episodes and spikes alone, made of those where a run is published.

A record lists its episodes and spikes in `summary.json` and has no such columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from warmuplab.series.catalogue import NATS, Metric
from warmuplab.series.instability import Episode
from warmuplab.series.spikes import Spike

EPISODE, EPISODE_START, SPIKE = "spike/episode", "spike/episode_start", "spike/height"

_MARKERS = (
    Metric(
        EPISODE,
        "Height of an episode",
        NATS,
        "at the peak of each episode of the held-out loss: its height above the lowest loss so far; elsewhere nothing",
    ),
    Metric(EPISODE_START, "Start of an episode", "", "at the first step of each episode: its number, from 1 on"),
    Metric(
        SPIKE,
        "Height of a spike",
        NATS,
        "at the peak of each spike of the training loss: its height above the trend; elsewhere nothing",
    ),
)
MARKERS = {metric.name: metric for metric in _MARKERS}


def markers(steps: int, episodes: Sequence[Episode], spikes: Sequence[Spike]) -> dict[str, NDArray[np.float64]]:
    """The markers of a run of so many `steps`, `[T]` each, not a number where nothing is marked.

    Those that would mark nothing are left out.
    """
    places = {
        EPISODE: {episode.peak: episode.height for episode in episodes},
        EPISODE_START: {episode.start: float(number) for number, episode in enumerate(episodes, 1)},
        SPIKE: {spike.peak: spike.height for spike in spikes},
    }
    return {name: _series(steps, marked) for name, marked in places.items() if marked}


def _series(steps: int, marked: dict[int, float]) -> NDArray[np.float64]:
    series_T = np.full(steps, np.nan)
    series_T[list(marked)] = list(marked.values())
    return series_T
