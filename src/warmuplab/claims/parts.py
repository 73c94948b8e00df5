"""What verdicts are made of: the differences of a contrast, what they show, and what follows for a claim."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from warmuplab.claims.families import ALPHA, EQUIVALENT
from warmuplab.claims.statistics import Floats

VerdictName = Literal["supported", "supported in part", "refuted", "no difference", "inconclusive", "not tested"]
Standing = Literal["shown", "reversed", "no difference", "open", "not tested"]


@dataclass(frozen=True)
class Contrast:
    """Two arms compared seed by seed."""

    name: str
    """As it stands in quotes in a sentence: `10 % warmup against none`."""
    differences: Floats
    """One per planned seed, positive if it supports the claim; null where a run is missing."""
    smallest_effect: float
    """Of interest, in the unit of the differences; 0 where no difference is never said, as with a negative margin."""
    unit: str = "nats"
    margin: float = 0.0
    """What the effect is shown to lie above."""
    at_ceiling: tuple[int, int] = (0, 0)
    """Seeds of which a run at a ceiling (see `with_ceiling`) raises the effect, and of which one lowers it."""

    def __post_init__(self) -> None:
        if not 0 <= self.smallest_effect < math.inf:
            raise ValueError(f"{self.name}: the smallest effect must be finite and not negative")
        if not math.isfinite(self.margin) or (self.margin and self.smallest_effect > max(self.margin, 0.0)):
            raise ValueError(f"{self.name}: the smallest effect must not exceed the margin, and is 0 below 0")
        if np.isinf(self.differences).any():
            raise ValueError(f"{self.name}: differences must not be infinite: put such runs at a ceiling")

    @property
    def below(self) -> float:
        """An effect below this is the claim reversed: 0, or a negative margin."""
        return min(self.margin, 0.0)

    @property
    def matters(self) -> float:
        """How far from what it is tested against an effect lies that must not be missed."""
        return abs(self.margin) or self.smallest_effect

    @property
    def spread(self) -> float:
        """Standard deviation of the differences over seeds."""
        return float(self.differences.std(ddof=1)) if len(self.differences) > 1 else math.nan


@dataclass(frozen=True)
class Part:
    """What the differences of a contrast show; null where it was not tested."""

    contrast: Contrast
    effect: float = math.nan
    """Mean of the differences."""
    interval: tuple[float, float] = (math.nan, math.nan)
    """95 %, for this contrast alone."""
    p_for: float = math.nan
    """One-sided, by itself: that the effect lies above the margin, or above 0."""
    p_against: float = math.nan
    """That it lies below 0, or below a negative margin."""
    p_equivalent: float = math.nan
    """That it lies within the smallest effect of interest; 1 where that cannot be said."""
    adjusted_p_for: float = math.nan
    """With all tests of its family (see `families`); to be held against 0.025, as the next."""
    adjusted_p_against: float = math.nan
    adjusted_p_equivalent: float = math.nan
    """Within its claim; to be held against 0.05."""

    @property
    def standing(self) -> Standing:
        """What is shown of this part."""
        if math.isnan(self.effect):
            return "not tested"
        if self.adjusted_p_equivalent <= EQUIVALENT:
            return "no difference"
        if self.adjusted_p_for <= ALPHA:
            return "shown"
        return "reversed" if self.adjusted_p_against <= ALPHA else "open"


@dataclass(frozen=True)
class Verdict:
    """On a claim, with what it follows from."""

    verdict: VerdictName
    reason: str
    """One or two sentences."""
    deciding: Part
    """The part that the verdict hangs on: its effect and interval are the claim's."""
    parts: tuple[Part, ...]
    p: float
    """The adjusted p-value behind the verdict; of an inconclusive claim, that of the test for it."""
    p_of: str
    """What it is a p-value of, and over what it is adjusted."""
