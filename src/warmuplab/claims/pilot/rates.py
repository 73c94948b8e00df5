"""The rules for rates: the largest at which all tuning seeds train, the fixed rate well below it, and the best one.

Each is a pure function of what the runs of one arm ended with, by seed and rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from warmuplab.base.words import listed, number, plural, rate_label
from warmuplab.claims.statistics import Floats

STEP = 2**0.5  # between two rates of the grid, about
CLOSE = 1.01  # rates are rounded to three digits


@dataclass(frozen=True)
class Choice:
    """A choice that a rule made from the pilot's runs."""

    name: str
    """What is chosen: `fixed rate`."""
    of: str
    """For which network and arm: `post-LN, no warmup`."""
    value: float | None
    """None where the runs allow no choice."""
    unit: str
    sentence: str
    """The choice with the numbers that it follows from."""
    refused: str = ""
    """Why it must not be registered as it is; empty where nothing speaks against it."""


def largest_trained(of: str, rates: Sequence[float], trained_SxR: Floats) -> Choice:
    """The largest of the rising `rates` at which every seed trained; `trained_SxR` is 1 or 0, null if missing."""
    if np.isnan(trained_SxR).any():
        return _missing("largest rate at which all train", of, trained_SxR)
    seeds = len(trained_SxR)
    all_train: NDArray[np.bool_] = np.asarray(trained_SxR.all(axis=0))
    if not all_train.any():
        said = f"{of}: at no rate of the grid from {rate_label(rates[0])} on do all {plural(seeds, 'seed')} train."
        return Choice("largest rate at which all train", of, None, "", said, "begin the grid at lower rates")
    place = int(np.flatnonzero(all_train)[-1])
    above = (
        "the grid ends there, so it may lie higher"
        if place == len(rates) - 1
        else f"at {rate_label(rates[place + 1])} {int(trained_SxR[:, place + 1].sum())} of {seeds} do"
    )
    holes = [rate_label(rate) for rate, good in zip(rates[:place], all_train[:place], strict=True) if not good]
    said = f"{of}: the largest rate at which all {plural(seeds, 'seed')} train is {rate_label(rates[place])}; {above}."
    refused = f"at {listed(holes)}, below it, not all seeds train" if holes else ""
    return Choice("largest rate at which all train", of, rates[place], "", said, refused)


def fixed_rate(of: str, rates: Sequence[float], trained_SxR: Floats) -> Choice:
    """The rate of the grid at or below half the largest one at which all seeds train.

    Refused where it lies on a cliff: at a neighbour on the grid, within a factor of `STEP`, some seed does not train.
    """
    largest = largest_trained(of, rates, trained_SxR).value
    if largest is None:
        return _missing("fixed rate", of, trained_SxR)
    below = [place for place, rate in enumerate(rates) if rate <= largest / 2 * CLOSE]
    if not below:
        said = f"{of}: no rate of the grid is at most half of {rate_label(largest)}."
        return Choice("fixed rate", of, None, "", said, "begin the grid at lower rates")
    place = below[-1]
    refused = on_a_cliff(rates, trained_SxR, place)
    said = f"{of}: fixed at {rate_label(rates[place])}, the rate at or below half of {rate_label(largest)}."
    return Choice("fixed rate", of, rates[place], "", said, refused)


def best_rate(of: str, rates: Sequence[float], loss_SxR: Floats, trained_SxR: Floats) -> Choice:
    """The rate with the lowest mean final loss over seeds, in nats; a stuck run counts at the unigram entropy.

    Refused where it is an end of the grid, as the best may lie beyond, and where it lies on a cliff.
    """
    if np.isnan(loss_SxR).any():
        return _missing("best rate", of, loss_SxR)
    mean_R = loss_SxR.mean(axis=0)
    place = int(mean_R.argmin())
    beside = [other for other in (place - 1, place + 1) if 0 <= other < len(rates)]
    near = listed(f"{number(mean_R[other], 3)} at {rate_label(rates[other])}" for other in beside)
    lowest = f"the lowest mean final loss, {number(mean_R[place], 3)} nats, is that at {rate_label(rates[place])}"
    at_end = f"{rate_label(rates[place])} is an end of the grid, the best may lie beyond" if len(beside) < 2 else ""
    refused = "; ".join(filter(None, [at_end, on_a_cliff(rates, trained_SxR, place)]))
    return Choice("best rate", of, rates[place], "", f"{of}: {lowest} ({near}).", refused)


def on_a_cliff(rates: Sequence[float], trained_SxR: Floats, place: int) -> str:
    """At which rates within a factor of `STEP` of one of the grid some seed does not train; empty for none."""
    stuck = [
        f"at {rate_label(rate)} only {int(trained_R.sum())} of {len(trained_R)} seeds train"
        for rate, trained_R in zip(rates, np.transpose(trained_SxR), strict=True)
        if _near(rate, rates[place]) and not trained_R.all()
    ]
    return f"on a cliff: {listed(stuck)}" if stuck else ""


def at_or_below(rates: Sequence[float], wanted: float) -> float:
    """The largest of the `rates` that is at most `wanted`; the smallest where none is."""
    return max((rate for rate in rates if rate <= wanted * CLOSE), default=min(rates))


def _near(rate: float, other: float) -> bool:
    return max(rate, other) / min(rate, other) <= STEP * CLOSE


def _missing(name: str, of: str, table_SxR: NDArray[np.float64]) -> Choice:
    absent = int(np.isnan(table_SxR).sum())
    what = plural(absent, "run") + (" is missing" if absent == 1 else " are missing") if absent else "nothing to choose"
    return Choice(name, of, None, "", f"{of}: no {name}, {what}.", what)
