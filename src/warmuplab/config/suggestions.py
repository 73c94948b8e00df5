"""What is likely meant by a key, group or option that does not exist: candidates in, a suggestion out.

Without a near candidate nothing is suggested: a wrong guess costs more than none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

NEAR = 0.75  # of `likeness`: lets `cosin` and `preln` through, but not `epochs` for `eps`

Options = Mapping[str, Sequence[str]]


class Key(NamedTuple):
    """A key that can be typed."""

    name: str
    """Dotted, as `schedule.peak_lr`."""
    kind: str
    """What it takes: `int`, `float`, `bool`, `str` or another word."""
    rank: int
    """Where two are as near, the smaller one is meant."""


def option(typed: str, options: Iterable[str]) -> str | None:
    """The nearest of `options`."""
    likely = max(options, key=lambda each: likeness(typed, each), default=None)
    return likely if likely is not None and likeness(typed, likely) >= NEAR else None


def setting(typed: str, value: str, keys: Sequence[Key], groups: Options) -> str | None:
    """What to type instead of `typed=value`, complete with its value.

    `keys` are those that can be set, `groups` the options of every group; a group is written with slashes.
    """
    name = typed.replace("/", ".")
    meant = _group(name, value, groups, NEAR) or _group_key(name, value, keys, groups)
    if meant is None:
        key = _nearest(name, [key for key in keys if key.name != typed])
        meant = None if key is None else f"{key.name}={value or 'VALUE'}"
    return meant if meant != f"{typed}={value}" else None


def likeness(typed: str, known: str) -> float:
    """From 0 to 1, without regard to case, `_`, `-`, `.` and `/`."""
    one, other = (re.sub(r"[\W_]", "", word.lower()) for word in (typed, known))
    return float(SequenceMatcher(None, one, other).ratio())


def _group(name: str, value: str, groups: Options, least: float) -> str | None:
    """An option of a group that is near in name, or in its last part, and has an option near `value`."""
    for group in sorted(groups, key=lambda group: -_closeness(name, group.replace("/", "."))):
        chosen = option(value, groups[group])
        if chosen is not None and _closeness(name, group.replace("/", ".")) >= least:
            return f"{'+' if group == 'study' else ''}{group}={chosen}"
    return None


def _group_key(name: str, value: str, keys: Sequence[Key], groups: Options) -> str | None:
    """For a group that was given a number: the first of its own keys that takes such a number, or an option."""
    kinds = {"int": r"[-+]?\d+", "float": r"[-+]?\d*\.?\d+(e[-+]?\d+)?|[-+]?\d+\.(e[-+]?\d+)?"}
    kind = next((kind for kind, form in kinds.items() if re.fullmatch(form, value.lower())), None)
    for group in groups:
        dotted = group.replace("/", ".")
        if not dotted.endswith(name) or f".{dotted}"[-len(name) - 1] != ".":
            continue
        members = [key for key in keys if key.name.rpartition(".")[0] == dotted]
        chosen = next((key for key in members if key.kind == kind), None)
        if chosen is not None:
            return f"{chosen.name}={value} (or {group}=OPTION)"
    return None


def _nearest(name: str, keys: Sequence[Key]) -> Key | None:
    """The key that is nearest in its spelling, or that ends in the last part of `name`, or has its words in it."""
    scored = [(_closeness(name, key.name), key) for key in keys]
    first = name.partition(".")[0]
    best = max(
        scored,
        key=lambda pair: (pair[0], pair[1].name.startswith(f"{first}."), -pair[1].rank, -pair[1].name.count(".")),
        default=None,
    )
    return best[1] if best is not None and best[0] >= NEAR else None


def _closeness(name: str, known: str) -> float:
    """How near `name` is to a dotted name or to the end of it: part by part, so that a long group hides no mistake."""
    typed, parts = name.split("."), known.split(".")
    ends = parts[-len(typed) :]
    nearness = 0.0
    if len(ends) == len(typed):
        nearness = min(likeness(mine, its) for mine, its in zip(typed, ends, strict=True))
    if parts[-1] == "name":  # five groups have one, which their options set
        return nearness if len(typed) > 1 else 0.0
    if len(typed) == 1:  # written without dots: warmup_fraction
        joined = ("".join(parts[-count:]) for count in range(2, len(parts) + 1))
        nearness = max([nearness, *(likeness(name, each) for each in joined)])
    if typed[-1] == parts[-1]:  # in another group than its own
        nearness = max(nearness, 1 - 0.01 * (len(typed) > 1))
    if len(typed) <= 2 and set(typed[-1].split("_")) <= set(parts[-1].split("_")):  # lr, smoothing, optimizer.lr
        nearness = max(nearness, NEAR)
    return nearness
