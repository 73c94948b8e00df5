"""Rises of a loss above its lowest value so far: held against loops, and against the committed runs."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from warmuplab.series.instability import Episode, episodes, excess, instability_summary, threshold

NAN = math.nan
SAWTOOTH = [5.0, 4.0, 4.5, 6.0, 4.2, 3.9, 3.8, 4.9, 3.8, 3.7]


def test_the_excess_is_over_the_lowest_value_so_far() -> None:
    assert excess(SAWTOOTH) == pytest.approx([0, 0, 0.5, 2, 0.2, 0, 0, 1.1, 0, 0])
    assert excess([3.0, NAN, 4.0, NAN, 2.0]) == pytest.approx([0, NAN, 1, NAN, 0], nan_ok=True)


def test_episodes_are_told_in_full() -> None:
    assert episodes(SAWTOOTH, 1.0) == [
        Episode(3, 3, pytest.approx(2.0), 2),
        Episode(7, 7, pytest.approx(1.1), 1),
    ]
    assert episodes(SAWTOOTH, 0.4)[0] == Episode(2, 3, pytest.approx(2.0), 3)
    assert episodes(SAWTOOTH, 2.0) == []


def test_an_episode_that_never_is_back_says_so_and_counts_to_the_end() -> None:
    loss = [5.0, 4.0, 7.0, 6.0, 5.0, 4.5]
    assert episodes(loss, 1.0) == [Episode(2, 2, 3.0, None)]
    found = instability_summary(loss, 6, 6.0)
    assert found == {
        "spike/max_rise": 3.0,
        "spike/lost": 3 + 2 + 1 + 0.5,
        "spike/episodes": 1,
        "spike/episode_steps": 3,
    }


def test_only_what_begins_in_the_window_counts_and_its_end_may_lie_behind_it() -> None:
    loss = np.array([5.0, 4.0, 6.0, NAN, NAN, 5.0, NAN, 3.9, 8.0, 3.8])
    assert episodes(loss, 1.0, before=3) == [Episode(2, 2, 2.0, 5)]
    values = instability_summary(loss, 3, 6.0)
    assert (values["spike/max_rise"], values["spike/episodes"], values["spike/episode_steps"]) == (2, 1, 5)


@pytest.mark.parametrize("loss", [[5.0, 4.0, NAN, NAN], [NAN] * 4])
def test_a_window_that_was_not_measured_to_its_end_says_nothing(loss: list[float]) -> None:
    assert set(instability_summary(loss, 4, 6.0).values()) == {None}
    assert set(instability_summary(loss, 0, 6.0).values()) == {None}
    assert episodes(loss, 0.1) == []


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 30) | st.just(NAN)), st.floats(0.01, 5))
def test_equals_a_loop(loss: np.ndarray, least: float) -> None:
    lowest, expected, open_episode = math.inf, [], None
    for step, value in enumerate(loss.tolist()):
        if math.isnan(value):
            continue
        if value <= lowest:
            if open_episode:
                start, peak, height = open_episode
                expected.append(Episode(start, peak, height, step - start))
            lowest, open_episode = value, None
            rise = 0.0
            best: tuple[int, float] = (step, 0.0)
            continue
        rise = value - lowest
        if rise > best[1]:
            best = (step, rise)
        if rise > least and open_episode is None:
            open_episode = (step, *best)
        elif open_episode:
            open_episode = (open_episode[0], *best)
    if open_episode:
        expected.append(Episode(*open_episode, None))
    assert episodes(loss, least) == expected


def test_the_committed_runs_that_rise_have_an_episode_and_those_that_do_not_have_none() -> None:
    """Every run of `results/quick`: above 1 nat an episode, below 0.1 none; recomputed from its curves."""
    folder = Path(__file__).parents[2] / "results" / "quick"
    runs = pd.read_parquet(folder / "runs.parquet").set_index("run_id")
    curves = pd.read_parquet(folder / "curves.parquet")
    rises = []
    for run_id, of_run in curves[curves["metric"] == "probe/loss"].groupby("run_id", observed=True):
        early = int(runs.loc[str(run_id), "early_steps"])
        loss = of_run.sort_values("step").set_index("step")["value"].reindex(range(int(of_run["step"].max()) + 1))
        found = episodes(loss, threshold(runs.loc[str(run_id), "unigram_entropy"]), early)
        lowest, rise = math.inf, 0.0
        for value in loss.to_numpy()[:early]:
            lowest = min(lowest, value)
            rise = max(rise, value - lowest)
        rises.append(rise)
        assert instability_summary(loss, early, 6.0)["spike/max_rise"] == pytest.approx(rise, abs=1e-9)
        if rise > 1:
            assert found, run_id
        if rise < 0.1:
            assert not found, run_id
    assert sum(rise > 1 for rise in rises) >= 5
    assert sum(rise < 0.1 for rise in rises) >= 10
