"""Jitter: how much the loss fluctuates from step to step, and from which step and learning rate on it does so more."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

WINDOW = 24  # steps
PARAMETERS = 3  # of the parabola that takes the trend out: a line would count the bend of an early fall as jitter
FACTOR = 2.5  # baselines: jitter this large has left its baseline
CALM = 1.4  # baselines: jitter this small is still at it; the spread of 24 values is uncertain by 15 %
HOLD = 2 * WINDOW  # steps; a single spike raises the jitter for little more than one window


@dataclass(frozen=True)
class Onset:
    """Where the jitter leaves its baseline: its 0-based `step` and the learning rate there (`None` if not given).

    `baseline` is the jitter that it leaves, in nats.
    """

    step: int
    learning_rate: float | None
    baseline: float


def local_jitter(loss: ArrayLike) -> Floats:
    """Standard deviation (nats) of the trend-free loss in a sliding window: `loss` [T] to float64 [T].

    The value at a step is the residual standard deviation of a parabola fitted to the last 24 values, that step
    included (21 degrees of freedom: an unbiased variance for white noise on a smooth trend). NaN in the first 23 steps
    and wherever the window holds a value that is not finite. A spike counts as jitter while it is inside the window.
    Raises `ValueError` when `loss` is not one series.
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    if loss_T.ndim != 1:
        raise ValueError(f"loss must be one series of shape [T], not {loss_T.shape}")
    jitter_T = np.full(len(loss_T), np.nan)
    if len(loss_T) < WINDOW:
        return jitter_T
    finite_T = np.isfinite(loss_T)
    windows = sliding_window_view(np.where(finite_T, loss_T, 0.0), WINDOW)
    whole = sliding_window_view(finite_T, WINDOW).all(axis=1)
    trends = np.linalg.qr(np.vander(np.linspace(-1, 1, WINDOW), PARAMETERS))[0]
    residuals = windows - (windows @ trends) @ trends.T
    variance = (residuals**2).sum(axis=1) / (WINDOW - PARAMETERS)
    jitter_T[WINDOW - 1 :] = np.where(whole, np.sqrt(variance), np.nan)
    return jitter_T


def jitter_onset(loss: ArrayLike, learning_rate: ArrayLike | None = None) -> Onset | None:
    """The step from which the jitter of `loss` [T] has left its baseline, and the `learning_rate` [T] there.

    The baseline at a step is the lowest median that the jitter had over any 24 consecutive earlier steps: the bend of
    an early fall only ever raises the jitter. The onset is found once it stays above 2.5 baselines for 48 steps,
    which no single spike does, and dated back to the last step before at which it was within 1.4 baselines. `None`
    where that never happens, as with noise that does not change.

    Limits: a sudden change is dated to within a few steps, a gradual growth late, about when the noise has grown by
    half. Growth in the last 48 steps is not seen, nor jitter below a ten-thousandth of the loss. Several spikes in a
    row look like an onset (6 % of series with up to four spikes), as does a sudden fall of a loss that has no noise.
    """
    jitter_T = local_jitter(loss)
    steps = np.flatnonzero(np.isfinite(jitter_T))
    jitter = jitter_T[steps]
    if len(jitter) < WINDOW + HOLD:
        return None
    medians = np.median(sliding_window_view(jitter, WINDOW), axis=1)
    baselines = np.full(len(jitter), np.inf)
    baselines[WINDOW:] = np.minimum.accumulate(medians)[:-1]
    baselines = np.maximum(baselines, 1e-4 * np.median(np.abs(np.asarray(loss)[steps])))
    stays = sliding_window_view(jitter > FACTOR * baselines, HOLD).all(axis=1)
    if not stays.any():
        return None
    found = int(stays.argmax())
    baseline = float(baselines[found])
    calm = np.flatnonzero(jitter[:found] <= CALM * baseline)
    step = int(steps[calm[-1] if calm.size else found])
    return Onset(step, None if learning_rate is None else float(np.asarray(learning_rate)[step]), baseline)
