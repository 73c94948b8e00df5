"""How many seeds each planned claim needs, from the spread of its differences over the tuning seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warmuplab.base.words import listed, number, plural
from warmuplab.claims.claim import Comparison
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.chosen import Planned
from warmuplab.claims.power import CONFIDENCE, WANTED, claim_power, seeds_needed, upper_spread
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import LargestTrained, SmallestSufficient

SEED_COUNTS = (16, 24, 32)  # that a confirmatory study may have


@dataclass(frozen=True)
class PartNeed:
    """A part of a claim in the pilot."""

    comparison: Comparison
    differences: Floats
    """[seed], null where a run is missing or was not measured."""
    spread: float
    """Their standard deviation; null where it is not known."""
    upper: float
    """Its upper 80 % bound."""
    at_ceiling: int
    """Seeds with a run at a ceiling, which hides differences."""

    @property
    def distance(self) -> float:
        """From the bound that is tested to the effect that matters."""
        return self.comparison.smallest_effect - self.comparison.margin

    @property
    def missing(self) -> str:
        """Why nothing can be planned from it; empty where it can."""
        absent = int(np.isnan(self.differences).sum())
        if absent:
            return f"{self.comparison.name}: {plural(absent, 'seed')} of {len(self.differences)} without a value"
        if math.isnan(self.upper):
            return f"{self.comparison.name}: all runs at their ceiling, so that no spread can be seen"
        return ""


@dataclass(frozen=True)
class Need:
    """What a claim needs."""

    planned: Planned
    parts: tuple[PartNeed, ...]
    needed: int | None
    """The fewest seeds for a power of 0.9; None where thousands are not enough, or nothing can be planned."""
    seeds: int | None
    """Those to be planned, one of `SEED_COUNTS`; None where nothing can be planned."""
    power: float
    """With these seeds, at the effects that matter."""
    lacks: str
    """What keeps it from being decided; empty where nothing does."""
    claims: int
    """That are tested together."""

    def power_with(self, seeds: int) -> float:
        """At the effects that matter; null where nothing can be planned."""
        if self.seeds is None:
            return math.nan
        distances, uppers = [part.distance for part in self.parts], [part.upper for part in self.parts]
        return claim_power(distances, uppers, seeds, self.claims)


def needs(plan: Sequence[Planned], evidence: Evidence) -> list[Need]:
    """What each claim of a plan needs where all of them are one family."""
    return [need_of(planned, [part_need(part, evidence) for part in planned.parts], len(plan)) for planned in plan]


def need_of(planned: Planned, parts: Sequence[PartNeed], claims: int) -> Need:
    """What a claim needs, one of so many."""
    missing = [part.missing for part in parts if part.missing]
    if missing:
        return Need(planned, tuple(parts), None, None, math.nan, "; ".join(missing), claims)
    distances, uppers = [part.distance for part in parts], [part.upper for part in parts]
    needed = seeds_needed(distances, uppers, claims)
    seeds = next((count for count in SEED_COUNTS if needed is not None and count >= needed), SEED_COUNTS[-1])
    reached = claim_power(distances, uppers, seeds, claims)
    lacks = ""
    if reached < WANTED:
        widest = max(parts, key=lambda part: part.upper / part.distance)
        enough = f"needs {plural(needed, 'seed')}" if needed else "no number of seeds is enough"
        lacks = f"{enough}, for the spread of {widest.comparison.name}"
    return Need(planned, tuple(parts), needed, seeds, reached, lacks, claims)


def part_need(comparison: Comparison, evidence: Evidence) -> PartNeed:
    """The spread of one part over the pilot's seeds."""
    contrast = contrast_of(comparison, evidence)
    d, hidden = contrast.differences, max(contrast.at_ceiling)
    if len(d) < 2 or np.isnan(d).any():
        return PartNeed(comparison, d, math.nan, math.nan, hidden)
    spread = float(d.std(ddof=1))
    step = step_of(comparison)
    if step is not None:
        upper = max(upper_spread(spread, len(d)), unseen_spread(step, len(d)))
    else:
        upper = upper_spread(spread, len(d)) if spread > 0 else math.nan
    return PartNeed(comparison, d, spread, upper, hidden)


def step_of(comparison: Comparison) -> float | None:
    """In which steps, in doublings, the difference can be read; None where it is not read off a grid."""
    steps: list[float] = []
    for term in (*comparison.plus, *comparison.minus):
        if isinstance(term, LargestTrained):
            steps += np.diff(np.log2(term.arm.rates)).tolist()
        elif isinstance(term, SmallestSufficient):
            steps += np.diff(np.log2([length for length in term.lengths if length > 0])).tolist()
    return min(steps) if steps else None


def unseen_spread(step: float, seeds: int) -> float:
    """The spread that may hide behind so many seeds that all agree on a grid.

    With 80 % confidence at most a share of 1 - 0.2^(1 / seeds) of seeds differ, and those by one step.
    """
    share = 1 - (1 - CONFIDENCE) ** (1 / seeds)
    return step * math.sqrt(share * (1 - share))


def standing(found: Sequence[Need]) -> str:
    """How many claims reach the power wanted, in a sentence."""
    good = [need for need in found if not need.lacks]
    counts = {seeds: sum(need.seeds == seeds for need in good) for seeds in SEED_COUNTS}
    told = listed(f"{count} with {seeds} seeds" for seeds, count in counts.items() if count)
    return (
        f"{len(good)} of {plural(len(found), 'claim')} have a power of {number(WANTED, 1)} or more at the smallest"
        f" effect of interest, tested as one family{f': {told}' if good else ''}."
    )
