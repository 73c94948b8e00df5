"""Loss spikes: where the loss suddenly jumps above its trend, how far, and when it is back.

The rule, step by step and looking only a few steps ahead:

1. *Trend.* The value expected at a step is the one-step extrapolation of a line or a parabola fitted to the last 7 to
   12 values: whichever extrapolated best lately, plus the median of its last errors (a falling, convex loss is always
   above its extrapolated line).
2. *Scale.* The noise is the size of the last 48 errors of that extrapolation, estimated robustly; in the first steps,
   where there are no errors yet, it is borrowed from the first 32 steps. Where the steps to come are much calmer, the
   noise is theirs: what a wild phase jumps by is no noise to hold its jumps against.
3. *Spike.* A value 2.5 scales above the trend is raised; it is a spike when it or one of the next three is 5.5 scales
   above, and above the chord from the step before to a later step. The latter rejects the end of a fast fall: a
   curve that flattens leaves its extrapolation too, but a convex curve never gets above its chords.
4. *End.* The trend is frozen, its slope fading out, until the loss is back; then the fit starts afresh.

Where batches come from groups that are not equally hard, such as length buckets, what each group is harder by is taken
out first (`series.difficulty`): it is most of the noise of a training loss.

Limits. With Gaussian noise, or noise of uneven length buckets, there is about no false alarm in 1,500 steps, with
Laplace noise half of one, with Student's t of 4 degrees of freedom one. A jump
smaller than what the fall of a fast early loss slows down by in a few steps is missed, and so is one below a thousandth
of the loss. A rise over more than about 5 steps is taken as trend until it gets sudden. A jump on the tail of another
spike is a spike of its own once it rises by half of what is left of the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from warmuplab.series.difficulty import difficulty
from warmuplab.series.extrapolation import (
    FITS,
    LEVELS,
    LONGEST,
    RECENT,
    SHORTEST,
    SLOPES,
    Floats,
    calm_scales,
    first_errors,
    noise_of,
)

BORROWED = 32  # steps that the scale of the first steps is taken from
ENOUGH = 10  # errors from which on a scale of one's own is trusted
CALMEST = 25.0  # times as calm as it is, the steps to come have no noise to speak of
STEEP = 0.01  # of the fall per step: a curve without noise leaves its extrapolation too
FEWEST = 14  # values below which nothing is said about a series
RAISED = 2.5  # scales
CONFIRMED = 5.5  # scales
BACK = 3.0  # scales
RISE = 4  # steps within which a raised value must become a spike
CHORD = 12  # steps
FADE = 0.7  # of the slope, per step: a slope fitted to ten noisy values is no forecast for fifty
SMALLEST = 1e-3  # of the loss; smaller heights are of no interest and may be rounding


@dataclass(frozen=True)
class Spike:
    """One spike of a loss series; steps are 0-based indices into it.

    `start` is the first raised step, `peak` the highest one, `height` the loss there minus the trend expected there
    (nats), `end` the first step at which the loss is back: above the trend by at most 3 noise scales or 10 % of the
    height, or no higher than the lowest loss shortly before the spike. Where the loss is not back, `recovered` is
    false: a spike overtaken by the next ends where that one starts, one that never comes back ends after the last
    finite value.
    """

    start: int
    peak: int
    end: int
    height: float
    recovered: bool = True


@dataclass(frozen=True)
class _Trend:
    """What the loss would have been without the spike, from step `start` on."""

    start: int
    level: float
    slope: float
    scale: float
    floor: float

    def at(self, step: int) -> float:
        faded = FADE * (1 - FADE ** (step - self.start)) / (1 - FADE)
        return self.level + self.slope * faded


def find_spikes(loss: ArrayLike, groups: ArrayLike | None = None) -> list[Spike]:
    """The spikes of `loss` [T], one value per step in nats, in order; see the module for the rule and its limits.

    `groups` [T] says, by any whole number, which steps have batches that are equally hard, such as those of one length
    bucket; the heights are then above the trend of such batches. Non-finite values are divergence and never a spike:
    they are passed over and the trend starts afresh behind them. Fewer than 14 finite values hold no spike. Raises
    `ValueError` when `loss` is not one series, or `groups` has another shape.
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    if loss_T.ndim != 1:
        raise ValueError(f"loss must be one series of shape [T], not {loss_T.shape}")
    finite_T = np.isfinite(loss_T)
    if finite_T.sum() < FEWEST:
        return []
    unsure_T = np.zeros(len(loss_T))
    if groups is not None:
        harder_T, unsure_T = difficulty(loss_T, groups)
        loss_T = loss_T - harder_T
    calm_T = np.full(len(loss_T), np.inf)
    calm_T[finite_T] = calm_scales(loss_T[finite_T])
    errors = np.empty((len(loss_T), len(FITS)))
    known, fresh, step = 0, 0, 0  # errors so far; first step of the present fit
    noise = noise_of(first_errors(loss_T[finite_T][:BORROWED]))
    spikes: list[Spike] = []
    while step < len(loss_T):
        length = min(step - fresh, LONGEST)
        if not finite_T[step]:
            fresh = step + 1
        elif length >= 1:
            window = loss_T[step - length : step]
            expected = LEVELS[length] @ window
            # Refreshed every fourth error: sorting is what costs here, and the noise changes slowly.
            if known >= ENOUGH and (known < RECENT // 2 or known % 4 == 0):
                noise = noise_of(errors[max(0, known - RECENT) : known])
            level = float(expected[noise.fit]) + noise.bias * (known >= ENOUGH)
            slope = float(SLOPES[length][noise.fit] @ window)
            scale = min(noise.scale, max(calm_T[step], noise.scale / CALMEST))
            scale = max(scale, unsure_T[step], STEEP * abs(slope), 1e-6 * abs(level), 1e-9)
            if loss_T[step] - level > RAISED * scale:
                before = loss_T[max(0, step - RECENT) : step]
                floor = float(before[finite_T[max(0, step - RECENT) : step]].min())
                trend = _Trend(step, level, slope, scale, floor)
                spike = _confirmed(loss_T, trend, length)
                if spike is not None:
                    spikes += _followed(loss_T, spike, trend)
                    # An alarm counts as one large error, else a scale that is too small would never be corrected.
                    errors[known] = noise.bias + CONFIRMED * scale
                    known += 1
                    step = fresh = spikes[-1].end
                    continue
            if length >= SHORTEST:
                errors[known] = loss_T[step] - expected
                known += 1
        step += 1
    return spikes


def spike_summary(loss: ArrayLike, found: Sequence[Spike] | None = None) -> dict[str, int | float | None]:
    """The spikes of `loss` [T] in numbers, ready for JSON; `found` are its spikes, where they are known already.

    * `spike/count`;
    * `spike/rate`: spikes per 1,000 steps with a finite loss;
    * `spike/max_height`: largest height in nats, 0 without a spike;
    * `spike/recovery_steps`: the longest time from a spike's start to its end, in steps; `None` without a spike. One
      that never comes back counts until the last finite step, so the figure is then a lower bound;
    * `spike/unrecovered`: 1 if the last one never comes back, else 0;
    * `spike/steps_above_initial`: steps whose loss is finite and above the first one; `None` if that is not finite.

    All but the last are `None` when the series has too few finite values to be judged (fewer than 14).
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    spikes = find_spikes(loss_T) if found is None else found
    finite_T = np.isfinite(loss_T)
    steps = int(finite_T.sum())
    judged = steps >= FEWEST
    return {
        "spike/count": len(spikes) if judged else None,
        "spike/rate": 1000 * len(spikes) / steps if judged else None,
        "spike/max_height": max((spike.height for spike in spikes), default=0.0) if judged else None,
        "spike/recovery_steps": max((spike.end - spike.start for spike in spikes), default=None),
        "spike/unrecovered": int(bool(spikes) and not spikes[-1].recovered) if judged else None,
        "spike/steps_above_initial": int((loss_T[finite_T] > loss_T[0]).sum()) if finite_T[:1].any() else None,
    }


def olmo_spike_score(loss: ArrayLike, window: int = 128, threshold: float = 6.0) -> float | None:
    """Fraction of `loss` [T] more than `threshold` standard deviations above the mean of the `window` values before.

    As OLMo-core's `StabilityMonitorCallback` has it (allenai/OLMo-core, `train/callbacks/stability_monitor.py`): 128
    values, 6 population standard deviations, none below 1e-10, as a share of all steps. The OLMo 2 paper (arXiv
    2501.00656, section 3.2) takes 7 deviations and 1,000 values. The score is blind in the first `window` steps, and
    takes a falling trend for deviation; `find_spikes` does neither. Non-finite values never count, nor do values with
    one in their window. `None` when no value has a full window before it.
    """
    loss_T = np.asarray(loss, dtype=np.float64)
    if len(loss_T) <= window:
        return None
    finite_T = np.isfinite(loss_T)
    before = sliding_window_view(np.where(finite_T, loss_T, 0.0), window)[:-1]
    judged = sliding_window_view(finite_T, window)[:-1].all(axis=1) & finite_T[window:]
    mean, deviation = before.mean(axis=1), before.std(axis=1)
    above = loss_T[window:] > mean + threshold * deviation
    return float((judged & (deviation >= 1e-10) & above).sum() / len(loss_T))


def _confirmed(loss_T: Floats, trend: _Trend, length: int) -> Spike | None:
    """The spike that begins at the raised step `trend.start`, before its end is known, or None if there is none."""
    values = loss_T[trend.start : trend.start + RISE]
    excess = np.array(
        [value - trend.at(trend.start + i) if np.isfinite(value) else -np.inf for i, value in enumerate(values)]
    )
    top = int(excess.argmax())
    height = float(excess[top])
    before = loss_T[max(0, trend.start - RECENT) : trend.start]
    bends = np.abs(np.diff(before[np.isfinite(before)], 2))
    bent = bends > 1e-6 * abs(trend.level)
    # Exact repetition means a loss without noise or one that was rounded, whose steps are then no spikes.
    exact = bends.size > 0 and bent.mean() < 0.8
    grain = float(bends[bent].min()) if exact and bent.any() else 0.0
    if height <= max(CONFIRMED * max(trend.scale, grain), SMALLEST * abs(trend.level)):
        return None
    peak = trend.start + top
    rise_only = exact or length < SHORTEST  # chords say nothing about a staircase
    if _above_chord(loss_T, trend, peak, rise_only) < max(4 * trend.scale, 0.25 * height):
        return None
    calm = np.flatnonzero(excess[:top] <= max(RAISED * trend.scale, 0.2 * height))
    start = trend.start + (int(calm[-1]) + 1 if calm.size else 0)
    return Spike(start, peak, _end_of(loss_T), height, recovered=False)


def _above_chord(loss_T: Floats, trend: _Trend, peak: int, rise_only: bool) -> float:
    """How far the peak lies above the step before the spike, or above a chord from there to a later step."""
    anchor = max(trend.level - trend.slope, float(loss_T[trend.start - 1]))
    top = float(loss_T[peak])
    later = loss_T[peak + 1 : peak + 1 + (0 if rise_only else CHORD)]
    way = peak - trend.start + 1
    chords = anchor + (later - anchor) * way / (way + np.arange(1, len(later) + 1))
    return float(np.max(top - chords[np.isfinite(chords)], initial=top - anchor))


def _followed(loss_T: Floats, spike: Spike, trend: _Trend) -> Iterator[Spike]:
    """The spike with its peak and end, and after it those that rise on its tail."""
    tail: float | None = None  # the level that a later spike rises from
    low, low_step = np.inf, spike.peak
    for step in range(spike.peak + 1, len(loss_T)):
        value = float(loss_T[step])
        if not np.isfinite(value):
            continue
        expected = max(trend.at(step), trend.floor)
        if value - expected <= max(BACK * trend.scale, 0.1 * spike.height):
            yield replace(spike, end=step, recovered=True)
            return
        if step - low_step <= RISE and value - low > max(7 * trend.scale, 0.5 * (low - expected)):
            yield replace(spike, end=low_step + 1)
            tail = low
            spike = Spike(low_step + 1, step, _end_of(loss_T), value - tail, recovered=False)
            low, low_step = np.inf, step
        elif value > loss_T[spike.peak]:
            spike = replace(spike, peak=step, height=value - (trend.at(step) if tail is None else tail))
            low, low_step = np.inf, step
        elif value < low:
            low, low_step = value, step
    yield spike


def _end_of(loss_T: Floats) -> int:
    """One past the last finite value."""
    return int(np.flatnonzero(np.isfinite(loss_T))[-1]) + 1
