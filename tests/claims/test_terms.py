"""Terms, differences and what bounds them are what plain loops over seeds, arms and rates say."""

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from support.made_up import SEEDS, MadeUp, arm
from warmuplab.claims.arm import Measure
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.forms import at_best, sensitivity, within
from warmuplab.claims.statistics import sign_flip_p
from warmuplab.claims.terms import FINAL_LOSS, AtReadRate, Best, CommonBest, EachBest, Entropy, Mean, Term, Value

Floats = NDArray[np.float64]
DRIFT = Measure("drift", "drift of a layer", "of 1 - CKA", "more")
KEPT = Measure("kept", "memorisation", "nats", "less")


def drawn(seed: int, **rates: int) -> dict[str, Floats]:
    """Losses of arms at so many rates."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(4, 1, (SEEDS, count)) for name, count in rates.items()}


def chosen(loss: Sequence[Sequence[float]]) -> list[int]:
    """For each seed the option with the lowest mean over the others."""
    picks = []
    for seed in range(len(loss)):
        means = [fmean(loss[o][k] for o in range(len(loss)) if o != seed) for k in range(len(loss[0]))]
        picks.append(means.index(min(means)))
    return picks


def at_chosen(loss: Sequence[Sequence[float]]) -> list[float]:
    return [row[pick] for row, pick in zip(loss, chosen(loss), strict=True)]


def test_a_value_is_what_the_table_says_of_the_only_rate() -> None:
    evidence = MadeUp({"a": [1, 2, math.nan, 4, math.nan, 6]}, lacking={"a": [[0], [0], [1], [0], [0], [0]]})
    read = Value(arm("a"), KEPT).read(evidence)
    assert read.values == pytest.approx([1, 2, math.nan, 4, math.nan, 6], nan_ok=True)
    assert np.array_equal(read.options, [read.values], equal_nan=True)
    assert read.lacking.tolist() == [False, False, True, False, False, False]
    assert (read.worse, read.at_edge) == ("less", False)
    read = Value(arm("a"), DRIFT).read(MadeUp({"a": range(6)}, at_ceiling={"a": [[0], [1]] * 3}))
    assert (read.worse, read.at_ceiling.tolist()) == ("more", [False, True] * 3)


def test_the_entropy_is_that_of_each_seed_s_run() -> None:
    told = {"seed": [4, 0, 2, 1, 3], "unigram_entropy": [5.4, 5.0, 5.2, 5.1, 5.3]}
    read = Entropy(arm("a")).read(MadeUp({}, {"a": told}))
    assert read.values == pytest.approx([5.0, 5.1, 5.2, 5.3, 5.4, math.nan], nan_ok=True)
    nothing = Entropy(arm("a")).read(MadeUp({}, {"a": {"seed": []}}))
    assert np.isnan(nothing.values).all()
    assert nothing.values.shape == (SEEDS,)


def test_the_mean_takes_all_rates_and_a_ceiling_hides_nothing_of_it() -> None:
    losses = drawn(0, a=3)
    losses["a"][2, 1] = math.nan
    read = Mean(arm("a", 3)).read(MadeUp(losses, at_ceiling={"a": True}))
    assert read.values == pytest.approx([fmean(row) for row in losses["a"].tolist()], nan_ok=True)
    assert np.isnan(read.values).tolist() == [False, False, True, False, False, False]
    assert not read.at_ceiling.any()


@pytest.mark.parametrize("grids", [{"a": 5}, {"a": 1}, {"a": 3, "b": 5, "c": 1}])
def test_the_best_option_is_that_of_the_other_seeds(grids: dict[str, int]) -> None:
    edges = [count > 1 and k in (0, count - 1) for count in grids.values() for k in range(count)]
    seen = set()
    for seed in range(30):
        losses = drawn(seed, **grids)
        marks = {name: values > 4.5 for name, values in losses.items()}
        read = Best(tuple(arm(*grid) for grid in grids.items())).read(MadeUp(losses, at_ceiling=marks))
        options = np.concatenate(list(losses.values()), axis=1).tolist()
        assert read.values == pytest.approx(at_chosen(options))
        assert read.options == pytest.approx(np.array(list(zip(*options, strict=True))))
        assert read.at_ceiling.tolist() == [loss > 4.5 for loss in at_chosen(options)]
        assert read.at_edge == any(edges[pick] for pick in chosen(options))
        seen.add(read.at_edge)
    assert seen == ({False} if grids == {"a": 1} else {False, True})


def test_a_seed_that_lacks_a_run_is_null_and_chooses_for_no_other() -> None:
    losses = drawn(3, a=4)
    losses["a"][1, 0], losses["a"][1, 3] = -100.0, math.nan  # would make everybody choose the first rate
    read = Best((arm("a", 4),)).read(MadeUp(losses))
    rest = np.delete(losses["a"], 1, axis=0).tolist()
    assert np.isnan(read.values[1])
    assert np.delete(read.values, 1) == pytest.approx(at_chosen(rest))
    assert 0 not in chosen(rest)
    assert read.at_edge == (3 in chosen(rest))
    losses["a"][2:, 0] = math.nan
    assert np.isnan(Best((arm("a", 4),)).read(MadeUp(losses)).values).all()  # one seed has no others


def test_the_common_rate_is_one_that_all_arms_have_and_the_best_on_average() -> None:
    arms = arm("a", 5), arm("b", 4, first=1), arm("c", 6)  # 2e-3 to 1.6e-2 are shared
    assert CommonBest(arms).rates == pytest.approx((2e-3, 4e-3, 8e-3, 1.6e-2))
    seen = set()
    for seed in range(30):
        losses = drawn(seed, a=5, b=4, c=6)
        read = CommonBest(arms).read(MadeUp(losses))
        shared = [
            [fmean((losses["a"][s, k + 1], losses["b"][s, k], losses["c"][s, k + 1])) for k in range(4)]
            for s in range(SEEDS)
        ]
        assert read.values == pytest.approx(at_chosen(shared))
        assert read.options == pytest.approx(np.array(shared).T)
        assert read.at_edge == any(pick in (0, 3) for pick in chosen(shared))
        seen.add(read.at_edge)
    assert seen == {False, True}
    losses["b"][2, 3] = math.nan
    assert np.isnan(CommonBest(arms).read(MadeUp(losses)).values).tolist() == [s == 2 for s in range(SEEDS)]


def test_each_arm_s_best_rate_is_its_own_and_no_fixed_rates_do_better_than_the_bound() -> None:
    arms, seen = (arm("a", 3), arm("b", 4)), set()
    for seed in range(30):
        losses = drawn(seed, a=3, b=4)
        for values in losses.values():
            values[:, 1] -= 1.0
        read = EachBest(arms).read(MadeUp(losses))
        each = [at_chosen(values.tolist()) for values in losses.values()]
        assert read.values == pytest.approx([fmean(pair) for pair in zip(*each, strict=True)])
        (bound,) = read.options
        fixed = [(losses["a"][:, i] + losses["b"][:, k]) / 2 for i in range(3) for k in range(4)]
        assert bound == pytest.approx(np.min(fixed, axis=0))
        assert read.at_edge == any(Best((one,)).read(MadeUp(losses)).at_edge for one in arms)
        seen.add(read.at_edge)
    assert seen == {False, True}


def between(rates: Sequence[float], losses: Sequence[float], rate: float) -> float:
    """Straight lines over the logarithm of the rate, level beyond the ends."""
    if not rates[0] < rate < rates[-1]:
        return losses[0] if rate <= rates[0] else losses[-1]
    k = next(k for k in range(len(rates)) if rate <= rates[k + 1])
    share = math.log(rate / rates[k]) / math.log(rates[k + 1] / rates[k])
    return (1 - share) * losses[k] + share * losses[k + 1]


def test_at_the_rate_that_a_ramp_suggests_the_loss_is_interpolated() -> None:
    arms, ramps = (arm("a", 4), arm("b", 5)), (arm("ramp a", 0), arm("ramp b", 0))
    losses = drawn(5, a=4, b=5)
    read_off = {
        "ramp a": [1e-3, 2.5e-3, 8e-3, 1e-4, 0.9, math.nan],  # at a rate, between two, at the last, beyond; nothing
        "ramp b": [3e-3, math.nan, 1.6e-2, 1.2e-2, 5e-3, 1e-2],
    }
    order = [3, 1, 0, 2, 5, 4]
    told = {name: {"seed": order, "ramp/rise_lr": [rates[seed] for seed in order]} for name, rates in read_off.items()}
    term = AtReadRate(arms, ramps, "ramp/rise_lr")
    evidence = MadeUp(losses, told)
    for place, name in enumerate(read_off):
        assert term.suggested(evidence, place) == pytest.approx(read_off[name], nan_ok=True)
    common = [[fmean((losses["a"][s, k], losses["b"][s, k])) for k in range(4)] for s in range(SEEDS)]
    fallback = [arms[0].rates[pick] for pick in chosen(common)]
    expected = []
    for seed in range(SEEDS):
        rates = [
            fallback[seed] if math.isnan(read_off[ramp.name][seed]) else read_off[ramp.name][seed] for ramp in ramps
        ]
        expected.append(
            fmean(between(a.rates, losses[a.name][seed], rate) for a, rate in zip(arms, rates, strict=True))
        )
    read = term.read(evidence)
    assert read.values == pytest.approx(expected)
    assert not read.at_edge
    assert term.arms == (*arms, *ramps)


def test_a_ramp_that_is_missing_suggests_nothing_and_is_not_replaced() -> None:
    arms, ramps = (arm("a", 4), arm("b", 4)), (arm("ramp a", 0), arm("ramp b", 0))
    told = {
        "ramp a": {"seed": [0, 1, 2, 3, 4], "ramp/jitter_lr": [2e-3] * 5},
        "ramp b": {"seed": range(SEEDS), "ramp/jitter_lr": [None] * SEEDS},
    }
    read = AtReadRate(arms, ramps).read(MadeUp(drawn(6, a=4, b=4), told))
    assert np.isnan(read.values).tolist() == [False] * 5 + [True]
    told["ramp b"] = {"seed": []}  # none was trained
    assert np.isnan(AtReadRate(arms, ramps).read(MadeUp(drawn(6, a=4, b=4), told)).values).all()


def test_differences_are_plus_minus_minus_and_bounds_try_every_option_of_one_side() -> None:
    control, other, better, rival = arm("c", 3), arm("o", 2), arm("b", 4), arm("r", 5)
    comparison = Comparison(
        "x", (Best((control,)), Mean(other)), (Best((better,)), Best((rival,))), 0.3, "nats", margin=0.25
    )
    losses = drawn(7, c=3, o=2, b=4, r=5)
    found = contrast_of(comparison, MadeUp(losses))
    c, b, r = (at_chosen(losses[name].tolist()) for name in "cbr")
    o = [fmean(row) for row in losses["o"].tolist()]
    assert found.differences == pytest.approx([0.25 + c[s] + o[s] - b[s] - r[s] for s in range(SEEDS)])
    lower = [[0.25 + losses["c"][s, k] + o[s] - b[s] - r[s] for s in range(SEEDS)] for k in range(3)]
    upper = [
        [0.25 + c[s] + o[s] - losses["b"][s, k] - losses["r"][s, j] for s in range(SEEDS)]
        for k, j in itertools.product(range(4), range(5))
    ]
    for rows, expected in zip(found.bounds, (lower, upper), strict=True):
        assert np.array(sorted(rows.tolist())) == pytest.approx(np.array(sorted(expected)))
    assert (found.name, found.smallest_effect, found.unit) == ("x", 0.3, "nats")


@pytest.mark.parametrize(
    ("comparison", "terms", "margin"),
    [
        (at_best("x", arm("b", 3), arm("c", 4)), [("c", "best", 1), ("b", "best", -1)], 0.0),
        (within("x", arm("b", 3), (arm("c", 4),), 0.2), [("c", "best", 1), ("b", "best", -1)], 0.2),
        (
            sensitivity("x", arm("b", 3), arm("c", 4)),
            [("c", "mean", 1), ("c", "best", -1), ("b", "mean", -1), ("b", "best", 1)],
            0.0,
        ),
    ],
)
def test_less_loss_of_the_better_arm_supports(
    comparison: Comparison, terms: list[tuple[str, str, int]], margin: float
) -> None:
    losses = drawn(8, b=3, c=4)
    of = {"best": at_chosen, "mean": lambda table: [fmean(row) for row in table]}
    parts = [[sign * value for value in of[kind](losses[name].tolist())] for name, kind, sign in terms]
    expected = [margin + sum(values) for values in zip(*parts, strict=True)]
    assert contrast_of(comparison, MadeUp(losses)).differences == pytest.approx(expected)


def test_without_a_choice_the_differences_are_their_own_bounds() -> None:
    values = {"a": np.arange(SEEDS), "b": np.arange(SEEDS) ** 2}
    found = contrast_of(Comparison("x", (Value(arm("a"), DRIFT),), (Value(arm("b"), DRIFT),), 0.0), MadeUp(values))
    assert all(np.array_equal(rows, [found.differences]) for rows in found.bounds)


def test_a_missing_run_of_any_term_leaves_its_seed_null() -> None:
    losses = drawn(9, a=3, b=3)
    losses["a"][2, 0] = losses["b"][4, 1] = math.nan
    found = contrast_of(at_best("x", arm("a", 3), arm("b", 3)), MadeUp(losses))
    assert np.isnan(found.differences).tolist() == [s in (2, 4) for s in range(SEEDS)]


@pytest.mark.parametrize(("measure", "worst"), [(DRIFT, 9.0), (KEPT, -3.0)])
def test_a_run_that_lacks_a_value_counts_as_the_worst_of_those_compared(measure: Measure, worst: float) -> None:
    nan = math.nan
    values = {"a": [1.0, nan, 2.0, nan, 9.0, 3.0], "b": [0.0, 5.0, nan, nan, -3.0, 4.0]}
    lacking = {name: np.isnan(np.reshape(column, (-1, 1))) for name, column in values.items()}
    comparison = Comparison("x", (Value(arm("a"), measure),), (Value(arm("b"), measure),), 0.0)
    found = contrast_of(comparison, MadeUp(values, lacking=lacking, at_ceiling=lacking))
    filled = [[worst if math.isnan(value) else value for value in column] for column in values.values()]
    assert found.differences == pytest.approx([a - b for a, b in zip(*filled, strict=True)])
    assert all(np.array_equal(rows, [found.differences]) for rows in found.bounds)
    assert found.at_ceiling == 3
    lacking["b"] = lacking["b"] & (np.arange(SEEDS)[:, None] != 2)  # that run is missing
    found = contrast_of(comparison, MadeUp(values, lacking=lacking))
    assert np.isnan(found.differences).tolist() == [s == 2 for s in range(SEEDS)]
    assert found.differences[3] == 0  # both are the worst
    nothing = {"a": [nan] * SEEDS, "b": [nan] * SEEDS}
    found = contrast_of(comparison, MadeUp(nothing, lacking={"a": True, "b": True}))
    assert np.isnan(found.differences).all()  # of which none is known to be the worst


def test_a_seed_with_a_run_at_its_ceiling_counts_once() -> None:
    losses = {"a": np.full((SEEDS, 3), 3.0), "b": np.full((SEEDS, 3), 4.0)}
    losses["a"][:, 1] = losses["b"][:, 1] = 2.0
    marks = {name: np.zeros((SEEDS, 3), bool) for name in "ab"}
    marks["a"][1, 1] = marks["b"][1, 1] = marks["b"][4, 1] = True
    marks["a"][2, 0] = True  # not the rate that is chosen
    assert contrast_of(at_best("x", arm("a", 3), arm("b", 3)), MadeUp(losses, at_ceiling=marks)).at_ceiling == 2


@pytest.mark.parametrize("best", range(3))
def test_a_best_rate_at_the_edge_of_any_term_is_told(best: int) -> None:
    inside, moved = np.full((SEEDS, 3), 4.0), np.full((SEEDS, 3), 4.0)
    inside[:, 1] = moved[:, best] = 3.0
    for pair in ({"a": inside, "b": moved}, {"a": moved, "b": inside}):
        assert contrast_of(at_best("x", arm("a", 3), arm("b", 3)), MadeUp(pair)).at_edge == (best != 1)
    single = {"a": inside, "b": moved[:, best]}
    assert not contrast_of(at_best("x", arm("a", 3), arm("b", 1)), MadeUp(single)).at_edge


def contrasts(comparison: Comparison, draws: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """Differences and what bounds them, of many draws."""
    found = [
        contrast_of(comparison, MadeUp(dict(zip(draws, tables, strict=True))))
        for tables in zip(*draws.values(), strict=True)
    ]
    lower, upper = (np.array(rows) for rows in zip(*(one.bounds for one in found), strict=True))
    return np.array([one.differences for one in found]), lower, upper


@pytest.mark.parametrize(
    ("curvature", "alone", "against_all"), [(0.1, 0.14, 0.01), (0.3, 0.13, 0.02), (3.0, 0.05, 0.05)]
)
def test_the_choice_of_a_rate_does_not_raise_the_error(curvature: float, alone: float, against_all: float) -> None:
    """Two arms that are equally good at best, by different rates; a rate next to the best is worse by `curvature`
    standard deviations over seeds. Measured rates of error at 0.05: of the differences alone, and against all rates.
    """
    rng, grid = np.random.default_rng(13), np.arange(7.0)
    losses = {
        name: rng.normal(size=(3000, 10, 7)) + curvature * (grid - best) ** 2 for name, best in (("a", 2), ("b", 4))
    }
    comparison = at_best("x", arm("a", 7, seeds=10), arm("b", 7, seeds=10))
    differences, lower, upper = contrasts(comparison, losses)
    assert (sign_flip_p(differences, "greater") <= 0.05).mean() == pytest.approx(alone, abs=0.02)
    for rows in (lower, -upper):
        p = np.max([sign_flip_p(rows[:, option], "greater") for option in range(7)], axis=0)
        assert (p <= 0.05).mean() == pytest.approx(against_all, abs=0.012)


@pytest.mark.parametrize(("curvature", "error"), [(0.0, 0.10), (0.3, 0.05), (3.0, 0.05)])
def test_against_what_has_no_choice_only_the_luck_of_one_side_is_bounded(curvature: float, error: float) -> None:
    """An arm at the best of five rates against one that is as good. Measured rates of error at 0.05 of the test that
    finds the arm with the choice better: where the rates are all alike its luck is not bounded, as the other has no
    options. That it is worse is found at most as often.
    """
    rng = np.random.default_rng(14)
    losses = {
        "a": rng.normal(size=(3000, 10, 5)) + curvature * (np.arange(5.0) - 2) ** 2,
        "b": rng.normal(size=(3000, 10, 1)),
    }
    a, b = arm("a", 5, seeds=10), arm("b", 1, seeds=10)
    _, lower, upper = contrasts(Comparison("x", (Best((a,)),), (Value(b, FINAL_LOSS),), 0.0), losses)
    better = sign_flip_p(upper[:, 0], "less")
    worse = np.max([sign_flip_p(lower[:, option], "greater") for option in range(5)], axis=0)
    assert (better <= 0.05).mean() == pytest.approx(error, abs=0.015)
    assert (worse <= 0.05).mean() <= 0.06


def test_an_arm_that_several_terms_read_is_needed_once() -> None:
    a, b, c = arm("a", 3), arm("b", 3), arm("c", 3)
    both: tuple[Term, ...] = (Best((a, b)), Mean(a))
    comparisons = Comparison("x", both, (Best((c,)),), 0.1), Comparison("y", (Mean(c),), (Mean(b),), 0.1)
    assert comparisons[0].arms == (a, b, c)
    claim = Claim("one", "Said.", "a hunch", "Measured.", (*comparisons, at_best("z", a.at(1e-3), b)))
    assert [one.name for one in claim.arms] == ["a", "b", "c", "a"]  # the last at a rate of its own
