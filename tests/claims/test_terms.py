"""Terms and differences are what plain loops over seeds, arms and rates say."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from support.made_up import SEEDS, MadeUp, arm
from warmuplab.claims.arm import Measure
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.forms import better, needs_more, tolerated, within
from warmuplab.claims.terms import (
    FINAL_LOSS,
    AtReadRate,
    Entropy,
    LargestTrained,
    Mean,
    SmallestSufficient,
    Term,
    Value,
)

Floats = NDArray[np.float64]
DRIFT = Measure("drift", "drift of a layer", "of 1 - CKA", "more")
KEPT = Measure("kept", "memorisation", "nats", "less")


def drawn(seed: int, **rates: int) -> dict[str, Floats]:
    """Losses of arms at so many rates."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(4, 1, (SEEDS, count)) for name, count in rates.items()}


def test_a_value_is_what_the_table_says_of_the_only_rate() -> None:
    evidence = MadeUp({"a": [1, 2, math.nan, 4, math.nan, 6]}, lacking={"a": [[0], [0], [1], [0], [0], [0]]})
    read = Value(arm("a"), KEPT).read(evidence)
    assert read.values == pytest.approx([1, 2, math.nan, 4, math.nan, 6], nan_ok=True)
    assert read.lacking.tolist() == [False, False, True, False, False, False]
    assert read.worse == "less"
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


def test_the_largest_rate_at_which_a_seed_trains_is_told_in_doublings() -> None:
    trained = [[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, math.nan, 1, 1], [0, 1, 0, 0]]
    read = LargestTrained(arm("a", 4)).read(MadeUp({"a": trained}))
    assert 2 ** read.values[:4] * 1000 == pytest.approx([2, 4, 0.5, 8])
    assert math.isnan(read.values[4])
    assert 2 ** read.values[5] * 1000 == pytest.approx(2)


def test_the_shortest_warmup_that_suffices_is_within_the_margin_of_the_best_of_its_seed() -> None:
    ladder, lengths = (arm("none"), arm("short"), arm("long")), (0.0, 20.0, 80.0)
    losses = {
        "none": [3.00, 3.20, 3.20, 5.0, math.nan, 3.1],
        "short": [3.04, 3.10, 3.30, 5.0, 3.0, 5.0],
        "long": [3.30, 3.06, 3.00, 5.0, 3.0, 5.0],
    }
    marks = {name: [[loss == 5.0] for loss in values] for name, values in losses.items()}
    read = SmallestSufficient(ladder, lengths).read(MadeUp(losses, at_ceiling=marks))
    # none suffices; the short one is near enough; only the long one; no length trains; a run is missing; none alone
    assert 2**read.values == pytest.approx([10, 20, 80, 160, math.nan, 10], nan_ok=True)
    wider = SmallestSufficient(ladder, lengths, margin=0.2).read(MadeUp(losses, at_ceiling=marks))
    assert 2 ** wider.values[:3] == pytest.approx([10, 10, 10])
    assert SmallestSufficient(ladder, lengths).arms == ladder


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
    term = AtReadRate(arms, ramps, 6e-3, "ramp/rise_lr")
    evidence = MadeUp(losses, told)
    for place, name in enumerate(read_off):
        assert term.suggested(evidence, place) == pytest.approx(read_off[name], nan_ok=True)
    expected = []
    for seed in range(SEEDS):
        rates = [6e-3 if math.isnan(read_off[ramp.name][seed]) else read_off[ramp.name][seed] for ramp in ramps]
        expected.append(
            fmean(between(a.rates, losses[a.name][seed], rate) for a, rate in zip(arms, rates, strict=True))
        )
    read = term.read(evidence)
    assert read.values == pytest.approx(expected)
    assert term.arms == (*arms, *ramps)


def test_a_ramp_that_is_missing_suggests_nothing_and_is_not_replaced() -> None:
    arms, ramps = (arm("a", 4), arm("b", 4)), (arm("ramp a", 0), arm("ramp b", 0))
    told = {
        "ramp a": {"seed": [0, 1, 2, 3, 4], "ramp/jitter_lr": [2e-3] * 5},
        "ramp b": {"seed": range(SEEDS), "ramp/jitter_lr": [None] * SEEDS},
    }
    read = AtReadRate(arms, ramps, 2e-3).read(MadeUp(drawn(6, a=4, b=4), told))
    assert np.isnan(read.values).tolist() == [False] * 5 + [True]
    told["ramp b"] = {"seed": []}  # none was trained
    assert np.isnan(AtReadRate(arms, ramps, 2e-3).read(MadeUp(drawn(6, a=4, b=4), told)).values).all()


def test_differences_are_plus_minus_minus() -> None:
    control, other, better_one = arm("c"), arm("o", 2), arm("b")
    comparison = Comparison(
        "x", (Value(control, FINAL_LOSS), Mean(other)), (Value(better_one, FINAL_LOSS),), 0.0, margin=-0.25
    )
    losses = drawn(7, c=1, o=2, b=1)
    found = contrast_of(comparison, MadeUp(losses))
    o = [fmean(row) for row in losses["o"].tolist()]
    c, b = (losses[name][:, 0].tolist() for name in "cb")
    assert found.differences == pytest.approx([c[s] + o[s] - b[s] for s in range(SEEDS)])
    assert (found.name, found.smallest_effect, found.unit, found.margin) == ("x", 0.0, "nats", -0.25)


def test_forms_are_oriented_so_that_more_supports_the_claim() -> None:
    values = {"a": np.arange(SEEDS) + 1.0, "b": np.arange(SEEDS) ** 2.0}
    less_is_better, more_is_better = values["b"] - values["a"], values["a"] - values["b"]
    for comparison, differences in (
        (better("x", arm("a"), arm("b")), less_is_better),
        (better("x", arm("a"), arm("b"), KEPT, 0.02), more_is_better),
        (within("x", arm("a"), arm("b"), 0.1), less_is_better),
    ):
        assert contrast_of(comparison, MadeUp(values)).differences == pytest.approx(differences)
    compared = within("x", arm("a"), arm("b"), 0.1)
    assert (compared.margin, compared.smallest_effect) == (-0.1, 0)
    trained = {"a": np.ones((SEEDS, 3)), "b": [[1, 1, 0]] * SEEDS}
    doublings = contrast_of(tolerated("x", arm("a", 3), arm("b", 3)), MadeUp(trained))
    assert doublings.differences == pytest.approx([1.0] * SEEDS)
    ladders = {"n": [3.0] * SEEDS, "s": [2.5] * SEEDS, "l": [2.0] * SEEDS}
    more = SmallestSufficient((arm("n"), arm("s"), arm("l")), (0, 10, 40))
    less = SmallestSufficient((arm("s"), arm("l")), (10, 40), margin=1.0)
    assert contrast_of(needs_more("x", more, less), MadeUp(ladders)).differences == pytest.approx([2.0] * SEEDS)


def test_a_missing_run_of_any_term_leaves_its_seed_null() -> None:
    losses = drawn(9, a=1, b=1)
    losses["a"][2, 0] = losses["b"][4, 0] = math.nan
    found = contrast_of(better("x", arm("a"), arm("b")), MadeUp(losses))
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
    assert found.at_ceiling == (2, 2)
    lacking["b"] = lacking["b"] & (np.arange(SEEDS)[:, None] != 2)  # that run is missing
    found = contrast_of(comparison, MadeUp(values, lacking=lacking))
    assert np.isnan(found.differences).tolist() == [s == 2 for s in range(SEEDS)]
    assert found.differences[3] == 0  # both are the worst
    nothing = {"a": [nan] * SEEDS, "b": [nan] * SEEDS}
    found = contrast_of(comparison, MadeUp(nothing, lacking={"a": True, "b": True}))
    assert np.isnan(found.differences).all()  # of which none is known to be the worst


def test_a_seed_with_a_run_at_its_ceiling_counts_once_on_each_side() -> None:
    losses = {name: np.full((SEEDS, 1), 3.0) for name in "abc"}
    marks = {name: np.zeros((SEEDS, 1), bool) for name in "abc"}
    marks["a"][1] = marks["b"][1] = marks["b"][4] = marks["c"][2] = True
    terms = [Value(arm(name), FINAL_LOSS) for name in "abc"]
    found = contrast_of(Comparison("x", tuple(terms[:2]), (terms[2],), 0.0), MadeUp(losses, at_ceiling=marks))
    assert found.at_ceiling == (2, 1)
    turned = [Value(arm(name), KEPT) for name in "abc"]  # of which less is worse: a ceiling lowers what is added
    found = contrast_of(Comparison("x", tuple(turned[:2]), (turned[2],), 0.0), MadeUp(losses, at_ceiling=marks))
    assert found.at_ceiling == (1, 2)


def test_an_arm_that_several_terms_read_is_needed_once() -> None:
    a, b, c = arm("a", 3), arm("b", 3), arm("c", 3)
    both: tuple[Term, ...] = (Mean(a), Mean(b), LargestTrained(a))
    comparisons = Comparison("x", both, (Mean(c),), 0.1), Comparison("y", (Mean(c),), (Mean(b),), 0.1)
    assert comparisons[0].arms == (a, b, c)
    claim = Claim("one", "Said.", "a hunch", "Measured.", (*comparisons, better("z", a.at(1e-3), b)), study="made-up")
    assert [one.name for one in claim.arms] == ["a", "b", "c", "a"]  # the last at a rate of its own


def test_arms_with_other_seeds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different seeds"):
        better("x", arm("a", seeds=5), arm("b", seeds=6))
