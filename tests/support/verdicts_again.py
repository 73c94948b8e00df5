"""The rules from p-values to verdicts, written out with plain loops at the stated levels.

Of `claims.verdicts` and `claims.families` this has the words and none of the code. Each part of a claim has three
p-values: for it, against it, and for its being too small to matter.
"""

import math
from collections.abc import Mapping, Sequence

FOR, AGAINST, SMALL = range(3)
ALPHA, EQUIVALENT = 0.025, 0.05


def verdicts_again(p: Mapping[str, Sequence[Sequence[float]]], seeds: Mapping[str, int], claims: int) -> dict[str, str]:
    """The verdict on every claim whose runs are all there, of a registry of so many `claims`; the others have p = 1."""
    whole = {name: parts for name, parts in p.items() if seeds[name] >= math.log2(len(parts) * claims / ALPHA)}
    passed = leaving({name: max(column(parts, FOR)) for name, parts in whole.items()}, claims)
    reversed_at = {name: least_level(column(parts, AGAINST)) for name, parts in whole.items()}
    turned = leaving(reversed_at, claims)
    found = dict.fromkeys(p, "not tested")
    for name, parts in whole.items():
        everything = set(range(len(parts)))
        small = holm(column(parts, SMALL), EQUIVALENT)
        if all(value <= EQUIVALENT for value in column(parts, SMALL)):
            small = everything
        shown = everything if name in passed else holm(column(parts, FOR), ALPHA / (claims - len(passed)))
        against = holm(column(parts, AGAINST), ALPHA / (claims - len(turned - {name})))
        if small == everything:
            found[name] = "no difference"
        elif shown - small == everything:
            found[name] = "supported"
        elif against - small:
            found[name] = "refuted"
        elif shown - small:
            found[name] = "supported in part"
        else:
            found[name] = "inconclusive"
    return found


def column(parts: Sequence[Sequence[float]], which: int) -> list[float]:
    """One of the three p-values, part by part."""
    return [part[which] for part in parts]


def holm(p: Sequence[float], level: float) -> set[int]:
    """The places of the p-values that Holm's rule rejects at a level."""
    rejected: set[int] = set()
    for place in sorted(range(len(p)), key=lambda place: p[place]):
        if p[place] > level / (len(p) - len(rejected)):
            break
        rejected.add(place)
    return rejected


def least_level(p: Sequence[float]) -> float:
    """The smallest level at which Holm's rule rejects all of the p-values."""
    return max(value * (len(p) - place) for place, value in enumerate(sorted(p)))


def leaving(p: Mapping[str, float], claims: int) -> set[str]:
    """The claims that Holm's rule over all `claims` rejects at 0.025."""
    gone: set[str] = set()
    for name in sorted(p, key=lambda name: p[name]):
        if p[name] > ALPHA / (claims - len(gone)):
            break
        gone.add(name)
    return gone
