"""From registered claims and collected runs to verdicts, with all that they follow from, as `claims.json` holds it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from warmuplab.base.files import write_json
from warmuplab.base.words import listed, rate_label
from warmuplab.claims import verdicts
from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.evidence import Evidence, Missing
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import FINAL_LOSS, TRAINED, Value, chosen_by_others
from warmuplab.claims.verdicts import Verdict
from warmuplab.study import results
from warmuplab.study.results import Study

CLAIMS_FILE = "claims.json"

Standing = Literal["holds", "is reversed", "is not shown", "lacks runs"]
WORDS = {"holds": "Holds", "is not shown": "Not shown", "is reversed": "Reversed", "lacks runs": "Runs missing"}


@dataclass(frozen=True)
class Aside:
    """A comparison that is described and not tested."""

    comparison: Comparison
    differences: Floats
    effect: float
    interval: tuple[float, float]

    @property
    def standing(self) -> Standing:
        """What the 95 % interval says, for this comparison alone."""
        if math.isnan(self.effect):
            return "lacks runs"
        low, high = self.interval
        if low > 0 and self.effect >= self.comparison.smallest_effect:
            return "holds"
        return "is reversed" if high < 0 and -self.effect >= self.comparison.smallest_effect else "is not shown"


@dataclass(frozen=True)
class ArmSummary:
    """An arm in numbers: what its table row shows."""

    arm: Arm
    measure: str
    """`final held-out loss`, or the primary measure where the arm has one rate."""
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


def studies_of(claims: Sequence[Claim]) -> list[str]:
    """The studies that train the arms of some claims."""
    arms = [arm for claim in claims for comparison in (*claim.contrasts, *claim.elsewhere) for arm in comparison.arms]
    return list(dict.fromkeys(arm.study for arm in arms))


def claims_about(study: str, claims: Sequence[Claim] = CLAIMS) -> list[Claim]:
    """The claims that a study's report shows: those it carries, and those it trains arms for."""
    return [claim for claim in claims if study == claim.study or study in studies_of([claim])]


def gather(study: Study, claims: Sequence[Claim], folder: Path) -> Evidence:
    """`study` and the other studies of `claims` that are collected in the results folder."""
    found = {study.name: study}
    for name in studies_of(claims):
        if name not in found and (folder / name / results.RUNS).exists():
            found[name] = results.load(name, folder)
    return Evidence(found)


def judge_for(study: str, evidence: Evidence, claims: Sequence[Claim] = CLAIMS) -> list[Judged]:
    """The claims about a study with their verdicts, each in the family of all claims of the report that carries it."""
    shown = claims_about(study, claims)
    judged: dict[str, Judged] = {}
    for home in dict.fromkeys(claim.study for claim in shown):
        family = [claim for claim in claims if claim.study == home]
        judged |= {one.claim.id: one for one in judge_all(family, evidence)}
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
    """A comparison with its interval, bounded as a tested one is."""
    contrast = contrast_of(comparison, evidence)
    if np.isnan(contrast.differences).any():
        return Aside(comparison, contrast.differences, math.nan, (math.nan, math.nan))
    effect = float(contrast.differences.mean())
    return Aside(comparison, contrast.differences, effect, contrast.interval(verdicts.LEVEL))


def summaries(claim: Claim, evidence: Evidence) -> list[ArmSummary]:
    """Every arm of a claim's contrasts: at its rate, or at the best rate that the other seeds choose."""
    found: list[ArmSummary] = []
    for comparison in claim.contrasts:
        for term in (*comparison.plus, *comparison.minus):
            measure = term.measure if isinstance(term, Value) else FINAL_LOSS
            for arm in term.arms:
                if arm.where.get("schedule.decay.name") != "ramp" and not any(arm == each.arm for each in found):
                    found.append(_summary(arm, evidence, measure))
    return found


def _summary(arm: Arm, evidence: Evidence, measure: Any) -> ArmSummary:
    table = evidence.table(arm, measure)
    values, chosen = (table.values[:, 0], np.zeros(len(table.values), int))
    if len(arm.rates) > 1:
        values, chosen = chosen_by_others(table.values)
    there = ~np.isnan(values)
    at_ceiling = table.at_ceiling[np.arange(len(values)), chosen]
    rates = sorted({arm.rates[place] for place in chosen[there].tolist()}) if arm.rates else []
    finite = values[there]
    mean, low, high = (float(f(finite)) if finite.size else math.nan for f in (np.mean, np.min, np.max))
    rate = listed(map(rate_label, rates)) if rates else "its own"
    runs = int(there.sum() + table.lacking[:, 0].sum())
    return ArmSummary(arm, measure.words, rate, mean, low, high, int(at_ceiling.sum()), runs, _all_train(arm, evidence))


def _all_train(arm: Arm, evidence: Evidence) -> str:
    if len(arm.rates) < 2:
        return ""
    every = (evidence.table(arm, TRAINED).values == 1).all(axis=0)
    return rate_label(max(np.array(arm.rates)[every])) if every.any() else "none"


def where(judged: Judged) -> str:
    """Where a claim holds and where not, in a phrase: its own contrasts first, then other settings and measures."""
    groups: dict[Standing, list[str]] = {}
    for comparison, shown in zip(judged.claim.contrasts, judged.verdict.evidence, strict=True):
        own = Aside(comparison, shown.contrast.differences, shown.effect, shown.interval)
        groups.setdefault(own.standing, []).append(comparison.short or comparison.name)
    for one in judged.asides:
        groups.setdefault(one.standing, []).append(one.comparison.short or one.comparison.name)
    order: tuple[Standing, ...] = ("holds", "is not shown", "is reversed", "lacks runs")
    return ". ".join(f"{WORDS[standing]}: {'; '.join(groups[standing])}" for standing in order if standing in groups)


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
        "smallest_effect": deciding.contrast.smallest_effect,
        "p": _number(verdict.adjusted_p_for),
        "seeds": int((~np.isnan(deciding.contrast.differences)).sum()),
        "measure": claim.measure,
        "holds": where(judged),
        "caveats": list(claim.caveats),
        "studies": studies_of([claim]),
        "runs": {"planned": judged.planned, "missing": sum(len(absent.runs) for absent in judged.missing)},
        "contrasts": [
            {
                "name": shown.contrast.name,
                "effect": _number(shown.effect),
                "interval": [_number(limit) for limit in shown.interval],
                "smallest_effect": shown.contrast.smallest_effect,
                "p_for": _number(shown.p_for),
                "p_against": _number(shown.p_against),
                "adjusted_p_against": _number(shown.adjusted_p_against),
                "p_equivalent": _number(shown.p_equivalent),
                "at_ceiling": shown.contrast.at_ceiling,
                "at_edge": shown.contrast.at_edge,
                "differences": [_number(difference) for difference in shown.contrast.differences.tolist()],
            }
            for shown in verdict.evidence
        ],
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


def write_claims(judged: Sequence[Judged], folder: Path) -> Path:
    """Write `claims.json`."""
    path = folder / CLAIMS_FILE
    write_json(path, {"claims": [record(one) for one in judged]})
    return path


def counted(judged: Sequence[Judged]) -> Mapping[str, int]:
    """How many claims have which verdict."""
    names = [one.verdict.verdict for one in judged]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else float(value)
