"""What the pilot's report says of a planned claim, from its tables anew: plain loops, and scipy's distributions.

Of the project's own it takes what a contrast is (arms, measure, margin) and nothing of how it is read or planned.
"""

import json
import math
import statistics
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.terms import AtReadRate, LargestTrained, Mean, SmallestSufficient, Value

Row = dict[str, Any]


class Tables:
    """The runs of a study and what they share."""

    def __init__(self, runs: pd.DataFrame, configuration: dict[str, Any]) -> None:
        self.rows: list[Row] = [{**configuration, **row} for row in runs.to_dict("records")]  # type: ignore[dict-item]

    def by_place(self, arm: Arm) -> dict[tuple[int, float | None], Row]:
        """The runs of an arm by seed and rate."""
        found: dict[tuple[int, float | None], Row] = {}
        for row in self.rows:
            if row["seed"] in arm.seeds and all(same(row.get(key), wanted) for key, wanted in arm.where.items()):
                rate = next((rate for rate in arm.rates if math.isclose(rate_of(row), rate, rel_tol=1e-4)), None)
                if not arm.rates or rate is not None:
                    assert (row["seed"], rate) not in found
                    found[row["seed"], rate] = row
        return found

    def losses(self, arm: Arm) -> list[list[float]]:
        """Final loss, at most the unigram entropy, [seed][rate]."""
        there = self.by_place(arm)
        return [[loss_of(there[seed, rate]) for rate in arm.rates or (None,)] for seed in arm.seeds]

    def difference(self, comparison: Comparison) -> list[float]:
        """Of every seed."""
        terms = [*comparison.plus, *comparison.minus]
        if all(isinstance(term, Value) for term in terms):
            read = self._filled([term for term in terms if isinstance(term, Value)])
        else:
            read = [self._read(term) for term in terms]
        signs = [1] * len(comparison.plus) + [-1] * len(comparison.minus)
        return [
            sum(sign * value for sign, value in zip(signs, of_seed, strict=True)) for of_seed in zip(*read, strict=True)
        ]

    def _filled(self, terms: list[Value]) -> list[list[float]]:
        """What is measured of every term, the worst of all for runs that have no value."""
        values = [self._measured(term.arm, term.measure) for term in terms]
        known = [value for of_term in values for value in of_term if not math.isnan(value)]
        worst = max(known) if terms[0].measure.worse == "more" else min(known)
        return [[worst if math.isnan(value) else value for value in of_term] for of_term in values]

    def _measured(self, arm: Arm, measure: Measure) -> list[float]:
        values = []
        for row in self.by_place(arm).values():
            value = row[measure.column]
            if measure.column == "val/loss":
                value = loss_of(row)
            values.append(math.log10(value) if measure.logarithm else float(value))
        assert len(values) == len(arm.seeds)
        return values

    def _read(self, term: Any) -> list[float]:
        if isinstance(term, Mean):
            return [statistics.fmean(losses) for losses in self.losses(term.arm)]
        if isinstance(term, LargestTrained):
            there = self.by_place(term.arm)
            good = {
                seed: [rate for rate in term.arm.rates if there[seed, rate][term.measure.column]]
                for seed in term.arm.seeds
            }
            return [math.log2(max(good[seed], default=term.arm.rates[0] / 2)) for seed in term.arm.seeds]
        if isinstance(term, SmallestSufficient):
            return self._sufficient(term)
        assert isinstance(term, AtReadRate)
        (arm,), (ramp,) = term.of, term.ramps
        read = {seed: row[term.mark] for (seed, _), row in self.by_place(ramp).items()}
        return [
            float(np.interp(math.log(or_else(read[seed], term.otherwise)), np.log(arm.rates), losses))
            for seed, losses in zip(arm.seeds, self.losses(arm), strict=True)
        ]

    def _sufficient(self, term: SmallestSufficient) -> list[float]:
        found = []
        there = [self.by_place(arm) for arm in term.ladder]
        for seed in term.ladder[0].seeds:
            rows = [runs[seed, arm.rates[0]] for runs, arm in zip(there, term.ladder, strict=True)]
            losses = [loss_of(row) for row in rows]
            if all(row["status"] == "diverged" or row["val/loss"] >= row["unigram_entropy"] for row in rows):
                found.append(math.log2(term.lengths[-1]) + 1)
                continue
            enough = [n for n, loss in zip(term.lengths, losses, strict=True) if loss <= min(losses) + term.margin]
            found.append(math.log2(enough[0] or min(n for n in term.lengths if n) / 2))
        return found


def rate_of(row: Row) -> float:
    """The largest rate of a run."""
    rate = row["schedule.peak_lr"]
    if rate is not None and not math.isnan(rate):
        return float(rate)
    values = row.get("schedule.decay.values")
    return float(max(json.loads(values))) if isinstance(values, str) else math.nan


def loss_of(row: Row) -> float:
    """The final loss of a run, that of word frequencies where it has none or a larger one."""
    if row["status"] == "diverged" or math.isnan(row["val/loss"]):
        return float(row["unigram_entropy"])
    return float(min(row["val/loss"], row["unigram_entropy"]))


def same(value: Any, wanted: Any) -> bool:
    """Whether a cell is the value of a key."""
    if isinstance(value, str) and isinstance(wanted, list):
        return bool(json.loads(value) == wanted)
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return wanted is None
    return bool(value == wanted)


def or_else(rate: float, otherwise: float) -> float:
    """The rate that a ramp suggests."""
    return otherwise if math.isnan(rate) else rate


def upper(spread: float, seeds: int) -> float:
    """Its 80 % bound."""
    return spread * math.sqrt((seeds - 1) / stats.chi2.ppf(0.2, seeds - 1))


def power(distances: list[float], bounds: list[float], seeds: int, claims: int) -> float:
    """Of a claim whose parts must all pass."""
    missed = 0.0
    for distance, bound in zip(distances, bounds, strict=True):
        critical = stats.t.ppf(1 - 0.025 / claims, seeds - 1)
        beyond = float(stats.nct.cdf(critical, seeds - 1, distance / bound * math.sqrt(seeds)))
        missed += 0.0 if math.isnan(beyond) else beyond  # far out it has no value
    return max(0.0, 1 - missed)
