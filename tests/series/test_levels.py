"""Fixed held-out levels: crossings and sums until them, against loops and figures worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warmuplab.series.levels import LEVELS, crossing, name_of, sum_until, value_at

NAN = math.nan


def series(*values: float | None) -> "pd.Series[float]":
    return pd.Series([NAN if value is None else value for value in values], dtype=float)


def measured(values: "pd.Series[float]") -> list[tuple[int, float]]:
    return [(step, value) for step, value in enumerate(values.tolist()) if not math.isnan(value)]


def looped_value(values: "pd.Series[float]", step: float) -> float | None:
    """Linear between the measurements on either side."""
    known = measured(values)
    for at, value in known:
        if at == step:
            return value
    for (left, low), (right, high) in pairwise(known):
        if left < step < right:
            return low + (high - low) * (step - left) / (right - left)
    return None


def looped_crossing(loss: "pd.Series[float]", level: float) -> float | None:
    """Goes from measurement to measurement until one at or below the level is followed by another, or by the end."""
    known = measured(loss)
    for place, (step, value) in enumerate(known):
        is_last = place == len(known) - 1
        if value <= level and (is_last or known[place + 1][1] <= level):
            if place == 0:
                return step
            before, above = known[place - 1]
            return before + (above - level) / (above - value) * (step - before)
    return None


def looped_sum(values: "pd.Series[float]", stop: float) -> float | None:
    """Adds step by step what was last measured; of the step that holds `stop`, the part before it."""
    if math.isnan(values[0]) if len(values) else True:
        return None
    total, last = 0.0, 0.0
    for step in range(math.ceil(stop)):
        if step < len(values) and not math.isnan(values[step]):
            last = values[step]
        total += last * min(1.0, stop - step)
    return total


values_st = st.lists(st.one_of(st.just(NAN), st.integers(-20, 20).map(float)), max_size=30).map(
    lambda values: pd.Series(values, dtype=float)
)


@settings(max_examples=200, deadline=None)
@given(loss=values_st, level=st.integers(-20, 20).map(float))
@example(loss=series(3, 1), level=2.0)
def test_crossing_equals_a_loop(loss: "pd.Series[float]", level: float) -> None:
    expected = looped_crossing(loss, level)
    found = crossing(loss, level)
    assert found == (None if expected is None else pytest.approx(expected))
    if found is not None:  # the measurements hold the level there, between or at them
        there = looped_value(loss, found)
        assert there is not None
        assert there <= level + 1e-9


@settings(max_examples=200, deadline=None)
@given(values=values_st, step=st.floats(-2, 35))
@example(values=series(1, None, 5), step=1.0)
def test_value_at_equals_a_loop(values: "pd.Series[float]", step: float) -> None:
    expected = looped_value(values, step)
    assert value_at(values, step) == (None if expected is None else pytest.approx(expected, abs=1e-9))


@settings(max_examples=200, deadline=None)
@given(values=values_st, stop=st.floats(0, 40))
def test_sum_until_equals_a_loop(values: "pd.Series[float]", stop: float) -> None:
    expected = looped_sum(values, stop)
    assert sum_until(values, stop) == (None if expected is None else pytest.approx(expected, abs=1e-9))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (series(5, 4, 3, 1, 1), 2.5),
        (series(5, 4, 2, 2, 2), 2.0),  # exactly at the level is below it
        (series(5, None, None, None, 1, None, 1), 3.0),  # over a gap
        (series(5, 1, 5, 1, 1), 2.75),  # a single dip is noise
        (series(5, 1, None, 5), None),
        (series(5, 4, 3, 1), 2.5),  # at the end one has to do
        (series(1, 1, 5), 0.0),  # below from the first step on
        (series(None, None, 1, 1), 2.0),  # nothing measured before
        (series(1), 0.0),
        (series(5, 4, 3), None),  # never
        (series(5, 4, None, None), None),
        (series(None, None), None),
        (series(), None),
    ],
)
def test_crossings_of_level_2_by_hand(loss: "pd.Series[float]", expected: float | None) -> None:
    assert crossing(loss, 2.0) == expected


@pytest.mark.parametrize(
    ("values", "stop", "expected"),
    [
        (series(1, 2, 4), 3.0, 7.0),
        (series(1, 2, 4), 1.5, 2.0),
        (series(1, 2, 4), 0.0, 0.0),
        (series(1, None, None, 4, None), 4.5, 9.0),  # three ones, one and a half fours
        (series(1, 2, None), 10.0, 19.0),  # the last measurement stands for what follows
        (series(None, 2, 4), 2.0, None),  # the beginning was not measured
        (series(None), 0.0, None),
        (series(), 1.0, None),
    ],
)
def test_sums_by_hand(values: "pd.Series[float]", stop: float, expected: float | None) -> None:
    assert sum_until(values, stop) == expected


def test_the_sum_over_sparse_measurements_estimates_that_over_all() -> None:
    steps = np.arange(400)
    dense = pd.Series(np.exp(-steps / 100))
    sparse = dense.where((steps < 40) | (steps % 16 == 0))
    assert sum_until(sparse, 300.0) == pytest.approx(float(dense[:300].sum()), rel=0.08)
    assert sum_until(sparse, 40.0) == pytest.approx(float(dense[:40].sum()))


def test_names_of_levels() -> None:
    assert [name_of(level) for level in LEVELS] == [f"{text}_below" for text in ("0.25", "0.5", "1", "1.5", "2", "3")]
