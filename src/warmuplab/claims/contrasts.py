"""From a comparison to the contrast that is tested: its terms added up seed by seed, with what bounds their mean."""

from dataclasses import replace

import numpy as np

from warmuplab.claims.claim import Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import TermValues
from warmuplab.claims.verdicts import Contrast


def contrast_of(comparison: Comparison, evidence: Evidence) -> Contrast:
    """The differences of the planned seeds, and what bounds their mean from below and from above."""
    readings = with_worst([term.read(evidence) for term in (*comparison.plus, *comparison.minus)])
    plus, minus = readings[: len(comparison.plus)], readings[len(comparison.plus) :]
    values = comparison.margin + _sum([r.values for r in plus]) - _sum([r.values for r in minus])
    lower = comparison.margin + _sums([r.options for r in plus]) - _sum([r.values for r in minus])
    upper = comparison.margin + _sum([r.values for r in plus]) - _sums([r.options for r in minus])
    return Contrast(
        comparison.name,
        values,
        comparison.smallest_effect,
        comparison.unit,
        at_ceiling=int(np.any([r.at_ceiling for r in readings], axis=0).sum()),
        at_edge=any(r.at_edge for r in readings),
        lower=lower,
        upper=upper,
    )


def with_worst(readings: list[TermValues]) -> list[TermValues]:
    """Runs that lack a value count as the worst of those compared, in whichever arm that is."""
    found = np.concatenate([r.values[~np.isnan(r.values)] for r in readings])
    if not found.size or not any(r.lacking.any() for r in readings):
        return readings
    filled = []
    for r in readings:
        values = np.where(r.lacking, found.max() if r.worse == "more" else found.min(), r.values)
        filled.append(replace(r, values=values, options=values[None]) if r.lacking.any() else r)
    return filled


def _sum(parts: list[Floats]) -> Floats:
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _sums(parts: list[Floats]) -> Floats:
    """Every combination of options, [combination, seed]; those of the last part vary fastest."""
    if not parts:
        return np.zeros(1)
    sums = parts[0]
    for part in parts[1:]:
        sums = (sums[:, None] + part).reshape(-1, part.shape[-1])
    return np.asarray(sums, dtype=np.float64)
