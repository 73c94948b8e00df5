"""Fixed held-out levels: when a run reaches them, and what a series comes to until then.

Runs that learn at different speeds are compared at the same held-out loss instead of the same step. The levels lie
`LEVELS` nats below the corpus's unigram entropy, the loss of a model that knows word frequencies only; what lies above
that is not yet learning, and a stuck run stays at it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEVELS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # nats below the unigram entropy

Floats = NDArray[np.float64]


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


def value_at(series: "pd.Series[float]", step: float) -> float | None:
    """A series at a step, linear between measurements; None outside of them."""
    measured = series.dropna()
    if measured.empty or not measured.index[0] <= step <= measured.index[-1]:
        return None
    return float(np.interp(step, measured.index.to_numpy(dtype=np.float64), measured.to_numpy()))


def sum_until(series: "pd.Series[float]", stop: float) -> float | None:
    """The sum of a per-step quantity over the steps before `stop`, which may have a fraction; None where unmeasured.

    A measurement stands for its step and those up to the next measurement, so the sum is exact where every step is
    measured, and an estimate where every sixteenth is.
    """
    measured = series.dropna()
    if measured.empty or measured.index[0] > 0:
        return None
    starts = measured.index.to_numpy(dtype=np.float64)
    ends = np.append(starts[1:], max(stop, starts[-1]))
    spans: Floats = np.clip(np.minimum(ends, stop) - starts, 0.0, None)
    return float((measured.to_numpy() * spans).sum())
