"""Each seed gets the rate that is best on the others."""

import math

import numpy as np
import pytest

from warmuplab.figures.claims.best import best_on_others, chosen_by_others


def test_a_seed_that_lacks_a_run_is_null_and_chooses_for_no_other() -> None:
    loss = np.random.default_rng(3).normal(size=(6, 4))
    loss[1, 0], loss[1, 3] = -100.0, math.nan  # would make everybody choose the first rate
    values, chosen = chosen_by_others(loss)
    rest = np.delete(loss, 1, axis=0)
    assert math.isnan(values[1])
    assert np.delete(chosen, 1).tolist() == best_on_others(rest).tolist()
    loss[2:, 0] = math.nan
    assert np.isnan(chosen_by_others(loss)[0]).all()  # one seed has no others


def test_each_seed_is_given_the_option_that_is_best_on_the_others() -> None:
    rng = np.random.default_rng(10)
    tables = rng.normal(size=(40, 6, 4))
    for loss in tables:
        best = best_on_others(loss)
        for seed in range(6):
            means = [np.mean([loss[other, i] for other in range(6) if other != seed]) for i in range(4)]
            assert best[seed] == means.index(min(means))
    assert (best_on_others(tables) == [best_on_others(loss) for loss in tables]).all()
    assert best_on_others(tables.reshape(5, 8, 6, 4)).shape == (5, 8, 6)


def test_the_only_option_is_the_best_and_ties_go_to_the_first() -> None:
    assert best_on_others([[1.0], [2.0]]).tolist() == [0, 0]
    assert best_on_others([[9.0, 1.0, 1.0, 9.0]] * 3).tolist() == [1, 1, 1]
    assert best_on_others(np.full((3, 3), 0.1 + 0.2)).tolist() == [0, 0, 0]
    rounded = [[0.3, 0.1 + 0.2 - 1e-16], [0.1 + 0.2, 0.3], [0.3, 0.3]]  # equal but for rounding
    assert best_on_others(rounded).tolist() == [0, 0, 0]


def test_leaving_one_out_takes_away_the_winner_s_luck() -> None:
    """Eight rates that are equally good, at a loss of 0: chosen on the seeds they are judged on, they seem better."""
    loss = np.random.default_rng(11).normal(size=(3000, 10, 8))
    chosen = np.take_along_axis(loss, best_on_others(loss)[..., None], axis=-1)
    assert chosen.mean() == pytest.approx(0, abs=0.02)
    assert loss.mean(axis=-2).min(axis=-1).mean() < -0.4


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ([[1.0, 2.0]], "two seeds"),
        ([[1.0, math.nan]] * 3, "finite"),
        ([[1.0, math.inf]] * 3, "finite"),
        ([1.0, 2.0], "two seeds"),
        ([[], []], r"not \(2, 0\)"),
    ],
)
def test_tables_without_a_best_option_are_refused(loss: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_on_others(loss)
