"""One-step extrapolation of a loss: what the next value should be, and how large the noise around that is.

Lines and parabolas are fitted to the last values; which of them extrapolates best is found out as the series goes on.
`series.spikes` judges a jump by the noise that is estimated here, in two ways: from the errors of the extrapolation so
far, and from how much the series bends in the steps to come.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

FITS = ((1, 10), (2, 12), (2, 7))  # degree and number of values; the short parabola follows the fastest early falls
LONGEST = max(length for _, length in FITS)
SHORTEST = 6  # values that a fit needs before its errors say anything about the noise
RECENT = 48  # errors behind the scale
RECENT_BIAS = 16  # errors behind the bias: curvature changes faster than noise does
AHEAD = 96  # steps whose bends tell how calm the series gets
CALM_SHARE = 0.35  # of these bends, the smallest, are taken for calm: up to two thirds may be jumps
EXACT = 1e-6  # of the loss, below which two values are one
CALM_FACTOR = 1.75  # the calm is the noise when this many times smaller; chosen on simulated series


@dataclass(frozen=True)
class Noise:
    """How well the best of the fits extrapolated lately."""

    fit: int
    bias: float
    scale: float


def _fit_weights(length: int) -> tuple[Floats, Floats]:
    """Weights [fit, length] on the last `length` values for the value, and for the slope, expected at the next step."""
    levels, slopes = np.zeros((2, len(FITS), length))
    for fit, (degree, longest) in enumerate(FITS):
        used = min(length, longest)
        if used < 4:
            levels[fit, -1:] = (
                1.0  # too few for a slope: a falling loss is expected to stay, so that only a rise is raised
            )
            continue
        powers = np.vander(np.arange(-used, 0.0), min(degree, used // 2 - 1) + 1, increasing=True)
        levels[fit, length - used :], slopes[fit, length - used :] = np.linalg.pinv(powers)[:2]
    return levels, slopes


LEVELS, SLOPES = zip(*(_fit_weights(length) for length in range(LONGEST + 1)), strict=True)


def first_errors(loss_T: Floats) -> Floats:
    """Extrapolation errors [step, fit] over a short finite series."""
    steps = range(SHORTEST, len(loss_T))
    lengths = [min(step, LONGEST) for step in steps]
    return np.array(
        [loss_T[t] - LEVELS[n] @ loss_T[t - n : t] for t, n in zip(steps, lengths, strict=True)], dtype=np.float64
    )


def noise_of(errors: Floats) -> Noise:
    """Bias and scale of the best fit from recent errors [step, fit].

    The scale is the larger of two estimates that agree for Gaussian errors: the median absolute deviation, and the mean
    absolute deviation with each clipped at three of the former. The second knows about heavy tails. Few errors can all
    be small by chance, hence the last factor (chosen on simulated series).
    """
    count = len(errors)
    bias = np.median(errors[-RECENT_BIAS:], axis=0)
    deviations = np.abs(errors - bias)
    median = 1.4826 * np.median(deviations, axis=0)
    clipped = 1.2533 * np.minimum(deviations, 3 * median).mean(axis=0)
    scales = np.maximum(median, clipped) * (1 + 4 / count)
    best = int(scales.argmin())
    return Noise(best, float(bias[best]), float(scales[best]))


def calm_scales(finite_n: Floats) -> Floats:
    """For every step, how large the noise is in the calm steps that follow, `CALM_FACTOR` times for safety, `[n]`.

    Early in a run that is wild from the start, the noise of the steps so far is that of its jumps. What its batches
    differ by shows later: in the smallest second differences of the next `AHEAD` steps (of the last ones, near the end
    of the series), put to the scale of a Gaussian. Of Gaussian noise a second difference has 6 times the variance. A
    series that was rounded is no calmer than the grain it was rounded to.
    """
    bends = np.abs(np.diff(finite_n, 2)) / 6**0.5
    width = min(AHEAD, len(bends))
    calm = np.quantile(sliding_window_view(bends, width), CALM_SHARE, axis=1) / ndtri((1 + CALM_SHARE) / 2)
    first = np.clip(np.arange(len(finite_n)) - 2, 0, len(calm) - 1)
    grain = np.min(bends, where=bends > EXACT * np.abs(finite_n[1:-1]), initial=np.inf)
    scales: Floats = CALM_FACTOR * np.maximum(calm[first], 6**0.5 * grain)
    return scales
