"""Equality up to the last digits of computed numbers, which differ between processors; all else must be the same."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)*(?:e[+-]?\d+)?")
RELATIVE, ABSOLUTE = 1e-9, 1e-13  # the latter for zeros


def same_number(one: float, other: float) -> bool:
    """Equal up to rounding on the way."""
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def numbers_in(record: Any) -> list[float]:
    """Every number with a fraction in nested dicts and lists."""
    if isinstance(record, dict):
        record = list(record.values())
    if isinstance(record, list):
        return [number for member in record for number in numbers_in(member)]
    return [record] if isinstance(record, float) else []


def first_difference(one: Any, other: Any, computed: Sequence[float] | None = None, place: str = "") -> str | None:
    """Where two JSON documents differ by more than the rounding of computed numbers; None where nowhere.

    Types, keys, their order, whole numbers and texts must be equal, but for a digit in a text that depends on how one
    of the `computed` numbers (all of `one`, if not given) is rounded.
    """
    computed = numbers_in(one) if computed is None else computed
    if type(one) is not type(other):
        return f"{place}: {one!r} is not {other!r}"
    if isinstance(one, dict):
        if list(one) != list(other):
            return f"{place}: the keys {list(one)} are not {list(other)}"
        parts = [(f"{place}/{key}", one[key], other[key]) for key in one]
    elif isinstance(one, list):
        if len(one) != len(other):
            return f"{place}: {len(one)} members are not {len(other)}"
        parts = [(f"{place}/{number}", *pair) for number, pair in enumerate(zip(one, other, strict=True))]
    else:
        same = one == other
        if isinstance(one, float):
            same = same or same_number(one, other)
        elif isinstance(one, str) and not same:
            return first_difference_of_texts(one, other, computed, place)
        return None if same else f"{place}: {one!r} is not {other!r}"
    found = (first_difference(left, right, computed, where) for where, left, right in parts)
    return next((difference for difference in found if difference is not None), None)


def first_difference_of_texts(one: str, other: str, computed: Sequence[float], place: str = "") -> str | None:
    """Where two texts differ; None where nowhere.

    A number in them may differ by one unit in the last place shown, if one of the `computed` numbers lies halfway
    between, so that its last digits decide to which side it is rounded.
    """
    between, numbers = NUMBER.split(one), NUMBER.findall(one)
    if between == NUMBER.split(other):
        pairs = zip(numbers, NUMBER.findall(other), strict=True)
        wrong = [pair for pair in pairs if pair[0] != pair[1] and not _two_roundings(*pair, computed)]
        return f"{place}: {wrong[0][0]} is not {wrong[0][1]}" if wrong else None
    lines = zip(one.splitlines(), other.splitlines(), strict=False)
    differing = (f"{place}: {left!r} is not {right!r}" for left, right in lines if left != right)
    return next(differing, f"{place}: one text is longer than the other")


def _two_roundings(one: str, other: str, computed: Sequence[float]) -> bool:
    """Whether two numbers as shown are one of the `computed` ones, rounded to either side."""
    if one.count(".") > 1 or other.count(".") > 1:  # a version
        return False
    shown = Decimal(one), Decimal(other)
    unit = min(Decimal(1).scaleb(int(number.as_tuple().exponent)) for number in shown)
    halfway = float(sum(shown) / 2)
    return abs(shown[0] - shown[1]) <= unit and any(same_number(halfway, number) for number in computed)
