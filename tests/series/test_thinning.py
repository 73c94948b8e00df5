"""Thinning: fewer points, every extreme kept."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from warmuplab.series.thinning import KEPT, UNTHINNED, kept_positions


@given(arrays(np.float32, st.integers(0, UNTHINNED), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_short_series_is_kept_whole(values: np.ndarray) -> None:
    assert kept_positions(values).tolist() == list(range(len(values)))


@settings(max_examples=60, deadline=None)
@given(st.integers(11, 400), st.integers(1, 5), st.data())
def test_every_stretch_keeps_its_smallest_and_largest_value(count: int, bins: int, data: st.DataObject) -> None:
    values = data.draw(arrays(np.float64, count, elements=st.floats(-1e9, 1e9) | st.integers(-2, 2).map(float)))
    kept = kept_positions(values, unthinned=10, kept=2 * bins).tolist()
    assert kept == sorted(set(kept))
    assert len(kept) <= 2 * bins + 2
    assert {kept[0], kept[-1]} == {0, count - 1}
    stretches: dict[int, list[int]] = {}
    for position in range(count):
        stretches.setdefault(position * bins // count, []).append(position)
    for stretch in stretches.values():
        there = [values[position] for position in kept if position in stretch]
        assert min(there) == min(values[position] for position in stretch)
        assert max(there) == max(values[position] for position in stretch)


def test_a_one_step_spike_survives_in_a_long_run() -> None:
    values = np.linspace(8, 3, 100_000)
    values[54_321] += 4
    kept = kept_positions(values)
    assert 54_321 in kept
    assert len(kept) <= KEPT + 2


def test_positions_that_matter_stay_whatever_their_values() -> None:
    values = np.arange(5000.0)
    assert {777, 778} <= set(kept_positions(values, always=[777, 778]).tolist())
    assert 777 not in kept_positions(values)
