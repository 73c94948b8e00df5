"""Fixed held-out levels: crossings and sums until them, against loops and figures worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warmuplab.series.levels import (
    LEVELS,
    crossing,
    crossings,
    log_value_at,
    logarithm,
    name_of,
    sum_until,
    time_average,
    value_at,
)

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
    """Adds step by step what was measured there; of the step that holds `stop`, the part before it."""
    known = dict(measured(values))
    if 0 not in known:
        return None
    total = 0.0
    for step in range(math.ceil(stop)):
        if step not in known:
            return None
        total += known[step] * min(1.0, stop - step)
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
        (series(1, None, None, 4, None), 3.5, None),  # a measurement stands for its own step only
        (series(1, None, None, 4, None), 1.0, 1.0),
        (series(1, 2, None), 2.5, None),  # half a step is not measured
        (series(1, 2), 3.0, None),
        (series(None, 2, 4), 2.0, None),  # the beginning was not measured
        (series(None), 0.0, None),
        (series(), 1.0, None),
    ],
)
def test_sums_by_hand(values: "pd.Series[float]", stop: float, expected: float | None) -> None:
    assert sum_until(values, stop) == expected


def test_sums_go_by_the_step_and_not_by_the_place_of_a_row() -> None:
    """As of the curves of a collected study, which have rows where something was measured."""
    curve = pd.Series([1.0, 2.0, 4.0, 8.0], index=[0, 1, 2, 16])
    assert sum_until(curve, 3.0) == 7.0
    assert sum_until(curve, 3.5) is None


def looped_log(values: "pd.Series[float]", step: float) -> float | None:
    """Geometric between the measurements on either side."""
    known = measured(values)
    for at, value in known:
        if at == step:
            return math.log(value) if value > 0 else None
    for (left, low), (right, high) in pairwise(known):
        if left < step < right:
            if low <= 0 or high <= 0:
                return None
            return math.log(low * (high / low) ** ((step - left) / (right - left)))
    return None


@settings(max_examples=200, deadline=None)
@given(values=values_st, step=st.floats(-2, 35))
@example(values=series(1, None, 5), step=1.0)
@example(values=series(0, 5, 0), step=1.0)
def test_log_value_at_equals_a_loop(values: "pd.Series[float]", step: float) -> None:
    expected = looped_log(values, step)
    assert log_value_at(values, step) == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_a_logarithm_is_of_what_is_above_0() -> None:
    assert logarithm(math.e) == pytest.approx(1)
    assert [logarithm(value) for value in (None, 0.0, -1.0)] == [None] * 3


@settings(max_examples=200, deadline=None)
@given(values=values_st)
def test_the_average_over_time_is_that_of_the_line_through_the_measurements(values: "pd.Series[float]") -> None:
    known = measured(values)
    found = time_average(values)
    if len(known) < 2:
        assert found == (known[0][1] if known else None)
        return
    area = sum((low + high) / 2 * (right - left) for (left, low), (right, high) in pairwise(known))
    assert found == pytest.approx(area / (known[-1][0] - known[0][0]), abs=1e-9)


def test_dense_measurements_do_not_weigh_more() -> None:
    steps = np.array([0, 1, 2, 4, 8, 16, 32])
    straight = pd.Series(100.0 - steps, index=steps)
    assert time_average(straight) == pytest.approx(84)
    assert straight.mean() > 90


def test_every_level_has_its_crossing() -> None:
    loss = series(6, 5, 4, 3, 2.5)
    found = crossings(loss, 5.0)
    assert found == {name_of(level): crossing(loss, 5.0 - level) for level in LEVELS}
    assert found["1_below"] == 2
    assert found["3_below"] is None


def test_names_of_levels() -> None:
    assert [name_of(level) for level in LEVELS] == [f"{text}_below" for text in ("0.25", "0.5", "1", "1.5", "2", "3")]
