"""A range test finds the rates that were planted in a series, and none where there is none."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from warmuplab.schedules import ExponentialRamp
from warmuplab.series import lr_range
from warmuplab.series.lr_range import Onset, Spread

Floats = NDArray[np.float64]
STEPS = 200
RATE = ExponentialRamp(1e-5, 1.0, STEPS)(np.arange(STEPS))


def walk(rises: NDArray[np.bool_]) -> Floats:
    """A loss that rises in the given steps and falls in the others; one value more than steps."""
    return 8 + 0.01 * np.concatenate([[0.0], np.cumsum(np.where(rises, 1.0, -1.0))])


def jittery(rng: np.random.Generator, onset: int, before: float, after: float, steps: int = STEPS) -> Floats:
    share = np.where(np.arange(steps - 1) < onset, before, after)
    return walk(rng.random(steps - 1) < share)


def bump(steps: int, where: int, height: float, width: float) -> Floats:
    return height * np.exp(-(((np.arange(steps) - where) / width) ** 2))


# ---- Jitter ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("onset", [20, 60, 100, 150, 170])
def test_the_onset_is_exact_where_a_steady_fall_turns_into_a_zigzag(onset: int) -> None:
    rises = (np.arange(STEPS - 1) >= onset) & (np.arange(STEPS - 1) % 2 == onset % 2)
    assert lr_range.onset_of_rises(walk(rises)) == Onset(onset, None)
    assert lr_range.read(walk(rises), RATE).jitter == RATE[onset]


@pytest.mark.parametrize("before", [0.0, 0.03])
def test_the_onset_of_random_rises_is_near_the_change(before: float) -> None:
    """Measured: 1 % missed, 95 % of the others within 8 steps (a fifth of a decade) of the change."""
    rng = np.random.default_rng(0)
    late = []
    for _ in range(200):
        start = int(rng.integers(30, 160))
        found = lr_range.onset_of_rises(jittery(rng, start, before, 0.45))
        if found is not None:
            late.append(found.step - start)
    assert len(late) >= 194
    assert abs(np.median(late)) <= 2
    assert np.mean(np.abs(late) <= 8) >= 0.85


def test_the_change_point_is_the_likeliest_of_all() -> None:
    """By brute force, with the probabilities written out."""

    def log_likelihood(rises: NDArray[np.bool_]) -> float:
        share = float(rises.mean())
        return sum(math.log(share if rise else 1 - share) for rise in rises)

    rng = np.random.default_rng(1)
    for _ in range(20):
        loss = jittery(rng, int(rng.integers(40, 150)), 0.05, 0.5)
        rises = np.diff(loss) > 0
        by_step = {
            step: log_likelihood(rises[:step]) + log_likelihood(rises[step:])
            for step in range(1, len(rises) - lr_range.WINDOW + 1)
            if rises[step:].mean() >= max(rises[:step].mean(), lr_range.OFTEN)
        }
        best = max(by_step.values())
        found = lr_range.onset_of_rises(loss)
        assert found is not None
        assert by_step[found.step] == pytest.approx(best, abs=1e-9)


def test_no_onset_where_nothing_changes() -> None:
    """Measured: 1 of 1,000 series."""
    rng = np.random.default_rng(2)
    found = [
        lr_range.onset_of_rises(jittery(rng, 0, 0.0, share, steps))
        for steps in (60, 200, 1000)
        for share in rng.uniform(0, 0.6, 200)
    ]
    assert sum(step is not None for step in found) <= 4


def test_an_onset_at_the_end_of_the_search_is_no_rate() -> None:
    """The last step that leaves 24: an onset behind it looks as if it were there."""
    last = STEPS - 1 - lr_range.WINDOW
    for onset, edge in ((last - 1, None), (last, "last"), (last + 3, "last"), (last + 12, "last")):
        loss = walk(np.arange(STEPS - 1) >= onset)
        assert lr_range.onset_of_rises(loss) == Onset(min(onset, last), edge)
        reading = lr_range.read(loss, RATE)
        assert (reading.jitter, reading.edge) == (None if edge else RATE[onset], edge)
        assert reading.edge_lr == (RATE[last] if edge else None)
        assert reading.steepest_fall is not None  # the other rates are read all the same


def test_the_search_ends_before_the_loss_stops_being_finite() -> None:
    loss = walk(np.arange(STEPS - 1) >= 130)
    loss[150:] = np.inf
    reading = lr_range.read(loss, RATE)
    assert (reading.jitter, reading.edge, reading.diverged) == (None, "last", RATE[150])
    assert reading.edge_lr == RATE[149 - lr_range.WINDOW]


def test_an_onset_at_the_first_step_of_the_search_is_no_rate() -> None:
    """A step that falls against 1,999 that rise is evidence enough; against 199 it is not."""
    rate = ExponentialRamp(1e-5, 1.0, 2000)(np.arange(2000))
    for onset, edge in ((1, "first"), (2, None)):
        loss = walk(np.arange(1999) >= onset)
        assert lr_range.onset_of_rises(loss) == Onset(onset, edge)
        reading = lr_range.read(loss, rate)
        assert (reading.jitter, reading.edge_lr) == ((None, rate[1]) if edge else (rate[2], None))
    assert lr_range.onset_of_rises(walk(np.arange(STEPS - 1) >= 1)) is None


@pytest.mark.parametrize("where", [50, 120, 185, 196])
def test_a_single_spike_is_no_onset(where: int) -> None:
    loss = walk(np.zeros(STEPS - 1, bool)) + bump(STEPS, where, height=2.0, width=1.5)
    assert (np.diff(loss) > 0).sum() >= 2
    assert lr_range.onset_of_rises(loss) is None


def test_jitter_that_fades_is_no_onset() -> None:
    rises = np.zeros(STEPS - 1, bool)
    rises[:40:2] = True
    assert lr_range.onset_of_rises(walk(rises)) is None


@settings(deadline=None, max_examples=50)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_the_onset_does_not_depend_on_the_size_of_steps(scale: float, seed: int) -> None:
    loss = jittery(np.random.default_rng(seed), 100, 0.0, 0.4)
    growing = np.concatenate([[8.0], 8 + np.cumsum(np.diff(loss) * np.exp(np.linspace(0, 5, STEPS - 1)))])
    assert lr_range.onset_of_rises(loss) == lr_range.onset_of_rises(scale * loss) == lr_range.onset_of_rises(growing)


def test_the_share_shown_counts_the_rises_of_the_last_window() -> None:
    loss = jittery(np.random.default_rng(3), 50, 0.1, 0.5)
    share_T = lr_range.share_of_rises(loss)
    assert share_T.shape == loss.shape
    assert np.isnan(share_T[: lr_range.WINDOW - 1]).all()
    assert np.isnan(share_T[-1])
    for step in range(lr_range.WINDOW - 1, STEPS - 1):
        steps = range(step - lr_range.WINDOW + 1, step + 1)
        assert share_T[step] == pytest.approx(sum(loss[t + 1] > loss[t] for t in steps) / lr_range.WINDOW)


# ---- The other two rates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("middle", [60, 100, 140])
def test_the_steepest_fall_is_at_the_middle_of_a_sigmoid(middle: int) -> None:
    loss = 4 + 4 / (1 + np.exp((np.arange(STEPS) - middle) / 12))
    noise = 0.01 * np.random.default_rng(4).normal(size=STEPS)
    found = lr_range.steepest_fall(loss + noise)
    assert found is not None
    assert abs(found - middle) <= 5


@pytest.mark.parametrize("lowest", [60, 100, 140])
def test_the_rise_begins_at_the_bottom_of_a_valley_whatever_single_spikes_say(lowest: int) -> None:
    loss = 5 + np.abs(np.arange(STEPS) - lowest) / 40
    assert lr_range.start_of_rise(loss) == lowest
    spiking = loss + bump(STEPS, lowest + 3, height=30.0, width=0.5)
    found = lr_range.start_of_rise(spiking)
    assert found is not None
    assert abs(found - lowest) <= 4


def test_a_loss_that_only_falls_does_not_rise_and_the_other_way_round() -> None:
    falling = np.linspace(8, 2, STEPS)
    assert lr_range.start_of_rise(falling) is None
    assert lr_range.start_of_rise(falling[::-1]) is None
    assert lr_range.steepest_fall(falling[::-1]) is None


# ---- Readings --------------------------------------------------------------------------------------------------------


def test_a_series_ends_where_the_loss_is_not_finite() -> None:
    loss = jittery(np.random.default_rng(5), 80, 0.0, 0.5)
    loss[160:] = np.nan
    loss[180:] = 1.0  # what comes after is no part of it
    reading = lr_range.read(loss, RATE)
    assert reading.diverged == RATE[160]
    assert reading == lr_range.read(np.where(np.arange(STEPS) < 160, loss, np.inf), RATE)
    assert reading.jitter is not None
    assert lr_range.read(loss[:160], RATE[:160]).diverged is None


def test_short_and_empty_series_say_nothing() -> None:
    for loss in ([], [8.0], [8.0, 7.0], [np.nan] * 50):
        reading = lr_range.read(loss, RATE[: len(loss)])
        assert (reading.jitter, reading.steepest_fall, reading.rise) == (None, None, None)
    with pytest.raises(ValueError, match=r"\(3,\).*\(4,\)"):
        lr_range.read(np.zeros(3), np.zeros(4))


def test_a_seed_without_a_rate_counts_as_above_all_others() -> None:
    assert lr_range.spread([4e-3, 1e-3, 2e-3]) == Spread(pytest.approx(2e-3), 1e-3, 4e-3, 3, 3)
    assert lr_range.spread([4e-3, None, 1e-3]) == Spread(pytest.approx(4e-3), 1e-3, 4e-3, 2, 3)
    assert lr_range.spread([1e-3, 4e-3]).median == pytest.approx(2e-3)  # by ratio
    assert lr_range.spread([1e-3, None]) == Spread(None, 1e-3, 1e-3, 1, 2)
    assert lr_range.spread([None, None]) == Spread(None, None, None, 0, 2)


def test_a_seed_whose_rate_is_lower_counts_as_below_all_others() -> None:
    assert lr_range.spread([4e-3, None, 1e-3], below=1) == Spread(pytest.approx(1e-3), 1e-3, 4e-3, 2, 3)
    assert lr_range.spread([1e-3, None], below=1) == Spread(None, 1e-3, 1e-3, 1, 2)
    assert lr_range.spread([None, 1e-3, None], below=1) == Spread(pytest.approx(1e-3), 1e-3, 1e-3, 1, 3)
    assert lr_range.spread([None, None], below=1) == Spread(None, None, None, 0, 2)
