"""Pieces of a page in Markdown."""

from collections.abc import Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; numbers stand at the right, but for the first column."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def failure(why: object) -> str:
    """A measurement that failed, in a cell: the first sentence of why."""
    return f"failed: {str(why).split('. ')[0]}"


def failed(values: Sequence[dict[str, Any]], **picked: Any) -> str:
    """Why the first measurement with these keys failed."""
    for value in values:
        if value.items() >= picked.items() and "failed" in value:
            return str(value["failed"])
    return "not measured"
