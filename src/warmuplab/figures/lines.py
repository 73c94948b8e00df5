"""Lines of one panel: every run thin, what its arm does on average bold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from warmuplab.series.thinning import evenly_spaced, kept_positions

MOST_POINTS = 300  # of a bold line, more than its pixels: as vectors each would be written out

MOST_DRAWN = 100  # runs of an arm that are drawn: more only cover each other, and take minutes

Drawn = TypeVar("Drawn")

Series = tuple[NDArray[np.integer], NDArray[np.floating]]
"""Steps in order, and the value at each."""


@dataclass(frozen=True)
class Line:
    """The runs of an arm in one colour."""

    colour: str
    runs: list[Series]
    diverged: list[tuple[float, float]]
    """Where the series of diverged runs end."""


def draw_lines(panel: Axes, lines: Sequence[Line], window: int = 1, rasterized: bool = False) -> None:
    """Each run thin, their running mean over `window` steps bold, a cross where a run diverged.

    Thin lines of all colours lie below the bold ones: runs that do the same would otherwise hide each other. Of an arm
    with very many runs some are drawn thin; the mean is of all.
    """
    for line in lines:
        if len(line.runs) > 1 or window > 1:
            for steps, values in some_of(line.runs):
                panel.plot(steps, values, color=line.colour, linewidth=0.6, alpha=0.45, zorder=2, rasterized=rasterized)
    for line in lines:
        if line.runs:
            steps, values = running_mean(mean_curve(line.runs), window)
            drawn = kept_positions(values, MOST_POINTS, MOST_POINTS)
            panel.plot(steps[drawn], values[drawn], color=line.colour, linewidth=1.5, zorder=3)
        for end in some_of(line.diverged):
            panel.plot(*end, "X", color=line.colour, markersize=7, markeredgecolor="white", clip_on=False, zorder=5)


def draw_dots(panel: Axes, lines: Sequence[Line]) -> None:
    """Every measurement of every run as a dot, of an arm with very many runs those of some."""
    for line in lines:
        for steps, values in some_of(line.runs):
            panel.plot(steps, values, "o", color=line.colour, markersize=2.6, alpha=0.7, markeredgewidth=0, zorder=4)


def some_of(items: Sequence[Drawn]) -> list[Drawn]:
    """At most `MOST_DRAWN` of them, evenly spaced."""
    return [items[place] for place in evenly_spaced(len(items), MOST_DRAWN)]


def mean_curve(series: Sequence[Series]) -> Series:
    """The mean of several series, over the steps that all of them span.

    Thinned series have steps of their own; in between they are taken as straight.
    """
    first = max(steps[0] for steps, _ in series)
    last = min(steps[-1] for steps, _ in series)
    union = np.unique(np.concatenate([steps for steps, _ in series]))
    common = union[(union >= first) & (union <= last)]
    return common, np.mean([np.interp(common, steps, values) for steps, values in series], axis=0)


def running_mean(series: Series, window: int) -> Series:
    """At every step the mean over the `window` steps around it; near an end over as many as there are on both sides.

    An even `window` counts as the next smaller odd one, so that the mean is centred.
    """
    steps, values = series
    if window < 3 or len(steps) < 3:
        return series
    every = np.arange(steps[0], steps[-1] + 1)
    total = np.concatenate([[0.0], np.cumsum(np.interp(every, steps, values))])
    place = np.arange(len(every))
    half = np.minimum((window - 1) // 2, np.minimum(place, place[::-1]))
    return every, (total[place + half + 1] - total[place - half]) / (2 * half + 1)
