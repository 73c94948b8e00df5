"""Jitter equals the standard deviation of known noise, and its onset is where that noise is known to grow."""

import numpy as np
import pytest
from numpy.typing import NDArray

from warmuplab.series.jitter import jitter_onset, local_jitter
from warmuplab.series.spikes import find_spikes

Floats = NDArray[np.float64]
Generator = np.random.Generator


def falling_loss(rng: Generator, steps: int) -> Floats:
    return rng.uniform(1, 4) + rng.uniform(1, 5) * np.exp(-np.arange(steps) / rng.uniform(15, steps / 2))


def test_each_value_is_the_spread_about_a_parabola_fitted_to_its_window() -> None:
    loss = falling_loss(np.random.default_rng(0), 80) + 0.1 * np.random.default_rng(1).normal(size=80)
    jitter_T = local_jitter(loss)
    assert np.isnan(jitter_T[:23]).all()
    for step in range(23, 80):
        window = loss[step - 23 : step + 1]
        residuals = window - np.polyval(np.polyfit(np.arange(24), window, 2), np.arange(24))
        assert jitter_T[step] == pytest.approx(np.sqrt((residuals**2).sum() / 21))


@pytest.mark.parametrize("sigma", [0.001, 0.1, 2.0])
def test_it_measures_the_noise_and_not_the_trend(sigma: float) -> None:
    rng = np.random.default_rng(2)
    t = np.arange(3000)
    jitter_T = local_jitter(9 - 0.003 * t + 1e-7 * t**2 + rng.normal(0, sigma, 3000))
    assert np.sqrt(np.nanmean(jitter_T**2)) == pytest.approx(sigma, rel=0.03)


def test_non_finite_and_short_series() -> None:
    loss = np.random.default_rng(3).normal(size=100)
    loss[50] = np.inf
    assert (np.flatnonzero(np.isnan(local_jitter(loss))) == [*range(23), *range(50, 74)]).all()
    assert np.isnan(local_jitter(np.zeros(10))).all()
    assert local_jitter([]).shape == (0,)
    assert jitter_onset([]) is None
    assert jitter_onset(np.full(500, np.nan)) is None
    with pytest.raises(ValueError, match=r"\(3, 40\)"):
        local_jitter(np.zeros((3, 40)))


@pytest.mark.parametrize("draw", ["gauss", "laplace"])
def test_noise_that_does_not_grow_has_no_onset(draw: str) -> None:
    """Measured: 3 of 1,000 series with Gaussian noise, 1 of 100 with Laplace noise."""
    rng = np.random.default_rng(4)
    onsets = 0
    for _ in range(300):
        steps = int(rng.integers(150, 1500))
        noise = rng.normal(size=steps) if draw == "gauss" else rng.laplace(size=steps)
        onsets += jitter_onset(falling_loss(rng, steps) + rng.uniform(0.003, 0.3) * noise) is not None
    assert onsets <= 12


def ramp_errors(rng: Generator, doubling: float) -> tuple[list[int], list[float]]:
    """Steps, and decades of learning rate, from the true onset of growing noise to the one found."""
    late, decades = [], []
    for _ in range(100):
        steps = int(rng.integers(250, 1000))
        start = int(rng.integers(60, steps - 120))
        growth = 2 ** np.clip((np.arange(steps) - start) / doubling, 0, 8)
        rate = 1e-5 * 1e4 ** (np.arange(steps) / steps)
        onset = jitter_onset(falling_loss(rng, steps) + 0.02 * growth * rng.normal(size=steps), rate)
        if onset is not None:
            assert onset.learning_rate == rate[onset.step]
            late.append(onset.step - start)
            decades.append(abs(np.log10(rate[onset.step] / rate[start])))
    return late, decades


def test_the_onset_of_growing_noise_is_found_near_the_change() -> None:
    """Measured on noise that doubles every 15 (30) steps: median 11 (17) steps late, 90 % in -14..20 (-11..31)."""
    for doubling in (15, 30):
        late, decades = ramp_errors(np.random.default_rng(5), doubling)
        assert len(late) >= 98
        assert abs(np.median(late)) <= 0.8 * doubling
        assert np.mean(np.abs(late) <= 1.2 * doubling) >= 0.85
        assert np.median(decades) <= 0.15


def test_a_sudden_change_is_dated_to_within_a_few_steps() -> None:
    rng = np.random.default_rng(6)
    late = []
    for _ in range(150):
        start = int(rng.integers(80, 300))
        sigma = 0.02 * np.where(np.arange(400) < start, 1, 4)
        onset = jitter_onset(falling_loss(rng, 400) + sigma * rng.normal(size=400))
        assert onset is not None
        assert onset.learning_rate is None
        assert onset.baseline == pytest.approx(0.02, rel=0.6)
        late.append(onset.step - start)
    assert abs(np.median(late)) <= 2
    assert np.mean(np.abs(late) <= 10) >= 0.75


def test_a_single_spike_is_no_onset() -> None:
    rng = np.random.default_rng(7)
    loss = falling_loss(rng, 400) + 0.02 * rng.normal(size=400)
    loss[200:212] += 3 * 0.7 ** np.arange(12)
    assert len(find_spikes(loss)) == 1
    assert jitter_onset(loss) is None
