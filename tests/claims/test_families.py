"""Families are what the step-by-step procedures say, and their names of parts keep their bound."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from support.verdicts_again import verdicts_again
from warmuplab.claims.families import ALPHA, Adjusted, adjust, verdicts
from warmuplab.claims.statistics import holm

Floats = NDArray[np.float64]
NEARLY = 1 + 1e-12  # rounding decides no tie


def registry(seed: int, claims: int = 6, widest: int = 4) -> Floats:
    """p-values [claim, part] with ties and many small ones; nulls where a claim has fewer parts."""
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 40, (claims, widest)) / 2000.0 * rng.choice([1, 20], (claims, widest))
    p[np.arange(widest) >= rng.integers(1, widest + 1, claims)[:, None]] = np.nan
    return p


def holm_within(p: list[float], level: float) -> set[int]:
    """Places that pass Holm's rule at this level, one after the other."""
    passed: set[int] = set()
    for place in sorted(range(len(p)), key=p.__getitem__):
        if p[place] > level * NEARLY / (len(p) - len(passed)):
            break
        passed.add(place)
    return passed


def step_by_step(p: Floats, level: float, at_once: bool) -> list[set[int]]:
    """The parts that are found in each claim, as the docstring of `families` says it.

    `at_once`: a claim leaves when its largest p passes, else when all of its parts pass Holm's rule within it.
    """
    parts = [row[~np.isnan(row)].tolist() for row in p]
    gone: set[int] = set()

    def found(claim: int, share: float) -> set[int]:
        if at_once and max(parts[claim]) <= share * NEARLY:
            return set(range(len(parts[claim])))
        return holm_within(parts[claim], share)

    while True:
        share = level / (len(parts) - len(gone)) if len(gone) < len(parts) else level
        leaving = {c for c in range(len(parts)) if c not in gone and len(found(c, share)) == len(parts[c])}
        if not leaving:
            return [set(range(len(row))) if c in gone else found(c, share) for c, row in enumerate(parts)]
        gone.add(min(leaving))


@pytest.mark.parametrize("at_once", [True, False])
def test_adjusted_p_values_are_the_levels_at_which_the_procedure_finds_each_part(at_once: bool) -> None:
    for seed in range(60):
        p = registry(seed)
        nothing = np.where(np.isnan(p), np.nan, 1.0)
        adjusted = adjust(p, nothing, nothing).shown if at_once else adjust(nothing, p, nothing).reversed_
        assert (np.isnan(adjusted) == np.isnan(p)).all()
        for level in (0.005, 0.025, 0.05, 0.2, 0.6):
            expected = step_by_step(p, level, at_once)
            shown = [set(np.flatnonzero(row <= level * NEARLY).tolist()) for row in adjusted]
            assert shown == expected, (seed, level)


def test_a_claim_is_supported_by_holm_over_the_largest_p_of_each() -> None:
    for seed in range(60):
        p = registry(seed)
        nothing = np.where(np.isnan(p), np.nan, 1.0)
        largest = np.nanmax(p, axis=1)
        assert np.nanmax(adjust(p, nothing, nothing).shown, axis=1) == pytest.approx(holm(largest))


def test_many_studies_are_adjusted_as_one_by_one() -> None:
    many = np.stack([registry(seed) for seed in range(8)])
    many[:, np.isnan(many).any(axis=0)] = np.nan  # claims have the same parts in all studies
    many[:, :, 0] = np.where(np.isnan(many[:, :, 0]), 0.5, many[:, :, 0])
    whole = adjust(many, many, many)
    for study in range(8):
        alone = adjust(many[study], many[study], many[study])
        for one, all_ in ((alone.shown, whole.shown), (alone.reversed_, whole.reversed_)):
            np.testing.assert_array_equal(one, all_[study])


VERDICTS = {
    "no difference": ([0.9, 0.001], [0.1, 0.9], [0.05, 0.01]),  # too small to matter, whatever its direction
    "supported": ([0.025, 0.001], [1, 1], [1, 1]),
    "refuted": ([0.001, 1], [1, 0.025], [1, 1]),
    "supported in part": ([0.025, 0.026], [1, 0.026], [1, 0.051]),
    "inconclusive": ([0.026, 0.026], [1, 1], [0.01, 0.051]),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_first_rule_that_applies_gives_the_verdict(verdict: str) -> None:
    rows = [np.array([[*row, math.nan]]) for row in VERDICTS[verdict]]
    assert verdicts(Adjusted(*rows)).tolist() == [verdict]


def test_what_is_too_small_to_matter_is_neither_shown_nor_reversed() -> None:
    small_and_positive = Adjusted(*(np.array([row]) for row in ([0.001, 0.001], [1, 1], [0.01, 1])))
    assert verdicts(small_and_positive).tolist() == ["supported in part"]
    small_and_negative = Adjusted(*(np.array([row]) for row in ([1, 1], [0.001, 1], [0.01, 1])))
    assert verdicts(small_and_negative).tolist() == ["inconclusive"]


def test_the_bound_of_the_names_of_parts_is_reached_by_the_worst_dependence_and_no_more() -> None:
    """Two parts that do not hold, in the only claim: p-values spread so that the two rules never err together."""
    grid = (np.arange(4000) + 0.5) / 4000  # each p-value is uniform
    half = ALPHA / 2
    between = (grid > half) & (grid <= ALPHA)
    first, second = grid.copy(), grid[::-1].copy()  # where one is small, the other is large
    second[np.flatnonzero(between)], swapped = grid[between], second[np.flatnonzero(between)]
    second[np.flatnonzero(between[::-1])] = swapped[::-1]
    p = np.stack([first, second], axis=-1)[:, None, :]
    nothing = np.ones_like(p)
    wrong = (adjust(p, nothing, nothing).shown <= ALPHA).any(axis=(1, 2)).mean()
    assert wrong == pytest.approx(1.5 * ALPHA, abs=1e-3)


def test_independent_or_shared_noise_keeps_the_names_of_parts_at_their_level() -> None:
    rng = np.random.default_rng(4)
    for parts, shared in itertools.product((2, 4), (False, True)):
        p = rng.random((200_000, 1, 1 if shared else parts)) * np.ones(parts)
        nothing = np.ones_like(p)
        wrong = (adjust(p, nothing, nothing).shown <= ALPHA).any(axis=(1, 2)).mean()
        assert wrong == pytest.approx(ALPHA, abs=0.0012)


def test_verdicts_are_those_of_the_rules_written_out_again() -> None:
    """Whatever the p-values: each of the verdicts comes up, and no two are taken for each other."""
    rng, found = np.random.default_rng(5), set()
    for _ in range(200):
        parts = rng.integers(1, 4, 8)
        p = 10 ** -rng.uniform(0, 4, (3, 8, 3)) * np.where(rng.random((3, 8, 1)) < 0.4, 0.01, 1.0)
        p[:, np.arange(3) >= parts[:, None]] = np.nan
        told = {str(claim): p[:, claim, : parts[claim]].T.tolist() for claim in range(8)}
        expected = verdicts_again(told, dict.fromkeys(told, 32), 8)
        assert verdicts(adjust(*p)).tolist() == list(expected.values())
        found |= set(expected.values())
    assert found == set(VERDICTS)
