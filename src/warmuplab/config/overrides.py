"""Configurations as they are typed: dotted keys, and values as Hydra reads them."""

import re
from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser


def flat(nested: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping by dotted keys, as typed on a command line."""
    members: dict[str, Any] = {}
    for key, value in nested.items():
        members |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return members


def nested(flat_keys: Mapping[str, Any]) -> dict[str, Any]:
    """What `flat` made flat."""
    whole: dict[str, Any] = {}
    for key, value in flat_keys.items():
        *groups, last = key.split(".")
        place = whole
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return whole


def as_cell(value: Any) -> Any:
    """A value of a configuration as one cell of a table: lists as typed on a command line, the rest as it is."""
    return as_typed(value) if isinstance(value, list) else value


def from_cell(cell: Any) -> Any:
    """What `as_cell` made one: text that begins as a list is read as one; None for a cell without a value."""
    if isinstance(cell, str):
        return _read_list(cell) if cell.startswith("[") else cell
    return None if cell is None or str(cell) in ("nan", "<NA>") else cell  # NaN, and what pandas has for it


def _read_list(text: str) -> list[Any]:
    """A list as `as_typed` writes it: `[0.9,0.98]`, `[decoder.*.cross,encoder]`."""
    value = OverridesParser.create().parse_override(f"key={text}").value()
    assert isinstance(value, list)
    return value


def as_typed(value: Any) -> str:
    """A value as Hydra reads it; text that could mean something to its grammar is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(as_typed, value))}]"
    text = str(value)
    if isinstance(value, int | float) or re.fullmatch(r"[\w./+*-]+|\[[\w./+*,-]*\]", text):
        return text
    # In its quoted strings a backslash is one unless it comes before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"


def comparable(value: Any) -> str:
    """Equal for 1e-3 and 0.001, 0 and 0.0, and for a list and the text it is stored as."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(float(value)) if is_number else as_typed(value)
