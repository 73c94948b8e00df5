"""What the collected runs say of an arm: its planned seeds and rates as a table, with nothing dropped silently."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from warmuplab.base.errors import ConfigError
from warmuplab.claims.arm import Arm, Measure, Not
from warmuplab.claims.statistics import Floats, with_ceiling
from warmuplab.config.overrides import as_cell
from warmuplab.record.verifying import COMPLETE
from warmuplab.study.results import Study
from warmuplab.study.roles import RATE

STUCK_BY = "val/loss"  # the split whose unigram entropy is a ceiling
VALUES, STEPS = "schedule.decay.values", "training.steps"
_ALWAYS = ("run_id", "seed", "rate", "status", "unigram_entropy", STUCK_BY, STEPS)  # columns that a value is read with
_REACHED = "probe/reached_"


@dataclass(frozen=True)
class Table:
    """A measure of an arm, [seed, rate], seeds and rates as planned."""

    values: Floats
    """Null for a run that is missing, and for one that has no value of its own (see `lacking`)."""
    at_ceiling: NDArray[np.bool_]
    """Whether the run counts at its ceiling: diverged, stuck, or never there."""
    lacking: NDArray[np.bool_]
    """Whether the run is there but has no value and no ceiling of its own: it counts as the worst of those compared."""


@dataclass(frozen=True)
class Missing:
    """Planned runs of an arm that are not among the complete ones."""

    arm: Arm
    runs: tuple[tuple[int, float | None], ...]
    """(seed, rate)"""


class Evidence:
    """The studies that claims draw on. One that was not collected has no runs."""

    def __init__(self, studies: Mapping[str, Study]) -> None:
        self.studies = studies
        self._found: dict[str, pd.DataFrame] = {}
        self._early_ends: dict[str, dict[tuple[str, str], float]] = {}

    def runs(self, arm: Arm) -> pd.DataFrame:
        """The complete runs of an arm's planned seeds and rates, with their peak rate in the column `rate`.

        Raises `ConfigError` where two of them share seed and rate: the keys of the arm then do not determine a run.
        """
        key = repr(arm)
        if key not in self._found:
            self._found[key] = self._find(arm)
        return self._found[key]

    def table(self, arm: Arm, measure: Measure) -> Table:
        """A measure of every planned run of an arm."""
        shape = (len(arm.seeds), max(1, len(arm.rates)))
        raw, top = np.full(shape, np.nan), np.full(shape, np.nan)
        there, gone = np.zeros(shape, bool), np.zeros(shape, bool)
        for run in self._read_for(arm, measure).to_dict("records"):
            place = arm.seeds.index(run["seed"]), _position(run["rate"], arm.rates)
            raw[place] = self._value(arm.study, run, measure)
            if measure.ceiling == "unigram entropy" and _is_stuck(run):
                raw[place] = math.inf  # on another split it may end just below
            gone[place] = run["status"] == "diverged" or (np.isnan(raw[place]) and _never_there(run, measure))
            there[place] = gone[place] or not np.isnan(raw[place])  # else it was not measured, and is missing
            top[place] = _ceiling(run, measure, self._constant(arm.study, STEPS))
        if measure.ceiling == "worst":
            values = np.where(gone, np.nan, raw)
            return Table(_scaled(values, measure), gone, gone)
        beyond = np.where(there, top, math.inf)
        values, at_ceiling = with_ceiling(raw, beyond, gone)
        return Table(_scaled(np.where(there, values, np.nan), measure), at_ceiling & there, np.zeros(shape, bool))

    def _read_for(self, arm: Arm, measure: Measure) -> pd.DataFrame:
        """The columns of an arm's runs that a measure is read from; a study has a hundred others."""
        runs = self.runs(arm)
        return runs[[name for name in runs if name in (*_ALWAYS, measure.column) or str(name).startswith(_REACHED)]]

    def missing(self, arms: Iterable[Arm]) -> list[Missing]:
        """The planned runs that are not there, arm by arm."""
        found = []
        for arm in arms:
            runs = self.runs(arm)
            pairs = zip(runs["seed"].tolist(), runs["rate"].tolist(), strict=True)
            there = {(seed, _position(rate, arm.rates)) for seed, rate in pairs}
            rates: tuple[float | None, ...] = arm.rates or (None,)
            absent = [(s, rate) for s in arm.seeds for place, rate in enumerate(rates) if (s, place) not in there]
            if absent:
                found.append(Missing(arm, tuple(absent)))
        return found

    def series(self, arm: Arm, metric: str) -> pd.DataFrame:
        """The curves of an arm's runs: columns `run_id`, `seed`, `rate`, `step`, `value`."""
        study, runs = self.studies.get(arm.study), self.runs(arm)
        if study is None or runs.empty:
            return pd.DataFrame({name: [] for name in ("run_id", "seed", "rate", "step", "value")})
        place = {str(run["run_id"]): (run["seed"], run["rate"]) for run in runs.to_dict("records")}
        curves = study.curves[study.curves["metric"] == metric]
        curves = curves[curves["run_id"].astype(str).isin(place)]
        names = curves["run_id"].astype(str).tolist()
        columns = {"seed": [place[name][0] for name in names], "rate": [place[name][1] for name in names]}
        return pd.DataFrame({"run_id": names} | columns | {key: curves[key].to_numpy() for key in ("step", "value")})

    def _find(self, arm: Arm) -> pd.DataFrame:
        study = self.studies.get(arm.study)
        if study is None:
            return pd.DataFrame({"run_id": [], "seed": [], "rate": [], "status": []})
        runs = study.runs[study.runs["status"].isin(COMPLETE) & study.runs["seed"].isin(arm.seeds)]
        for key, wanted in arm.where.items():
            if key in runs:
                runs = runs[runs[key].map(lambda value, wanted=wanted: _equal(value, wanted)).astype(bool)]
            elif not _equal(self._constant(arm.study, key), wanted):
                runs = runs[:0]
        stated = runs[[key for key in (RATE, VALUES) if key in runs]].to_dict("records")
        runs = runs.assign(rate=[self._rate(arm.study, run) for run in stated])
        if arm.rates:
            planned = [any(_same(rate, planned) for planned in arm.rates) for rate in runs["rate"]]
            runs = runs[np.array(planned, dtype=bool)]
        places = pd.DataFrame({"seed": runs["seed"], "rate": [_position(rate, arm.rates) for rate in runs["rate"]]})
        if places.duplicated().any():
            two = runs[(places == places[places.duplicated()].iloc[0]).all(axis=1)]["run_id"].tolist()[:2]
            problem = f"{two[0]} and {two[1]} share seed and rate in the arm '{arm.name}' of a claim"
            remedy = "say more in its `where`, or keep runs of another size apart (outputs=FOLDER, --results FOLDER)"
            raise ConfigError("STUDY", arm.study, problem, remedy)
        return runs

    def _rate(self, study: str, run: Mapping[Any, Any]) -> float:
        """The peak learning rate that a run was given, NaN for a schedule that derives its own."""
        peak = run.get(RATE, self._constant(study, RATE))
        if peak is not None and not pd.isna(peak):
            return float(peak)
        values = run.get(VALUES, self._constant(study, VALUES))
        if isinstance(values, str):
            values = json.loads(values)
        return float(max(values)) if isinstance(values, list) else math.nan

    def _constant(self, study: str, key: str) -> Any:
        return self.studies[study].manifest["configuration"].get(key)

    def _value(self, study: str, run: Mapping[Any, Any], measure: Measure) -> float:
        if measure.at_end_of_early_window:
            return self._at_end_of_early_window(study).get((str(run["run_id"]), measure.column), math.nan)
        value = run.get(measure.column)
        return math.nan if value is None or pd.isna(value) else float(value)

    def _at_end_of_early_window(self, study: str) -> dict[tuple[str, str], float]:
        """By run and metric of `curvature/`, the last value measured in the early window."""
        if study not in self._early_ends:
            whole = self.studies[study]
            early = dict(zip(whole.runs["run_id"].astype(str), whole.runs["early_steps"], strict=True))
            curves = whole.curves[whole.curves["metric"].astype(str).str.startswith("curvature/")]
            ends: dict[tuple[str, str], float] = {}
            for row in curves.sort_values("step").to_dict("records"):
                if row["step"] < early.get(str(row["run_id"]), 0):
                    ends[str(row["run_id"]), str(row["metric"])] = float(row["value"])
            self._early_ends[study] = ends
        return self._early_ends[study]


def _is_stuck(run: Mapping[Any, Any]) -> bool:
    loss = run.get(STUCK_BY)
    return loss is not None and not pd.isna(loss) and float(loss) >= float(run["unigram_entropy"])


def _never_there(run: Mapping[Any, Any], measure: Measure) -> bool:
    """Whether a finished run has no value because it never got to where it is read, or ended beyond all numbers."""
    if measure.ceiling == "unigram entropy":
        return measure.column in run
    level = re.search(r"_(?:at|to)_([\d.]+_below)$", measure.column)
    return level is not None and run.get(f"{_REACHED}{level[1]}") == 0


def _ceiling(run: Mapping[Any, Any], measure: Measure, steps: Any) -> float:
    if measure.ceiling == "unigram entropy":
        return float(run["unigram_entropy"])
    if measure.ceiling == "steps":
        return float(run.get(STEPS, steps))
    return math.nan


def _scaled(values: Floats, measure: Measure) -> Floats:
    return np.log10(values) if measure.logarithm else values


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Not):
        return not _equal(value, wanted.value)
    if isinstance(wanted, list):  # a table has lists as text
        return bool(as_cell(value) == as_cell(wanted))
    if value is None or (not isinstance(value, list) and pd.isna(value)):
        return wanted is None
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and isinstance(value, int | float | np.number):
        return _same(float(value), float(wanted))
    return bool(value == wanted)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)


def _position(rate: float, rates: tuple[float, ...]) -> int:
    """Where a rate stands among the planned ones; 0 where none is planned."""
    return next((place for place, planned in enumerate(rates) if _same(rate, planned)), 0)
