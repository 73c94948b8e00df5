"""What the differences between arms say about claims: the verdicts, by rules that are stated before the runs.

A claim is one or more paired contrasts that must *all* hold ("beats no warmup, and beats the arm of equal area"), each
a difference per seed, oriented so that positive supports the claim, with a smallest effect of interest. The rules, of
which the first that applies gives the verdict:

1. *not tested*: a contrast has fewer than `SEEDS` seeds, or a seed without a value.
2. *inconclusive*: a best peak rate was chosen at the edge of its grid, so that arm may not have been at its best.
3. *supported*: every contrast has a mean of at least its smallest effect, and the effects are shown to be positive:
   adjusted p <= `ALPHA` for the largest of their one-sided p-values (intersection-union test, Berger 1982).
4. *refuted*: some contrast has a mean at or below minus its smallest effect, and this effect is shown to be negative:
   adjusted p <= `ALPHA` for the one-sided test against the claim.
5. *no difference*: some contrast lies between minus and plus its smallest effect: its 90 % interval does (two one-sided
   tests at 0.05, divided by the number of contrasts in the claim), and no run of it sits at a ceiling, which would hide
   a difference.
6. *inconclusive*: neither an effect of interest nor its absence is shown.

Adjusted is by Holm over one family: a test for each claim and a test against each contrast, untested claims included.
So in a set of claims the chance of *any* false `supported` or `refuted` is at most `ALPHA`, whatever the claims share;
`no difference` is false with a chance of at most 0.05 per claim. A mean at least as large as the smallest effect is
asked for, but only an effect larger than zero is shown: a test against the smallest effect itself would need many more
seeds. The smallest effect thus keeps what is real but trivial from being supported, and can only lower the chance of a
false verdict. A claim that two arms differ by *less* than a margin is a contrast of margin minus difference, with a
smallest effect of 0; such a contrast is never found to show `no difference`.

Measured over 8,000 simulated studies of the registered claims, ten seeds each: any false `supported` or `refuted` in
0.019 of the studies without effects. Of claims that need one contrast at one rate and hold by 1, 2 and 3 standard
deviations of the differences, 0.17, 0.81 and 0.98 are supported; of those that need two 0.05, 0.67 and 0.98, and of
those that need three at own best rates 0.02, 0.54 and 0.96. With ten seeds and so many tests, all seeds must agree in
sign. What it rests on is symmetry (see `statistics`): where means are equal but one run in ten is stuck in the arms
without warmup alone, 0.06 of the studies have a false verdict.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np

from warmuplab.base.errors import ConfigError
from warmuplab.base.words import plural
from warmuplab.claims.statistics import Floats, holm, sign_flip_interval, sign_flip_p

VerdictName = Literal["supported", "refuted", "no difference", "inconclusive", "not tested"]

SEEDS = (
    10  # six can never pass Holm over a dozen claims; with 12 the power at 1.5 standard deviations is 0.86, not 0.49
)
ALPHA = 0.05
LEVEL = 0.95  # of the intervals shown


@dataclass(frozen=True)
class Contrast:
    """Two arms compared seed by seed."""

    name: str
    """As it reads after "in": `10 % warmup against none`."""
    differences: Floats
    """One per planned seed, positive if it supports the claim; null where a run is missing."""
    smallest_effect: float
    """Of interest, in the unit of the differences, not negative."""
    unit: str = "nats"
    at_ceiling: int = 0
    """Seeds of which a run sits at a ceiling (see `with_ceiling`)."""
    at_edge: bool = False
    """Whether a peak rate was chosen at the edge of its grid (see `statistics.best_on_others`)."""
    lower: Floats | None = None
    """[..., seed], where the arms are at their own best rates: differences that bound the effect from below."""
    upper: Floats | None = None
    """Likewise from above (see `terms`)."""

    def __post_init__(self) -> None:
        if not 0 <= self.smallest_effect < math.inf:
            raise ValueError(f"{self.name}: the smallest effect must be finite and not negative")
        if any(np.isinf(rows).any() for rows in self.bounds):
            raise ValueError(f"{self.name}: differences must not be infinite: put such runs at a ceiling")

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """What bounds the effect from below and from above, each [bound, seed]: the differences, if nothing else."""
        lower, upper = (self.differences if given is None else given for given in (self.lower, self.upper))
        return np.atleast_2d(lower), np.atleast_2d(upper)

    def interval(self, level: float) -> tuple[float, float]:
        """Of the effect: the lowest lower and the highest upper limit."""
        lower, upper = self.bounds
        return float(sign_flip_interval(lower, level)[0].min()), float(sign_flip_interval(upper, level)[1].max())


@dataclass(frozen=True)
class Examined:
    """What the differences of a contrast show; null where it was not tested."""

    contrast: Contrast
    effect: float
    """Mean of the differences."""
    interval: tuple[float, float]
    """95 %, for this contrast alone."""
    p_for: float
    """One-sided, not adjusted."""
    p_against: float
    p_equivalent: float
    adjusted_p_against: float = math.nan

    @property
    def smallest(self) -> str:
        """The smallest effect of interest with its unit."""
        return f"{self.contrast.smallest_effect:g} {self.contrast.unit}"

    def sentence(self, level: float = LEVEL) -> str:
        """The start of one: `The effect is +0.21 nats (95 % interval +0.15 to +0.27) in 10 % warmup against none`."""
        low, high = self.interval if level == LEVEL else self.contrast.interval(level)
        effect = f"{self.effect:+.3g} {self.contrast.unit} ({100 * level:g} % interval {low:+.3g} to {high:+.3g})"
        return f"The effect is {effect} in {self.contrast.name}"


@dataclass(frozen=True)
class Verdict:
    """On a claim, with what it follows from."""

    verdict: VerdictName
    reason: str
    """One sentence."""
    deciding: Examined
    """The contrast that the verdict hangs on: its effect and interval are the claim's."""
    evidence: tuple[Examined, ...]
    """Of every contrast."""
    adjusted_p_for: float
    """Of the test for the claim."""


def judge(claims: Mapping[str, Sequence[Contrast]]) -> dict[str, Verdict]:
    """The verdict on every claim, given the contrasts that each requires. All registered claims belong in one call.

    Raises `ConfigError` for more claims than `SEEDS` differences of one sign could ever show.
    """
    tests = sum(1 + len(contrasts) for contrasts in claims.values())
    if tests > ALPHA * 2**SEEDS:
        problem = f"{tests} tests in one family, and {SEEDS} seeds carry {int(ALPHA * 2**SEEDS)}"
        raise ConfigError("CLAIMS", f"{len(claims)} claims", problem, "claim less, give some a study of their own")
    found = iter(_examine([contrast for contrasts in claims.values() for contrast in contrasts]))
    examined = {claim: list(islice(found, len(contrasts))) for claim, contrasts in claims.items()}
    adjusted = iter(holm([p for evidence in examined.values() for p in _tests(evidence)]).tolist())
    verdicts = {}
    for claim, evidence in examined.items():
        p_for = next(adjusted)
        verdicts[claim] = _verdict(p_for, tuple(replace(e, adjusted_p_against=next(adjusted)) for e in evidence))
    return verdicts


def _examine(contrasts: Sequence[Contrast]) -> list[Examined]:
    """The evidence of each contrast. Bounds are computed as one array per number of seeds.

    An upper bound is a lower one of the effect against the claim, and is turned into one by its sign.
    """
    nothing = (math.nan, (math.nan, math.nan), math.nan, math.nan, math.nan)
    found = [Examined(contrast, *nothing) for contrast in contrasts]
    tested = [i for i, contrast in enumerate(contrasts) if not _untested(contrast)]
    for seeds in {len(contrasts[i].differences) for i in tested}:
        alike = [i for i in tested if len(contrasts[i].differences) == seeds]
        sides = [side for i in alike for side in (contrasts[i].bounds[0], -contrasts[i].bounds[1])]
        starts = np.cumsum([0, *(len(side) for side in sides[:-1])])
        smallest = np.repeat([contrasts[i].smallest_effect for i in alike for _ in range(2)], [len(s) for s in sides])
        d = np.concatenate(sides)
        p = np.maximum.reduceat(sign_flip_p(d, "greater"), starts).reshape(-1, 2)
        p_beyond = np.maximum.reduceat(sign_flip_p(d, "greater", -smallest), starts).reshape(-1, 2)
        limits = np.minimum.reduceat(sign_flip_interval(d, LEVEL)[0], starts).reshape(-1, 2) * (1, -1)
        for i, (p_for, p_against), beyond, interval in zip(
            alike, p.tolist(), p_beyond.tolist(), limits.tolist(), strict=True
        ):
            effect = float(contrasts[i].differences.mean())
            found[i] = Examined(contrasts[i], effect, tuple(interval), p_for, p_against, p_equivalent=max(beyond))
    return found


def _untested(contrast: Contrast) -> str:
    """What is missing; empty where nothing is."""
    planned, missing = len(contrast.differences), int(np.isnan(contrast.differences).sum())
    if missing:
        return f"{contrast.name} lacks {missing} of {plural(planned, 'seed')}"
    return f"{contrast.name} has {plural(planned, 'seed')} where {SEEDS} are required" if planned < SEEDS else ""


def _tests(evidence: Sequence[Examined]) -> list[float]:
    """p-values that a claim adds to the family: for it, and against each of its contrasts."""
    if any(_untested(e.contrast) for e in evidence):
        return [1.0] * (1 + len(evidence))
    return [max(e.p_for for e in evidence), *(e.p_against for e in evidence)]


def _verdict(p_for: float, evidence: tuple[Examined, ...]) -> Verdict:
    """The first rule that applies."""

    def verdict(name: VerdictName, deciding: Examined, reason: str) -> Verdict:
        return Verdict(name, f"{reason}.", deciding, evidence, p_for)

    for e in evidence:
        if _untested(e.contrast):
            return verdict("not tested", e, _untested(e.contrast))
    for e in evidence:
        if e.contrast.at_edge:
            edge = "a best peak rate lies at the edge of its grid, and a better one may lie beyond"
            return verdict("inconclusive", e, f"{e.sentence()}, but {edge}")
    weakest = max(evidence, key=lambda e: (e.p_for, -e.effect))
    if p_for <= ALPHA and all(e.effect >= e.contrast.smallest_effect for e in evidence):
        shown = f"at least the {weakest.smallest} of interest (adjusted p = {p_for:.2g})"
        return verdict("supported", weakest, f"{weakest.sentence()}, {shown}")
    for e in evidence:
        if e.adjusted_p_against <= ALPHA and e.effect <= -e.contrast.smallest_effect:
            shown = f"the other way (adjusted p = {e.adjusted_p_against:.2g})"
            return verdict("refuted", e, f"{e.sentence()}, {shown}")
    for e in evidence:
        if _equivalent(e, evidence) and not e.contrast.at_ceiling:
            level = 1 - 2 * ALPHA / len(evidence)
            shown = f"less than the {e.smallest} of interest either way (p = {e.p_equivalent:.2g})"
            return verdict("no difference", e, f"{e.sentence(level)}, {shown}")
    deciding, why = _undecided(p_for, weakest, evidence)
    return verdict("inconclusive", deciding, f"{deciding.sentence()}, {why}")


def _equivalent(e: Examined, evidence: Sequence[Examined]) -> bool:
    return e.p_equivalent <= ALPHA / len(evidence)


def _undecided(p_for: float, weakest: Examined, evidence: Sequence[Examined]) -> tuple[Examined, str]:
    """The contrast that stands in the way of a verdict, and how."""
    for e in evidence:
        if _equivalent(e, evidence):
            hidden = plural(e.contrast.at_ceiling, "seed")
            return e, f"too small to matter, but {hidden} with a run at its ceiling may hide a difference"
    if p_for <= ALPHA:
        small = next(e for e in evidence if e.effect < e.contrast.smallest_effect)
        return small, f"shown to be positive but short of the {small.smallest} of interest"
    for e in evidence:
        if e.adjusted_p_against <= ALPHA:
            return e, f"shown to be negative but short of the {e.smallest} of interest"
    if weakest.contrast.smallest_effect == 0:
        return weakest, f"not shown after correction for all tests (adjusted p = {p_for:.2g})"
    return (
        weakest,
        f"neither shown (adjusted p = {p_for:.2g}) nor shown to be less than the {weakest.smallest} of interest",
    )
