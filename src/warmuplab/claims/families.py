"""Which tests belong together, and what a claim's tests say together: arrays of p-values to verdicts.

A registry has m claims; claim i has k parts, which must all hold, and each part three p-values: for it (the effect lies
above the margin that the part states, or above 0), against it (the effect lies below), and for its being too small to
matter. Three families, each with a level of its own:

* **For** (0.025). A claim is *supported* if the largest p of its parts passes Holm's rule over the m claims
  (intersection-union test, Berger 1982; Holm 1979). A claim that does not pass, while s others do, keeps the level
  0.025 / (m - s), and its parts that pass Holm's rule *within the claim* at that level are *shown*.
* **Against** (0.025). The parts of a claim that pass Holm's rule within the claim are *reversed*, at 0.025 / (m - s),
  where s other claims have all their parts reversed. A claim is *refuted* if one of its parts is.
* **No difference** (0.05 for each claim). Every part has p <= 0.05; of other claims, the parts that pass Holm's rule
  within the claim.

What this holds, whatever the claims share:

1. Any false *supported*: at most 0.025. A claim is false if one of its parts does not hold, and the largest p is at
   most the p of that part. Before a first error only true claims have left the family, so each of the f false ones is
   tested at 0.025 / f at most.
2. Any part falsely called reversed, and so any false *refuted*: at most 0.025. As before: a claim with a part that is
   not reversed leaves the family only by an error, and Holm's rule within it errs at most as often as its level says,
   however its parts depend on each other.
3. So any false *supported* or *refuted*: at most 0.05.
4. Any part falsely called shown, those of supported claims included: at most 0.025 if the p-values of the parts of one
   claim that do not hold are independent or positively dependent, as where they share an arm: the two rules together
   are then no more than Hochberg's (1988; Sarkar 1998). Whatever their dependence, at most (2 - 1/k) 0.025: the rule of
   the largest p adds the cases in which all p lie between 0.025 / k and 0.025. That is 0.038 for two parts and 0.044
   for four. So any false statement of a direction, about a claim or a part: at most 0.05, or 0.069 in the worst case.
5. A false *no difference*: at most 0.05 for each claim, as the part that does differ must pass by itself. Over a
   registry it is not corrected, and a part that is called so within another claim has the bound of 4 with 0.05.

A claim of which a run is missing keeps its place in each family, with p-values of 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from warmuplab.claims.statistics import Floats

ALPHA = 0.025  # of the family of tests for claims, and of that against them
EQUIVALENT = 0.05  # of a claim's tests for no difference


@dataclass(frozen=True)
class Adjusted:
    """Each p-value as the smallest level at which its statement is made: [..., claim, part], null where no part is.

    `shown` and `reversed_` are held against `ALPHA`, `equivalent` against `EQUIVALENT`.
    """

    shown: Floats
    reversed_: Floats
    equivalent: Floats


def adjust(p_for: Floats, p_against: Floats, p_equivalent: Floats) -> Adjusted:
    """The p-values [..., claim, part] of a registry, adjusted. Claims with fewer parts than others end with nulls."""
    at_once = np.fmin(_holm(p_for), _largest(p_for)[..., None])
    in_turn = _holm(p_against)
    equivalent = np.fmin(_holm(p_equivalent), _largest(p_equivalent)[..., None])
    gone = np.isnan(p_for)
    return Adjusted(
        np.where(gone, np.nan, _over_claims(at_once, _largest(at_once))),
        np.where(gone, np.nan, _over_claims(in_turn, _largest(in_turn))),
        np.where(gone, np.nan, equivalent),
    )


def verdicts(adjusted: Adjusted) -> NDArray[np.str_]:
    """The verdict on every claim [..., claim] that lacks no run.

    What is too small to matter counts as neither shown nor reversed, whatever its direction. It cannot be said of a
    part with a negative margin, whose p for no difference is 1.
    """
    absent = np.isnan(adjusted.shown)
    small = adjusted.equivalent <= EQUIVALENT
    shown = (adjusted.shown <= ALPHA) & ~small
    conditions = [
        (absent | small).all(axis=-1),
        (absent | shown).all(axis=-1),
        ((adjusted.reversed_ <= ALPHA) & ~small).any(axis=-1),
        shown.any(axis=-1),
    ]
    return np.select(conditions, ["no difference", "supported", "refuted", "supported in part"], "inconclusive")


def _largest(p: Floats) -> Floats:
    return np.asarray(np.fmax.reduce(p, axis=-1))


def _holm(p: Floats) -> Floats:
    """Adjusted within each claim: [..., part], nulls left as they are."""
    order = np.argsort(p, axis=-1)  # nulls last
    ordered = np.take_along_axis(p, order, axis=-1)
    parts = (~np.isnan(p)).sum(axis=-1, keepdims=True)
    stepped = np.fmax.accumulate(ordered * np.maximum(1, parts - np.arange(p.shape[-1])), axis=-1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.where(np.isnan(ordered), np.nan, np.minimum(stepped, 1.0)), axis=-1)
    return adjusted


def _over_claims(parts: Floats, complete: Floats) -> Floats:
    """Adjusted within claims to adjusted over them too: `parts` [..., claim, part], `complete` [..., claim].

    A claim leaves the family, and the others' level grows, at the p-value `complete`. A part is found where s others
    have left: at the smallest level that lets s of them go, in Holm's order, and lets the part pass at its share.
    """
    claims = complete.shape[-1]
    adjusted = np.empty_like(parts)
    shares = np.arange(claims, 0, -1.0)
    for claim in range(claims):
        others = np.sort(np.delete(complete, claim, axis=-1), axis=-1)
        left = np.maximum.accumulate(others * shares[:-1], axis=-1)
        left = np.concatenate([np.zeros((*left.shape[:-1], 1)), left], axis=-1)
        levels = np.maximum(parts[..., claim, :, None] * shares, left[..., None, :])
        adjusted[..., claim, :] = np.minimum(levels.min(axis=-1), 1.0)
    return adjusted
