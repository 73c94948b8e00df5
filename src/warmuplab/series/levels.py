"""Fixed held-out levels: when a run reaches them, and what a series comes to until then.

Runs that learn at different speeds are compared at the same held-out loss instead of the same step. The levels lie
`LEVELS` nats below the corpus's unigram entropy, the loss of a model that knows word frequencies only; what lies above
that is not yet learning, and a stuck run stays at it.
"""

import math

import numpy as np
import pandas as pd

LEVELS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # nats below the unigram entropy


def name_of(level: float) -> str:
    """How summary values name a level: `1_below`."""
    return f"{level:g}_below"


def crossing(loss: "pd.Series[float]", level: float) -> float | None:
    """The step, with a fraction, at which `loss` first gets below `level`; None where it never does.

    `loss` has a value per step, null where it was not measured. It is below once two measurements in a row are at or
    below `level` (a single dip is noise), or the last one is; the step is interpolated between the first of them and
    the measurement before.
    """
    measured = loss.dropna()
    steps, losses = measured.index.to_numpy(dtype=np.float64), measured.to_numpy(dtype=np.float64)
    below = losses <= level
    stays = below & np.append(below[1:], True)
    if not stays.any():
        return None
    first = int(stays.argmax())
    if first == 0:
        return float(steps[0])
    share = (losses[first - 1] - level) / (losses[first - 1] - losses[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def crossings(loss: "pd.Series[float]", unigram_entropy: float) -> dict[str, float | None]:
    """By the name of each of `LEVELS` the step at which `loss` first gets below it, see `crossing`."""
    return {name_of(level): crossing(loss, unigram_entropy - level) for level in LEVELS}


def value_at(series: "pd.Series[float]", step: float) -> float | None:
    """A series at a step, linear between measurements; None outside of them."""
    measured = series.dropna()
    if measured.empty or not measured.index[0] <= step <= measured.index[-1]:
        return None
    return float(np.interp(step, measured.index.to_numpy(dtype=np.float64), measured.to_numpy()))


def sum_until(series: "pd.Series[float]", stop: float) -> float | None:
    """The sum of a per-step quantity over the steps before `stop`, of which the last may count in part.

    None where one of these steps was not measured: a measurement stands for its own step only. `series` is indexed by
    step.
    """
    values = series.reindex(range(max(1, math.ceil(stop)))).to_numpy(dtype=np.float64)
    if np.isnan(values).any():
        return None
    return float((values * np.clip(stop - np.arange(len(values)), 0.0, 1.0)).sum())


def log_value_at(series: "pd.Series[float]", step: float) -> float | None:
    """The natural logarithm of a series at a step, linear in it between the measurements on either side.

    None outside of the measurements, and where one of these two is not above 0. `series` is indexed by step.
    """
    measured = series.dropna().astype(np.float64)
    steps = measured.index.to_numpy(dtype=np.float64)
    beside = measured.iloc[np.searchsorted(steps, step, "right") - 1 : np.searchsorted(steps, step) + 1]
    if (beside <= 0).any():
        return None
    return value_at(beside.map(math.log), step)


def logarithm(value: float | None) -> float | None:
    """The natural logarithm; None of nothing, and of what is not above 0."""
    return None if value is None or value <= 0 else math.log(value)


def time_average(series: "pd.Series[float]") -> float | None:
    """The mean over the time from the first to the last measurement, by the trapezoid rule; None without any.

    Unlike their mean it does not depend on how densely the steps were measured. `series` is indexed by step.
    """
    measured = series.dropna()
    if len(measured) < 2:
        return None if measured.empty else float(measured.iloc[0])
    steps = measured.index.to_numpy(dtype=np.float64)
    return float(np.trapezoid(measured.to_numpy(dtype=np.float64), steps) / (steps[-1] - steps[0]))
