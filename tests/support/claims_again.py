"""What reports say of planned and registered claims, from the tables anew: plain loops, and scipy's distributions.

Of the project's own it takes what a contrast is (arms, measure, margin) and nothing of how it is read or planned.
"""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.terms import AtReadRate, LargestTrained, Mean, SmallestSufficient, Value

Row = dict[str, Any]
MOST_SUMS = 2_000_000


class Tables:
    """The runs of studies and what they share."""

    def __init__(self, runs: pd.DataFrame, configuration: dict[str, Any]) -> None:
        self.rows: list[Row] = [{**configuration, **row} for row in runs.to_dict("records")]  # type: ignore[dict-item]

    @classmethod
    def of(cls, folder: Path, studies: Iterable[str]) -> "Tables":
        """Those of `studies` that are collected in a folder."""
        tables = cls(pd.DataFrame(), {})
        for study in studies:
            if (folder / study / "runs.parquet").exists():
                manifest = json.loads((folder / study / "manifest.json").read_text())
                runs = pd.read_parquet(folder / study / "runs.parquet")
                tables.rows += cls(runs, {**manifest["configuration"], "study": study}).rows
        return tables

    def by_place(self, arm: Arm) -> dict[tuple[int, float | None], Row]:
        """The runs of an arm by seed and rate."""
        found: dict[tuple[int, float | None], Row] = {}
        for row in self.rows:
            if row.get("study") not in (None, arm.study):
                continue
            if row["seed"] in arm.seeds and all(same(row.get(key), wanted) for key, wanted in arm.where.items()):
                rate = next((rate for rate in arm.rates if math.isclose(rate_of(row), rate, rel_tol=1e-4)), None)
                if not arm.rates or rate is not None:
                    assert (row["seed"], rate) not in found
                    found[row["seed"], rate] = row
        return found

    def losses(self, arm: Arm, column: str = "val/loss") -> list[list[float]]:
        """Final loss, at most the unigram entropy, [seed][rate]."""
        there = self.by_place(arm)
        return [[loss_of(there[seed, rate], column) for rate in arm.rates or (None,)] for seed in arm.seeds]

    def complete(self, comparison: Comparison) -> bool:
        """Whether every planned run of it is there."""
        return all(len(self.by_place(arm)) == len(arm.seeds) * max(1, len(arm.rates)) for arm in comparison.arms)

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
        there = self.by_place(arm)
        for row in (there[seed, rate] for seed in arm.seeds for rate in arm.rates or (None,)):
            value = row[measure.column]
            if measure.column in ("val/loss", "test/loss"):
                value = loss_of(row, measure.column)
            if measure.ceiling == "steps" and (math.isnan(value) or row["status"] == "diverged"):
                value = row["training.steps"]
            values.append(math.log10(value) if measure.logarithm else float(value))
        assert len(values) == len(arm.seeds)
        return values

    def _read(self, term: Any) -> list[float]:
        if isinstance(term, Mean):
            return [statistics.fmean(losses) for losses in self.losses(term.arm, term.loss.column)]
        if isinstance(term, LargestTrained):
            there = self.by_place(term.arm)
            good = {
                seed: [rate for rate in term.arm.rates if there[seed, rate][term.measure.column] == 1]
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
            for seed, losses in zip(arm.seeds, self.losses(arm, term.loss.column), strict=True)
        ]

    def _sufficient(self, term: SmallestSufficient) -> list[float]:
        found = []
        there = [self.by_place(arm) for arm in term.ladder]
        for seed in term.ladder[0].seeds:
            rows = [runs[seed, arm.rates[0]] for runs, arm in zip(there, term.ladder, strict=True)]
            losses = [loss_of(row, term.loss.column) for row in rows]
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


def loss_of(row: Row, column: str = "val/loss") -> float:
    """The final loss of a run, that of word frequencies where it has none or learned no more than these."""
    if row["status"] == "diverged" or math.isnan(row["val/loss"]) or row["val/loss"] >= row["unigram_entropy"]:
        return float(row["unigram_entropy"])
    return float(min(row[column], row["unigram_entropy"]))


def sign_flip_p(differences: Sequence[float], above: float = 0.0, places: int = 4) -> float:
    """One-sided p of a mean above a value: the share of sign patterns with a sum as large, on rounded differences.

    The number of patterns with each sum, difference by difference: exact, as they are below 2^53.
    """
    whole = [round((d - above) * 10**places) for d in differences]
    if sum(map(abs, whole)) > MOST_SUMS:
        return sign_flip_p(differences, above, places - 1)
    ways = np.zeros(2 * sum(map(abs, whole)) + 1)
    middle = len(ways) // 2
    ways[middle] = 1.0
    for one in map(abs, whole):
        longer = np.zeros_like(ways)
        longer[one:] += ways[: len(ways) - one]
        longer[: len(ways) - one] += ways[one:]
        ways = longer
    return float(ways[middle + sum(whole) :].sum()) / 2.0 ** len(whole)


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
