"""What a page stores of a series is the series, as far as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.unpacked import unpacked
from warmuplab.dashboard.series import FEWEST_KEPT, MOST_KEPT, MOST_POINTS, Packer, kept_of

VALUES = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1e-12, 5.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(arrays(np.float64, st.integers(1, 80), elements=VALUES), min_size=1, max_size=4))
def test_short_series_come_back_to_the_precision_promised(series: list[np.ndarray]) -> None:
    packer = Packer()
    steps = [np.arange(len(values)) * 3 + place for place, values in enumerate(series)]
    entries = [packer.add(at, values) for at, values in zip(steps, series, strict=True)]
    found = unpacked(packer.blob(), [entry for entry in entries if entry is not None])
    for at, values, (read_at, read) in zip(steps, series, found, strict=True):
        assert read_at.tolist() == at.tolist()
        near = np.abs(read - values) <= np.ptp(values) / 65534 + 1e-9 * np.abs(values)
        relative = np.abs(read - values) <= 3e-3 * np.abs(values)  # a series over many decades
        assert (near | relative).all()
        assert read.argmax() in np.flatnonzero(read == read.max())
        assert values[read.argmax()] == pytest.approx(values.max(), rel=3e-3, abs=np.ptp(values) / 30000)


@pytest.mark.parametrize("rest", [[3e-4, 5.0, 1e-2, 5.0], [1.0, 2.0, 3.0], [-1.0, -2.0], [1e-12], []])
def test_a_zero_is_read_as_zero(rest: list[float]) -> None:
    """However wide the range: a loss of nothing and a rate before a warmup are no small positive values."""
    values = np.array([0.0, *rest, 0.0])
    packer = Packer()
    entry = packer.add(np.arange(len(values)), values)
    assert entry is not None
    ((_, read),) = unpacked(packer.blob(), [entry])
    assert read[[0, -1]].tolist() == pytest.approx([0, 0], abs=1e-15)
    assert (read[1:-1] != 0).all()
    assert read[1:-1].tolist() == pytest.approx(rest, rel=1e-3)


def test_extremes_and_what_must_stay_are_kept() -> None:
    values = np.random.default_rng(0).normal(5, 0.1, 20_000)
    values[7777], values[12_345] = 90.0, 0.5
    packer = Packer(kept=100)
    entry = packer.add(np.arange(20_000), values, always=[31, 32])
    assert entry is not None
    ((steps, read),) = unpacked(packer.blob(), [entry])
    assert len(steps) <= 104
    assert {31, 32, 7777, 12_345, 0, 19_999} <= set(steps.tolist())
    assert read.max() == pytest.approx(90.0, rel=1e-3)
    assert read.min() == pytest.approx(0.5, rel=1e-3)


def test_equal_series_are_stored_once_and_nothing_is_no_series() -> None:
    packer = Packer()
    first, second = (packer.add(range(5), [1.0, 2, 3, 4, 5]) for _ in range(2))
    assert first == second
    assert packer.count == 5
    assert packer.add(range(3), [np.nan, np.inf, np.nan]) is None
    entry = packer.add(range(3), [np.nan, 7.0, np.nan])
    assert entry is not None
    ((steps, read),) = unpacked(packer.blob(), [entry])
    assert (steps.tolist(), read.tolist()) == ([1], [7.0])


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [
        ([], MOST_KEPT),
        ([400] * 100, MOST_KEPT),
        ([2000] * 10_000, MOST_POINTS // 10_000),
        ([10] * 20_000 + [2000] * 10_000, (MOST_POINTS - 200_000) // 10_000),
        ([2000] * 1_000_000, FEWEST_KEPT),
    ],
)
def test_room_is_shared_and_short_series_leave_theirs(lengths: list[int], kept: int) -> None:
    assert kept_of(lengths) == kept
