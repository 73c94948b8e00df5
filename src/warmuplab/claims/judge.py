"""From registered claims and collected runs to verdicts, with all that they follow from, as `claims.json` holds it."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from warmuplab.base.files import read_json, write_json
from warmuplab.base.words import OWN_RATE, rate_label
from warmuplab.claims import verdicts
from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.evidence import Evidence, Missing
from warmuplab.claims.parts import Part, Verdict
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import FINAL_LOSS, TRAINED, AtReadRate, Mean, SmallestSufficient, Term, Value
from warmuplab.study import results
from warmuplab.study.results import Study

CLAIMS_FILE = "claims.json"

Alone = Literal["holds", "is reversed", "is not shown", "lacks runs"]
PARTS = {"shown": "Shown", "no difference": "No difference", "reversed": "Reversed", "open": "Not shown"}
PARTS |= {"not tested": "Not tested"}
ELSEWHERE = {
    "holds": "holds in",
    "is not shown": "not shown in",
    "is reversed": "reversed in",
    "lacks runs": "no values for",
}


@dataclass(frozen=True)
class Aside:
    """A comparison that is described and not tested."""

    comparison: Comparison
    differences: Floats
    effect: float
    interval: tuple[float, float]

    @property
    def standing(self) -> Alone:
        """What the 95 % interval says, for this comparison alone."""
        if math.isnan(self.effect):
            return "lacks runs"
        low, high = self.interval
        margin, smallest = self.comparison.margin, self.comparison.smallest_effect
        if low > margin and self.effect >= smallest:
            return "holds"
        return "is reversed" if high < min(margin, 0.0) and -self.effect >= smallest else "is not shown"


@dataclass(frozen=True)
class ArmSummary:
    """An arm in numbers: what its table row shows."""

    arm: Arm
    measure: str
    """What is summed up: the primary measure, or the final held-out loss over all rates of an arm with several."""
    rate: str
    mean: float
    low: float
    high: float
    at_ceiling: int
    runs: int
    all_train: str
    """The largest of several rates at which every seed trains; empty for an arm with one rate."""


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict
    asides: tuple[Aside, ...]
    arms: tuple[ArmSummary, ...]
    missing: tuple[Missing, ...]
    planned: int
    """Runs that the verdict needs."""

    @property
    def seeds(self) -> int:
        """Those that the deciding part has a difference of."""
        return int((~np.isnan(self.verdict.deciding.contrast.differences)).sum())


def studies_of(claims: Sequence[Claim]) -> list[str]:
    """The studies that train the arms of some claims."""
    arms = [arm for claim in claims for comparison in (*claim.contrasts, *claim.elsewhere) for arm in comparison.arms]
    return list(dict.fromkeys(arm.study for arm in arms))


def claims_about(study: str, claims: Sequence[Claim] = CLAIMS) -> list[Claim]:
    """The claims that a study's report shows: those it carries, and those it trains arms for."""
    return [claim for claim in claims if study == claim.study or study in studies_of([claim])]


def gather(study: Study, others: Iterable[str], folder: Path) -> Evidence:
    """`study` and those of the `others` that are collected in the results folder."""
    return Evidence({**collected([name for name in others if name != study.name], folder).studies, study.name: study})


def collected(names: Iterable[str], folder: Path) -> Evidence:
    """The studies that are collected in the results folder, of those named."""
    return Evidence({name: results.load(name, folder) for name in names if (folder / name / results.RUNS).exists()})


def judge_for(study: str, evidence: Evidence, claims: Sequence[Claim] = CLAIMS) -> list[Judged]:
    """The claims about a study with their verdicts, each in its family: see `Claim.family`."""
    shown = claims_about(study, claims)
    judged: dict[str, Judged] = {}
    for family in dict.fromkeys(claim.family for claim in shown):
        together = [claim for claim in claims if claim.family == family]
        judged |= {one.claim.id: one for one in judge_all(together, evidence)}
    return [judged[claim.id] for claim in shown]


def judge_all(claims: Sequence[Claim], evidence: Evidence) -> list[Judged]:
    """The verdicts on claims that are one family."""
    contrasts = {claim.id: [contrast_of(comparison, evidence) for comparison in claim.contrasts] for claim in claims}
    found = verdicts.judge(contrasts)
    return [
        Judged(
            claim,
            found[claim.id],
            tuple(aside(comparison, evidence) for comparison in claim.elsewhere),
            tuple(summaries(claim, evidence)),
            tuple(evidence.missing(claim.arms)),
            sum(len(arm.seeds) * max(1, len(arm.rates)) for arm in claim.arms),
        )
        for claim in claims
    ]


def aside(comparison: Comparison, evidence: Evidence) -> Aside:
    """A comparison with its interval."""
    contrast = contrast_of(comparison, evidence)
    if np.isnan(contrast.differences).any():
        return Aside(comparison, contrast.differences, math.nan, (math.nan, math.nan))
    part = verdicts.examine(contrast)
    return Aside(comparison, contrast.differences, part.effect, part.interval)


def summaries(claim: Claim, evidence: Evidence) -> list[ArmSummary]:
    """Every arm of a claim's contrasts, by the measure that is compared."""
    found: list[ArmSummary] = []
    for comparison in claim.contrasts:
        for term in (*comparison.plus, *comparison.minus):
            measure = _measure_of(term)
            for arm in term.arms:
                if arm.where.get("schedule.decay.name") != "ramp" and not any(arm == each.arm for each in found):
                    found.append(_summary(arm, evidence, measure))
    return found


def _measure_of(term: Term) -> Measure:
    if isinstance(term, Value):
        return term.measure
    return term.loss if isinstance(term, Mean | SmallestSufficient | AtReadRate) else FINAL_LOSS


def _summary(arm: Arm, evidence: Evidence, measure: Measure) -> ArmSummary:
    table = evidence.table(arm, measure)
    whole = table.values[~np.isnan(table.values).any(axis=1)].mean(axis=1)
    mean, low, high = (float(f(whole)) if whole.size else math.nan for f in (np.mean, np.min, np.max))
    rate = rate_label(arm.rates[0]) if arm.rates else OWN_RATE
    if len(arm.rates) > 1:
        rate += f" to {rate_label(arm.rates[-1])}"
    runs = int((~np.isnan(table.values)).sum() + table.lacking.sum())
    at_ceiling = int(table.at_ceiling.sum())
    return ArmSummary(arm, measure.words, rate, mean, low, high, at_ceiling, runs, _all_train(arm, evidence))


def _all_train(arm: Arm, evidence: Evidence) -> str:
    if len(arm.rates) < 2:
        return ""
    every = (evidence.table(arm, TRAINED).values == 1).all(axis=0)
    return rate_label(max(np.array(arm.rates)[every])) if every.any() else "none"


def where(judged: Judged) -> str:
    """What is shown of each part, in a phrase; then other settings and measures, by their intervals alone."""
    parts: dict[str, list[str]] = {}
    for comparison, part in zip(judged.claim.contrasts, judged.verdict.parts, strict=True):
        parts.setdefault(part.standing, []).append(comparison.short or comparison.name)
    said = [f"{words}: {'; '.join(parts[standing])}" for standing, words in PARTS.items() if standing in parts]
    asides: dict[str, list[str]] = {}
    for one in judged.asides:
        asides.setdefault(one.standing, []).append(one.comparison.short or one.comparison.name)
    beside = [f"{words} {'; '.join(asides[name])}" for name, words in ELSEWHERE.items() if name in asides]
    return ". ".join([*said, *([f"Elsewhere, by intervals alone: {', '.join(beside)}"] if beside else [])])


def record(judged: Judged) -> dict[str, Any]:
    """A claim as `claims.json` holds it."""
    claim, verdict, deciding = judged.claim, judged.verdict, judged.verdict.deciding
    return {
        "id": claim.id,
        "statement": claim.statement,
        "source": claim.source,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "effect": _number(deciding.effect),
        "interval": None if math.isnan(deciding.effect) else [_number(limit) for limit in deciding.interval],
        "unit": deciding.contrast.unit,
        "contrast": deciding.contrast.name,
        "margin": deciding.contrast.margin,
        "smallest_effect": deciding.contrast.smallest_effect,
        "p": _number(verdict.p),
        "p_of": verdict.p_of,
        "seeds": judged.seeds,
        "measure": claim.measure,
        "holds": where(judged),
        "caveats": list(claim.caveats),
        "studies": studies_of([claim]),
        "runs": {"planned": judged.planned, "missing": sum(len(absent.runs) for absent in judged.missing)},
        "parts": [_part(part) for part in verdict.parts],
        "elsewhere": [
            {
                "name": one.comparison.name,
                "effect": _number(one.effect),
                "interval": [_number(limit) for limit in one.interval],
                "standing": one.standing,
            }
            for one in judged.asides
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    contrast = part.contrast
    return {
        "name": contrast.name,
        "standing": part.standing,
        "effect": _number(part.effect),
        "interval": [_number(limit) for limit in part.interval],
        "unit": contrast.unit,
        "margin": contrast.margin,
        "smallest_effect": contrast.smallest_effect,
        "p_for": _number(part.p_for),
        "p_against": _number(part.p_against),
        "p_equivalent": _number(part.p_equivalent),
        "adjusted_p_for": _number(part.adjusted_p_for),
        "adjusted_p_against": _number(part.adjusted_p_against),
        "adjusted_p_equivalent": _number(part.adjusted_p_equivalent),
        "at_ceiling": list(contrast.at_ceiling),
        "differences": [_number(difference) for difference in contrast.differences.tolist()],
    }


def write_claims(judged: Sequence[Judged], folder: Path) -> Path:
    """Write `claims.json`."""
    path = folder / CLAIMS_FILE
    write_json(path, {"claims": [record(one) for one in judged]})
    return path


def told(folder: Path) -> dict[str, Any]:
    """The claims that `claims.json` in `folder` holds, by id; none where it cannot be read."""
    there = read_json(folder / CLAIMS_FILE)
    claims = there.get("claims") if isinstance(there, dict) else None
    return {each["id"]: each for each in claims or [] if isinstance(each, dict) and "id" in each}


def says_the_same(one: Judged, there: Any) -> bool:
    """Whether what is `told` of a claim has its very numbers, but for their last digits."""
    return _alike(there, json.loads(json.dumps(record(one))))


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers as far as the make of a processor lets them be."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return bool(one == other)


def counted(judged: Sequence[Judged]) -> Mapping[str, int]:
    """How many claims have which verdict."""
    names = [one.verdict.verdict for one in judged]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else float(value)
