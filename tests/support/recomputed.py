"""The claims once more, from `runs.parquet` and `curves.parquet` by plain loops: shares the registry with the project
and nothing else, neither its tables nor its statistics."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from warmuplab.claims.arm import Arm, Measure, Not
from warmuplab.claims.claim import Comparison
from warmuplab.claims.terms import AtReadRate, Best, CommonBest, EachBest, Entropy, LargestTrained, Mean, Value

SEEDS = range(10)
SIGNS = np.array(list(itertools.product((1, -1), repeat=10)))  # every way to flip ten differences
SETS = np.array(list(itertools.product((0, 1), repeat=10)))[1:]  # every set of seeds but the empty one

Rows = list[dict[Any, Any]]


class Recomputed:
    """The runs of the collected studies in a results folder."""

    def __init__(self, folder: Path, studies: tuple[str, ...] = ("claims", "schedules")) -> None:
        self.runs: dict[str, Rows] = {}
        self._of_arm: dict[str, Rows] = {}
        self.sharpness: dict[tuple[str, str], float] = {}
        for study in studies:
            if not (folder / study / "runs.parquet").exists():
                continue
            shared = json.loads((folder / study / "manifest.json").read_text())["configuration"]
            rows = pd.read_parquet(folder / study / "runs.parquet").to_dict("records")
            self.runs[study] = [shared | row for row in rows if row["status"] in ("finished", "diverged")]
            curves = pd.read_parquet(folder / study / "curves.parquet")
            curves = curves[curves["metric"] == "curvature/preconditioned_sharpness"]
            early = {str(row["run_id"]): row["early_steps"] for row in rows}
            for row in curves.sort_values("step").to_dict("records"):
                if row["step"] < early.get(str(row["run_id"]), 0):
                    self.sharpness[str(row["run_id"]), row["metric"]] = row["value"]

    def run(self, arm: Arm, seed: int, rate: float | None) -> dict[Any, Any] | None:
        """The run of an arm at this seed and rate."""
        key = f"{arm.study} {arm.where}"
        if key not in self._of_arm:
            self._of_arm[key] = [run for run in self.runs.get(arm.study, []) if is_of(run, arm)]
        found = [run for run in self._of_arm[key] if run["seed"] == seed and (rate is None or has_rate(run, rate))]
        assert len(found) <= 1
        return found[0] if found else None

    def loss(self, arm: Arm, seed: int, rate: float | None) -> float:
        """Final held-out loss, a run that diverged or did worse at the unigram entropy; null for a missing run."""
        run = self.run(arm, seed, rate)
        if run is None:
            return math.nan
        if run["status"] == "diverged" or math.isnan(run["val/loss"]):
            return float(run["unigram_entropy"])
        return min(float(run["val/loss"]), float(run["unigram_entropy"]))

    def measured(self, arm: Arm, measure: Measure, seed: int) -> float:
        """A measure of the only run of a seed; infinite where it counts as the worst."""
        rate = arm.rates[0] if arm.rates else None
        if measure.column == "val/loss":
            return self.loss(arm, seed, rate)
        run = self.run(arm, seed, rate)
        if run is None:
            return math.nan
        if measure.column.startswith("curvature/"):
            found = self.sharpness.get((str(run["run_id"]), measure.column), math.nan)
            return math.log10(found) if found == found else math.inf
        value = float(run[measure.column])
        if "steps_to" in measure.column:
            return min(value, float(run["training.steps"]))
        return value if value == value and run["status"] == "finished" else math.inf

    def best_of_others(self, arms: tuple[Arm, ...], seed: int) -> tuple[Arm, float]:
        """The arm and rate with the lowest mean loss over the other seeds."""

        def mean(option: tuple[Arm, float]) -> float:
            return sum(self.loss(option[0], other, option[1]) for other in SEEDS if other != seed) / 9

        return min(((arm, rate) for arm in arms for rate in arm.rates), key=mean)

    def largest_trained(self, arm: Arm, seed: int) -> float:
        """The binary logarithm of the largest rate at which the seed ended 0.2 nats below the unigram entropy."""
        if any(self.run(arm, seed, rate) is None for rate in arm.rates):
            return math.nan
        trained = [rate for rate in arm.rates if self.trained(arm, seed, rate)]
        return math.log2(max(trained, default=arm.rates[0] / 2))

    def trained(self, arm: Arm, seed: int, rate: float) -> bool:
        """Whether a run ended 0.2 nats below the unigram entropy."""
        run = self.run(arm, seed, rate)
        return run is not None and bool(run["val/loss"] <= run["unigram_entropy"] - 0.2)

    def term(self, term: Any) -> tuple[list[float], list[list[float]]]:
        """A value per seed, and per option a value per seed."""
        if isinstance(term, Value):
            values = [self.measured(term.arm, term.measure, seed) for seed in SEEDS]
            return values, [values]
        if isinstance(term, Entropy):
            values = [
                (self.run(term.arm, seed, None) or {"unigram_entropy": math.nan})["unigram_entropy"] for seed in SEEDS
            ]
            return values, [values]
        if isinstance(term, LargestTrained):
            values = [self.largest_trained(term.arm, seed) for seed in SEEDS]
            return values, [values]
        if isinstance(term, Mean):
            values = [np.mean([self.loss(term.arm, seed, rate) for rate in term.arm.rates]) for seed in SEEDS]
            return values, [values]
        if isinstance(term, Best):
            values = [
                self.loss(arm, seed, rate) for seed in SEEDS for arm, rate in [self.best_of_others(term.of, seed)]
            ]
            return values, [[self.loss(arm, seed, rate) for seed in SEEDS] for arm in term.of for rate in arm.rates]
        if isinstance(term, CommonBest):
            rows = self._common(term.of)
            return [rows[self._best_row(rows, seed)][seed] for seed in SEEDS], list(rows.values())
        if isinstance(term, EachBest):
            best = [self.term(Best((arm,)))[0] for arm in term.of]
            lowest = [[min(self.loss(arm, seed, rate) for rate in arm.rates) for seed in SEEDS] for arm in term.of]
            return list(np.mean(best, axis=0)), [list(np.mean(lowest, axis=0))]
        assert isinstance(term, AtReadRate)
        values = [float(np.mean([self._at_ramp(term, place, seed) for place in range(len(term.of))])) for seed in SEEDS]
        return values, [values]

    def at_edge(self, term: Any) -> bool:
        """Whether a seed's rate is the smallest or the largest of several."""
        if isinstance(term, EachBest):
            return any(self.at_edge(Best((arm,))) for arm in term.of)
        if isinstance(term, CommonBest):
            rows = self._common(term.of)
            return any(self._best_row(rows, seed) in (min(rows), max(rows)) for seed in SEEDS)
        if not isinstance(term, Best):
            return False
        chosen = [self.best_of_others(term.of, seed) for seed in SEEDS]
        return any(rate in (arm.rates[0], arm.rates[-1]) for arm, rate in chosen)

    def _common(self, arms: tuple[Arm, ...]) -> dict[float, list[float]]:
        rates = [rate for rate in arms[0].rates if all(rate in arm.rates for arm in arms)]
        return {
            rate: [float(np.mean([self.loss(arm, seed, rate) for arm in arms])) for seed in SEEDS] for rate in rates
        }

    def _best_row(self, rows: dict[float, list[float]], seed: int) -> float:
        return min(rows, key=lambda rate: sum(rows[rate][other] for other in SEEDS if other != seed))

    def _at_ramp(self, term: AtReadRate, place: int, seed: int) -> float:
        run, arm = self.run(term.ramps[place], seed, None), term.of[place]
        assert run is not None
        rate = run[term.mark]
        if rate != rate:
            rate = self._best_row(self._common(term.of), seed)
        rate = min(max(rate, arm.rates[0]), arm.rates[-1])
        for low, high in itertools.pairwise(arm.rates):
            if low <= rate <= high:
                share = math.log(rate / low) / math.log(high / low)
                return (1 - share) * self.loss(arm, seed, low) + share * self.loss(arm, seed, high)
        raise AssertionError(rate)

    def comparison(self, comparison: Comparison) -> dict[str, Any]:
        """Differences, effect, 95 % interval and both one-sided p-values of a comparison."""
        plus, minus = ([self.term(term) for term in side] for side in (comparison.plus, comparison.minus))
        fill = [v for values, _ in (*plus, *minus) for v in values if math.isfinite(v)]
        less = any(isinstance(t, Value) and t.measure.worse == "less" for t in (*comparison.plus, *comparison.minus))
        worst = (min(fill) if less else max(fill)) if fill else math.nan

        def mended(rows: list[list[float]]) -> np.ndarray:
            return np.where(np.isinf(rows), worst, rows)

        up = comparison.margin + sum(mended([values])[0] for values, _ in plus)
        down = sum(mended([values])[0] for values, _ in minus)
        lower = [comparison.margin + sum(rows) - down for rows in itertools.product(*(mended(o) for _, o in plus))]
        upper = [up - sum(rows) for rows in itertools.product(*(mended(o) for _, o in minus))]
        d = up - down
        if np.isnan(d).any():
            return {"differences": d, "effect": math.nan}
        return {
            "differences": d,
            "effect": float(d.mean()),
            "interval": (min(limits(row)[0] for row in lower), max(limits(row)[1] for row in upper)),
            "at_edge": any(self.at_edge(term) for term in (*comparison.plus, *comparison.minus)),
            "p_for": max(flipped(row) for row in lower),
            "p_against": max(flipped(-row) for row in upper),
            "p_equivalent": max(
                *(flipped(row + comparison.smallest_effect) for row in lower),
                *(flipped(comparison.smallest_effect - row) for row in upper),
            ),
        }


def is_of(run: dict[Any, Any], arm: Arm) -> bool:
    """Whether a run has all values that pick an arm's."""
    for key, wanted in arm.where.items():
        if isinstance(wanted, Not):
            if run.get(key) == wanted.value:
                return False
        elif run.get(key) != wanted:
            return False
    return True


def has_rate(run: dict[Any, Any], rate: float) -> bool:
    """Whether a run was given this peak rate, in a setting or as the first of its own values."""
    peak = run.get("schedule.peak_lr")
    if peak is None or math.isnan(peak):
        peak = json.loads(run["schedule.decay.values"])[0]
    return bool(abs(peak / rate - 1) < 1e-6)


def flipped(d: np.ndarray) -> float:
    """Share of all sign flips whose mean is at least the one observed."""
    return float(((SIGNS @ d) >= d.sum() - 1e-9 * np.abs(d).max()).mean())


def limits(d: np.ndarray) -> tuple[float, float]:
    """95 % limits: the 25th smallest and largest of the means over all sets of seeds (1024 x 0.025 = 25.6)."""
    means = np.sort((SETS @ d) / SETS.sum(axis=1))
    return float(means[24]), float(means[-25])
