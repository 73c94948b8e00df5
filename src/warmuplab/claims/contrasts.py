"""From a comparison to the contrast that is tested: its terms added up seed by seed."""

from dataclasses import replace

import numpy as np

from warmuplab.claims.arm import Direction
from warmuplab.claims.claim import Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.parts import Contrast
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import TermValues


def contrast_of(comparison: Comparison, evidence: Evidence) -> Contrast:
    """The differences of the planned seeds. Raises `ConfigError` as `Evidence.runs` does."""
    readings = with_worst([term.read(evidence) for term in (*comparison.plus, *comparison.minus)])
    plus, minus = readings[: len(comparison.plus)], readings[len(comparison.plus) :]
    return Contrast(
        comparison.name,
        _sum(plus) - _sum(minus),
        comparison.smallest_effect,
        comparison.unit,
        comparison.margin,
        (_at_ceiling(plus, minus, "more"), _at_ceiling(plus, minus, "less")),
    )


def with_worst(readings: list[TermValues]) -> list[TermValues]:
    """Runs that lack a value count as the worst of those compared, in whichever arm that is."""
    found = np.concatenate([r.values[~np.isnan(r.values)] for r in readings])
    if not found.size or not any(r.lacking.any() for r in readings):
        return readings
    worst = {"more": found.max(), "less": found.min()}
    return [replace(r, values=np.where(r.lacking, worst[r.worse], r.values)) for r in readings]


def _sum(parts: list[TermValues]) -> Floats:
    return np.asarray(np.sum([part.values for part in parts], axis=0), dtype=np.float64)


def _at_ceiling(plus: list[TermValues], minus: list[TermValues], worse: Direction) -> int:
    """Seeds with a run at a ceiling among what is added and is worse with `worse`, or subtracted and the other way."""
    there = [term.at_ceiling for term in plus if term.worse == worse]
    there += [term.at_ceiling for term in minus if term.worse != worse]
    return int(np.any(there, axis=0).sum()) if there else 0
