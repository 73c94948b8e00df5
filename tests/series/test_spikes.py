"""Spikes are found in simulated losses whose spikes are known.

The rule's constants were chosen on other generators and seeds than those below, which only measure.
"""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from support.simulated_losses import (
    HEIGHTS,
    NOISE,
    SMOOTH,
    Floats,
    falling_loss,
    log_uniform,
    quiet_alarms,
    spike_shape,
    spiky_scores,
    wild_scores,
)
from warmuplab.series.spikes import Spike, find_spikes, olmo_spike_score, spike_summary


@pytest.mark.parametrize(
    ("seed", "series", "kinds", "noise", "heights", "first", "recall"),
    [
        pytest.param(1, 350, ("exponential", "power law"), NOISE, HEIGHTS, 0, 0.97, id="spread out"),
        pytest.param(2, 200, SMOOTH, NOISE, (12.0, 60.0), 0, 0.95, id="low, every trend"),
        pytest.param(3, 200, ("exponential", "power law"), NOISE, (12.0, 12.01), 0, 0.9, id="12 standard deviations"),
        pytest.param(
            4, 250, ("exponential", "power law", "two phases"), NOISE, HEIGHTS, 40, 0.95, id="from step 15 on"
        ),
        pytest.param(5, 100, ("two phases",), (1e-3, 3e-3), HEIGHTS, 40, 0.9, id="hardest: fast fall, almost no noise"),
    ],
)
def test_most_spikes_are_found_where_they_start_and_as_high_as_they_are(
    seed: int,
    series: int,
    kinds: tuple[str, ...],
    noise: tuple[float, float],
    heights: tuple[float, float],
    first: int,
    recall: float,
) -> None:
    """Recall measured with three seeds each, 3,900 series in all.

    Spread out 0.992 to 0.995; low 0.979 to 0.982; exactly 12 standard deviations 0.917 to 0.930; from step 15 on
    0.978 to 0.981; hardest 0.928 to 0.966. Heights within 50 %: 0.992 to 1. Spikes reported besides: at most 0.013 a
    series.
    """
    scores = spiky_scores(seed, series, kinds, noise, heights, first)
    assert scores.found >= recall * scores.spikes, scores
    assert scores.height_right >= 0.95 * scores.found, scores
    assert scores.extra <= 0.05 * scores.series, scores


def test_a_wild_first_phase_does_not_hide_its_own_jumps() -> None:
    """Recall measured with three seeds of 100 series each: 0.933 to 0.951."""
    scores = wild_scores(21, 60)
    assert scores.recall >= 0.9, scores
    assert scores.height_right >= 0.9 * scores.found, scores
    assert scores.extra <= 0.1 * scores.series, scores


@pytest.mark.parametrize(
    ("steps", "series", "draw", "alarms"),
    [
        (150, 400, "gauss", 0.03),
        (1500, 100, "gauss", 0.1),
        (1500, 60, "growing", 0.1),
        (1500, 60, "buckets", 0.1),
        (1500, 60, "laplace", 0.6),
        (1500, 60, "student", 1.5),
    ],
)
def test_quiet_series_raise_few_false_alarms(steps: int, series: int, draw: str, alarms: float) -> None:
    """Measured with this and two more seeds, alarms per series, in the order above.

    Gaussian 0 and 0, growing 0.02, buckets 0.02, Laplace 0.22 to 0.35, Student's t (4 degrees of freedom) 0.7 to 0.9.
    """
    assert quiet_alarms(6, series, steps, draw) <= alarms


@pytest.mark.parametrize("kind", SMOOTH)
def test_a_loss_that_falls_smoothly_has_no_spike(kind: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(30):
        loss = falling_loss(rng, int(log_uniform(rng, 40, 1500)), kind)
        assert find_spikes(loss) == []
        assert find_spikes(loss.astype(np.float32)) == []
        assert find_spikes(loss.round(3)) == []


def test_a_fall_that_suddenly_slows_down_is_no_spike() -> None:
    for slow in (0.0, 0.001, 0.02):
        t = np.arange(300)
        assert find_spikes(9 - np.where(t < 120, 0.04 * t, 0.04 * 120 + slow * (t - 120))) == []


@pytest.mark.parametrize("steps", range(15))
def test_short_series_hold_no_spike(steps: int) -> None:
    assert find_spikes(np.linspace(7, 6, steps)) == []


def test_a_jump_is_told_in_full() -> None:
    loss = 4 + 0.01 * np.random.default_rng(8).normal(size=200)
    loss[100:106] += (2, 3, 2, 1, 0.6, 0.28)
    (spike,) = find_spikes(loss)
    assert (spike.start, spike.peak, spike.end, spike.recovered) == (100, 101, 105, True)
    assert spike.height == pytest.approx(3, abs=0.05)


def largest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest number between the two for which `holds`, which is so from `low` up to there."""
    assert holds(low)
    assert not holds(high)
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def test_a_loss_is_back_at_three_noise_scales_and_a_jump_counts_from_five_and_a_half() -> None:
    """The noise scale itself is an estimate, so the two thresholds are found and held against each other."""
    ratios = []
    for seed in range(24):
        loss = 4 + 0.01 * np.random.default_rng(seed).normal(size=90)

        def with_end(*values: float, quiet: Floats = loss) -> list[Spike]:
            return [spike for spike in find_spikes([*quiet, *(4 + 0.01 * np.array(values))]) if spike.start == 90]

        no_spike = largest(lambda height: not with_end(height), 1, 20)
        over = largest(lambda rest: with_end(25, rest)[0].end == 91 and with_end(25, rest)[0].recovered, 0, 20)
        ratios.append(over / no_spike)
    assert np.median(ratios) == pytest.approx(3 / 5.5, rel=0.06)


def test_a_slow_rise_is_followed_to_its_top() -> None:
    loss = 4 + 0.01 * np.random.default_rng(9).normal(size=200)
    loss[100:130] += np.concatenate([np.geomspace(0.2, 9, 10), np.geomspace(9, 0.02, 20)])
    (spike,) = find_spikes(loss)
    assert abs(spike.start - 100) <= 1
    assert spike.peak in (109, 110)
    assert spike.height == pytest.approx(9, abs=0.1)


@pytest.mark.parametrize("start", [3, 7, 13])
def test_a_large_jump_in_the_first_dozen_steps_is_found(start: int) -> None:
    rng = np.random.default_rng(10)
    loss = 4 + 3.6 * np.exp(-np.arange(200) / 20) + 0.03 * rng.normal(size=200)
    loss[start : start + 10] += 40 * 0.5 ** np.arange(10)
    (spike,) = find_spikes(loss)
    assert abs(spike.start - start) <= 1
    assert spike.height == pytest.approx(40, rel=0.05)


def test_a_spike_that_never_comes_back_ends_with_the_finite_values() -> None:
    loss = 4 + 0.01 * np.random.default_rng(11).normal(size=200)
    loss[120:] += 3
    (spike,) = find_spikes(loss)
    assert (spike.start, spike.end, spike.recovered) == (120, 200, False)
    loss[150:] = np.nan
    (spike,) = find_spikes(loss)
    assert (spike.start, spike.end, spike.recovered) == (120, 150, False)


def test_a_second_jump_on_the_tail_of_the_first_is_a_spike_of_its_own() -> None:
    loss = 4 + 0.01 * np.random.default_rng(12).normal(size=200)
    loss[100:140] += 5 * 0.8 ** np.arange(40)
    loss[109:140] += 5 * 0.8 ** np.arange(31)
    first, second = find_spikes(loss)
    assert (first.start, first.end, first.recovered) == (100, 109, False)
    assert (second.start, second.recovered) == (109, True)
    assert second.height == pytest.approx(5, rel=0.15)


def test_non_finite_values_are_no_spikes() -> None:
    rng = np.random.default_rng(13)
    for _ in range(25):
        quiet = falling_loss(rng, 400, str(rng.choice(SMOOTH))) + rng.normal(0, 0.02, 400)
        for bad in (np.nan, np.inf, -np.inf):
            tail, middle = quiet.copy(), quiet.copy()
            tail[rng.integers(0, 400) :] = bad
            middle[rng.integers(0, 400, size=5)] = bad
            assert find_spikes(tail) == []
            assert find_spikes(middle) == []
    assert find_spikes(np.full(100, np.nan)) == []


def test_a_rounded_loss_has_no_spikes_for_flickering() -> None:
    rng = np.random.default_rng(14)
    for _ in range(50):
        trend = falling_loss(rng, 300, "exponential")
        assert len(find_spikes((trend + rng.normal(0, 0.004, 300)).round(2))) == 0


def test_a_spike_is_found_without_noise_and_in_the_last_step() -> None:
    flat = np.full(60, 3.0)
    flat[30] = 5.0
    assert find_spikes(flat) == [Spike(30, 30, 31, 2.0, recovered=True)]
    last = 3 + 0.01 * np.random.default_rng(15).normal(size=60)
    last[59] += 1
    assert [(spike.start, spike.end, spike.recovered) for spike in find_spikes(last)] == [(59, 60, False)]


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(np.float64, st.integers(0, 80), elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf])))
def test_spikes_are_in_order_and_within_the_series(loss: Floats) -> None:
    before = 0
    for spike in find_spikes(loss):
        assert before <= spike.start <= spike.peak < spike.end <= len(loss)
        assert spike.height > 0
        assert np.isfinite(loss[spike.peak])
        before = spike.end


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 10), st.floats(0, 5))
def test_spikes_do_not_depend_on_the_unit_of_the_loss(seed: int, unit: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    loss = falling_loss(rng, 200, "exponential") + 0.05 * rng.normal(size=200) + 3 * spike_shape(rng, 200, 90)
    plain, scaled = find_spikes(loss), find_spikes(unit * loss + shift)
    assert [(spike.start, spike.peak, spike.end) for spike in plain] == [(s.start, s.peak, s.end) for s in scaled]
    assert [unit * spike.height for spike in plain] == pytest.approx([spike.height for spike in scaled])


def test_more_than_one_series_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 20\)"):
        find_spikes(np.zeros((2, 20)))


def test_the_summary_counts_what_was_found() -> None:
    loss = np.concatenate([[6.0], np.full(499, 5.0)]) + 0.01 * np.random.default_rng(16).normal(size=500)
    loss[100:104] += (4, 3, 2, 0.5)
    loss[300:] += 2
    summary = spike_summary(loss)
    assert summary["spike/count"] == 2
    assert summary["spike/rate"] == pytest.approx(4)
    assert summary["spike/max_height"] == pytest.approx(4, abs=0.05)
    assert summary["spike/recovery_steps"] == 200
    assert summary["spike/unrecovered"] == 1
    assert summary["spike/steps_above_initial"] == 3 + 200
    assert json.loads(json.dumps(summary)) == summary


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_rate_of_spikes_is_over_the_finite_steps_alone(bad: float) -> None:
    loss = 5 + 0.01 * np.random.default_rng(18).normal(size=500)
    loss[100:104] += (4, 3, 2, 0.5)
    loss[200:] = bad
    loss[[20, 150]] = bad
    summary = spike_summary(loss)
    assert summary["spike/count"] == 1
    assert summary["spike/rate"] == pytest.approx(1000 / 198)


def test_the_summary_of_quiet_short_and_diverged_series() -> None:
    quiet = spike_summary(np.linspace(5, 4, 100))
    assert (quiet["spike/count"], quiet["spike/max_height"], quiet["spike/recovery_steps"]) == (0, 0.0, None)
    assert quiet["spike/steps_above_initial"] == 0
    assert spike_summary([5.0, 6.0]) == {**dict.fromkeys(quiet), "spike/steps_above_initial": 1}
    assert spike_summary([np.nan] * 50) == dict.fromkeys(quiet)
    assert spike_summary([]) == dict.fromkeys(quiet)


def looped_olmo_score(loss: list[float], window: int, threshold: float) -> float:
    """The definition, value by value."""
    spikes = 0
    for step in range(window, len(loss)):
        before = loss[step - window : step]
        mean = math.fsum(before) / window
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in before) / window)
        spikes += deviation >= 1e-10 and math.isfinite(loss[step]) and loss[step] > mean + threshold * deviation
    return spikes / len(loss)


@pytest.mark.parametrize(("window", "threshold"), [(128, 6.0), (20, 2.5)])
def test_the_olmo_score_equals_a_loop(window: int, threshold: float) -> None:
    rng = np.random.default_rng(17)
    scores = []
    for _ in range(20):
        loss = 4 + 0.1 * rng.normal(size=int(rng.integers(200, 600)))
        loss[rng.integers(0, len(loss), size=4)] += rng.uniform(0.2, 2, size=4)
        loss[len(loss) - int(rng.integers(1, 30)) :] = rng.choice([4.0, np.nan, np.inf])
        scores.append(olmo_spike_score(loss, window, threshold))
        assert scores[-1] == pytest.approx(looped_olmo_score(loss.tolist(), window, threshold), abs=1e-12)
    assert max(scores) > 0


def test_the_olmo_score_needs_a_full_window() -> None:
    assert olmo_spike_score(np.zeros(128)) is None
    assert olmo_spike_score(np.zeros(129)) == 0  # a constant has no deviation to exceed
    assert olmo_spike_score([0.0, 1.0] * 64 + [9.0]) == pytest.approx(1 / 129)
