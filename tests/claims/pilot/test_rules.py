"""The rules that choose rates and levels hold for any outcome of the runs, not just those of one pilot."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from warmuplab.base.words import rate_label
from warmuplab.claims.pilot.choices import ladder_rates, large_rate, rival
from warmuplab.claims.pilot.levels import BY, common_level, run_length
from warmuplab.claims.pilot.needs import SEED_COUNTS, PartNeed, need_of, unseen_spread
from warmuplab.claims.pilot.rates import at_or_below, best_rate, fixed_rate, largest_trained, on_a_cliff
from warmuplab.claims.planned.chosen import Chosen
from warmuplab.claims.planned.plan import plan
from warmuplab.claims.terms import AtReadRate, Value
from warmuplab.series.values import describe

GRID = tuple(round(2e-3 * 2 ** (k / 2), 5) for k in range(7))
Floats = NDArray[np.float64]
outcomes = st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=2, max_size=5)


@given(outcomes)
def test_at_the_largest_rate_all_train_and_at_none_above(drawn: list[list[bool]]) -> None:
    trained = np.array(drawn, dtype=float)
    choice = largest_trained("net", GRID, trained)
    good = [rate for place, rate in enumerate(GRID) if all(row[place] for row in drawn)]
    assert choice.value == (max(good) if good else None)
    holes = bool(good) and len(good) <= GRID.index(max(good))
    assert bool(choice.refused) == (holes or not good)


@given(outcomes)
def test_a_fixed_rate_is_at_most_half_and_off_a_cliff_or_refused(drawn: list[list[bool]]) -> None:
    trained = np.array(drawn, dtype=float)
    largest, fixed = largest_trained("net", GRID, trained).value, fixed_rate("net", GRID, trained)
    if largest is None or largest < 2 * GRID[0] * 0.99:
        assert fixed.value is None
        assert fixed.refused
        return
    assert fixed.value is not None
    assert fixed.value <= largest / 2 * 1.01
    assert fixed.value * 1.42 > largest / 2
    place = GRID.index(fixed.value)
    beside = range(max(0, place - 1), min(7, place + 2))
    assert bool(fixed.refused) == (not all(row[k] for row in drawn for k in beside))


@given(outcomes)
def test_the_best_rate_has_the_lowest_mean_and_is_refused_at_ends_and_cliffs(drawn: list[list[bool]]) -> None:
    trained = np.array(drawn, dtype=float)
    loss = np.random.default_rng(len(str(drawn))).normal(4, 1, trained.shape)
    choice = best_rate("net", GRID, loss, trained)
    means = [sum(row) / len(row) for row in loss.T.tolist()]
    place = means.index(min(means))
    assert choice.value == GRID[place]
    ends = f"{rate_label(GRID[place])} is an end of the grid, the best may lie beyond" if place in (0, 6) else ""
    assert choice.refused == "; ".join(filter(None, [ends, on_a_cliff(GRID, trained, place)]))


def test_neighbours_are_those_within_a_factor_of_the_root_of_two() -> None:
    trained = np.ones((4, 7))
    trained[0, 4] = 0
    assert on_a_cliff(GRID, trained, 3) == "on a cliff: at 8e-3 only 3 of 4 seeds train"
    assert on_a_cliff(GRID, trained, 2) == ""
    coarse = (2e-3, 4e-3, 8e-3)
    assert on_a_cliff(coarse, np.array([[1.0, 1.0, 0.0]] * 2), 1) == ""


def test_sentences_have_the_numbers() -> None:
    trained = np.array([[1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0]], dtype=float)
    told = largest_trained("post-LN", GRID, trained).sentence
    assert told == "post-LN: the largest rate at which all 2 seeds train is 8e-3; at 1.131e-2 1 of 2 do."
    whole = largest_trained("post-LN", GRID, np.ones((2, 7))).sentence
    assert whole.endswith("train is 1.6e-2; the grid ends there, so it may lie higher.")


@pytest.mark.parametrize("rule", [largest_trained, fixed_rate])
def test_missing_runs_leave_no_choice(rule: object) -> None:
    trained = np.ones((4, 7))
    trained[1, 2] = math.nan
    choice = rule("net", GRID, trained)  # type: ignore[operator]
    assert choice.value is None
    assert choice.refused == "1 run is missing"
    assert best_rate("net", GRID, trained, trained).value is None


def test_a_rate_on_the_grid_is_at_most_the_one_wanted() -> None:
    assert at_or_below(GRID, 8e-3) == 8e-3
    assert at_or_below(GRID, 7e-3) == GRID[3]
    assert at_or_below(GRID, 1e-4) == GRID[0]
    assert large_rate("net", 4e-3, 8e-3, 2).refused == ""
    assert large_rate("net", 1.6e-2, 1.6e-2, 2).refused == "the grid ends below 2 times that rate"
    assert ladder_rates(4e-3, 8e-3).refused == ""
    assert ladder_rates(5.66e-3, 1.13e-2).refused == ""
    assert ladder_rates(2.83e-3, 5.66e-3).refused == "4e-3 is above the fixed rate; at 8e-3 not all seeds train"


@given(st.lists(st.lists(st.floats(1, 100), min_size=3, max_size=3), min_size=1, max_size=6))
def test_every_run_is_at_the_common_level_by_60_percent(drawn: list[list[float]]) -> None:
    steps_to = {float(level): np.array([sorted(run)[level] for run in drawn]) for level in range(3)}
    choice = common_level("arms", steps_to, 100)
    reached = [level for level, steps in steps_to.items() if all(step <= BY * 100 for step in steps)]
    assert choice.value == (max(reached) if reached else None)
    assert bool(choice.refused) == (not reached)


def test_levels_and_lengths_need_all_runs() -> None:
    assert common_level("arms", {1.0: np.array([3.0, math.nan])}, 100).refused == "runs are missing"
    assert run_length("net", {200: np.array([4.0, math.nan])}, 5.5).refused == "runs are missing"


def test_the_run_length_is_the_shortest_at_which_the_worst_seed_has_learned() -> None:
    loss_of: dict[int, Floats] = {200: np.array([4.4, 4.2]), 800: np.array([3.3, 3.9]), 3200: np.array([2.2, 2.3])}
    choice = run_length("net", loss_of, 5.46)
    assert choice.value == 800
    assert "1.06 after 200 steps, 1.56 after 800 steps and 3.16 after 3,200 steps; 800 steps" in choice.sentence
    assert run_length("net", {200: loss_of[200]}, 5.46).value is None


def test_the_rival_is_the_best_share_but_ten_percent() -> None:
    losses = {
        0.0: np.array([3.3, 3.5]),
        0.03: np.array([3.1, 3.1]),
        0.1: np.array([2.9, 3.0]),
        0.3: np.array([3.2, 3.2]),
    }
    assert rival(800, losses, 8e-3).value == 0.03
    assert "longest" not in rival(800, losses, 8e-3).sentence
    assert "longest" in rival(800, {0.1: losses[0.1], 0.3: losses[0.3]}, 8e-3).sentence


def part(upper: float, smallest: float = 0.05) -> PartNeed:
    comparison = dataclasses.replace(plan(Chosen())[0].parts[0], smallest_effect=smallest)
    return PartNeed(comparison, np.array([0.1, 0.2, 0.1, 0.3]), upper / 2, upper, 0)


@given(st.floats(0.001, 0.5), st.integers(1, 4))
def test_seeds_planned_are_the_fewest_that_are_enough(upper: float, parts: int) -> None:
    need = need_of(plan(Chosen())[0], [part(upper)] * parts, 20)
    assert need.seeds in SEED_COUNTS
    assert (need.lacks == "") == (need.power >= 0.9)
    if need.needed is not None and need.needed <= 32:
        assert need.seeds == min(count for count in SEED_COUNTS if count >= need.needed)
        assert need.lacks == ""
    else:
        assert need.seeds == 32
        assert "seeds" in need.lacks


def test_what_was_not_measured_or_never_differed_plans_nothing() -> None:
    unknown = PartNeed(part(1.0).comparison, np.array([0.1, math.nan]), math.nan, math.nan, 0)
    same = PartNeed(part(1.0).comparison, np.zeros(4), 0.0, math.nan, 4)
    assert "1 seed of 2 without a value" in need_of(plan(Chosen())[0], [part(0.1), unknown], 20).lacks
    assert "at their ceiling" in need_of(plan(Chosen())[0], [same], 20).lacks


def test_four_agreeing_seeds_leave_a_spread_open() -> None:
    share = 1 - 0.2**0.25  # (1 - share)^4 = 0.2: that four agree is as likely as that
    assert unseen_spread(0.5, 4) == pytest.approx(0.5 * math.sqrt(share * (1 - share)))
    assert unseen_spread(1.0, 16) < unseen_spread(1.0, 4)


def test_every_measure_is_in_the_catalogue() -> None:
    for planned in plan(Chosen()):
        for comparison in planned.parts:
            for term in (*comparison.plus, *comparison.minus):
                if isinstance(term, Value):
                    column = term.measure.column
                    assert column == "trained" or describe(column), column
                if isinstance(term, AtReadRate):
                    assert describe(term.mark)
