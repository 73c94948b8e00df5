"""What the differences between arms say about claims: the verdicts, by rules that are stated before the runs.

A claim is one or more paired contrasts, its *parts*, that must all hold ("beats no warmup, and beats the arm of equal
area"). Each is a difference per seed, oriented so that positive supports the claim. A part may state a `margin` that
the effect is tested against, instead of 0: at least so much better (positive), or worse by less than that (negative).
The first rule that applies gives the verdict:

1. *not tested*: a part lacks a run, or has too few seeds for any verdict in a registry of this size.
2. *no difference*: every part lies between minus and plus its smallest effect of interest (two one-sided tests at 0.05
   each), no run of it at a ceiling, which would hide a difference.
3. *supported*: every part is shown to lie above its margin, or above 0.
4. *refuted*: a part is shown to lie below 0, or below its margin where that is negative.
5. *supported in part*: some parts are shown, and it says which.
6. *inconclusive*: none of these; it says what would decide.

A part that is shown to be too small to matter counts in 3 to 5 as neither shown nor reversed.

`families` says which tests make up one family, at which level, and what error this leaves: any false *supported* or
*refuted* in a registry at most 0.05.

It rests on symmetry (see `statistics`). Where runs get stuck in one arm only, differences are skewed. Such runs count
at the ceiling and are never left out, the verdict says so, and *an arm with runs at a ceiling is not found to be
better than one without*: the test in that direction is not made, and the one in the other direction errs to the safe
side. What remains are runs that might have got stuck and did not: where one run in ten of an arm does, none of 16
seeds shows it with a chance of 0.19, and a verdict in favour of that arm speaks of the runs that were seen. How often
that goes wrong is measured in `tests/claims/test_verdicts_simulated.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from warmuplab.base.words import plural
from warmuplab.claims import wording
from warmuplab.claims.families import ALPHA, adjust, verdicts
from warmuplab.claims.parts import Contrast, Part, Verdict, VerdictName
from warmuplab.claims.power import seeds_needed
from warmuplab.claims.statistics import sign_flip_interval, sign_flip_p

LEVEL = 0.95  # of the intervals shown


def judge(claims: Mapping[str, Sequence[Contrast]]) -> dict[str, Verdict]:
    """The verdict on every claim, given its parts. All claims of a registry belong in one call."""
    if not claims:
        return {}
    untested = {claim: _untested(contrasts, len(claims)) for claim, contrasts in claims.items()}
    examined = {
        claim: [Part(contrast) if untested[claim] else examine(contrast) for contrast in contrasts]
        for claim, contrasts in claims.items()
    }
    shape = len(claims), max(map(len, claims.values()))
    p = np.full((3, *shape), math.nan)
    for row, (claim, parts) in enumerate(examined.items()):
        for column, part in enumerate(parts):
            raw = (part.p_for, part.p_against, part.p_equivalent)
            p[:, row, column] = 1.0 if untested[claim] else raw  # it keeps its place in the family
    adjusted = adjust(*p)
    names = verdicts(adjusted)
    found = {}
    for row, (claim, parts) in enumerate(examined.items()):
        if untested[claim]:
            first = next(part for part in parts if _lacks(part.contrast, len(parts), len(claims)))
            found[claim] = Verdict("not tested", f"{untested[claim]}.", first, tuple(parts), math.nan, "")
            continue
        with_adjusted = tuple(
            replace(
                part,
                adjusted_p_for=float(adjusted.shown[row, column]),
                adjusted_p_against=float(adjusted.reversed_[row, column]),
                adjusted_p_equivalent=float(adjusted.equivalent[row, column]),
            )
            for column, part in enumerate(parts)
        )
        found[claim] = _verdict(names[row].item(), with_adjusted, len(claims))
    return found


def examine(contrast: Contrast) -> Part:
    """The effect of a contrast with its interval and p-values, none of them adjusted; all seeds must have a value.

    A test that is not made has p = 1.
    """
    d, smallest = contrast.differences, contrast.smallest_effect
    p_for = float(sign_flip_p(d, "greater", contrast.margin))
    p_against = float(sign_flip_p(d, "less", contrast.below))
    up, down = contrast.at_ceiling
    p_for, p_against = (1.0 if down and not up else p_for), (1.0 if up and not down else p_against)
    p_equivalent = 1.0
    if smallest and not any(contrast.at_ceiling):
        p_equivalent = float(max(sign_flip_p(d, "greater", -smallest), sign_flip_p(d, "less", smallest)))
    low, high = (float(limit) for limit in sign_flip_interval(d, LEVEL))
    return Part(contrast, float(d.mean()), (low, high), p_for, p_against, p_equivalent)


def fewest_seeds(parts: int, claims: int) -> int:
    """How many seeds it takes that differences of one sign are a verdict on one of so many claims."""
    return math.ceil(math.log2(parts * claims / ALPHA))


def _untested(contrasts: Sequence[Contrast], claims: int) -> str:
    """Why a claim is not tested; empty where nothing stands in the way."""
    return next(filter(None, (_lacks(contrast, len(contrasts), claims) for contrast in contrasts)), "")


def _lacks(contrast: Contrast, parts: int, claims: int) -> str:
    planned, missing = len(contrast.differences), int(np.isnan(contrast.differences).sum())
    if missing:
        return f"{contrast.name} lacks {missing} of {plural(planned, 'seed')}"
    needed = fewest_seeds(parts, claims)
    if planned < needed:
        among = f"a claim of {plural(parts, 'part')} among {plural(claims, 'claim')}"
        return f"{contrast.name} has {plural(planned, 'seed')}, and {among} needs {needed} for any verdict"
    return ""


def _verdict(name: VerdictName, parts: tuple[Part, ...], claims: int) -> Verdict:
    """A verdict with the p-value and the sentences behind it."""
    over = f"adjusted over {plural(claims, 'claim')}"
    hardest = max(parts, key=lambda part: (part.adjusted_p_for, part.p_for, -part.effect))
    if name == "no difference":
        widest = max(parts, key=lambda part: part.p_equivalent)
        return Verdict(name, wording.no_difference(parts, widest), widest, parts, widest.p_equivalent, "no difference")
    if name == "supported":
        return Verdict(name, wording.supported(parts, hardest, over), hardest, parts, hardest.adjusted_p_for, over)
    if name == "refuted":
        reversed_ = (part for part in parts if part.standing == "reversed")
        worst = min(reversed_, key=lambda part: (part.adjusted_p_against, part.effect))
        p_of = f"of the reversed part, {over}"
        return Verdict(name, wording.refuted(parts, worst, over), worst, parts, worst.adjusted_p_against, p_of)
    if name == "supported in part":
        shown = max((part for part in parts if part.standing == "shown"), key=lambda part: part.adjusted_p_for)
        p_of = f"of the parts that are shown, {over}"
        return Verdict(name, wording.in_part(parts, over), shown, parts, shown.adjusted_p_for, p_of)
    open_ = max((part for part in parts if part.standing == "open"), key=lambda part: (part.p_for, -part.effect))
    contrast = open_.contrast
    needed = seeds_needed([contrast.matters], [contrast.spread], claims) if contrast.matters else None
    reason = wording.inconclusive(parts, open_, needed, over)
    return Verdict("inconclusive", reason, open_, parts, open_.adjusted_p_for, over)
