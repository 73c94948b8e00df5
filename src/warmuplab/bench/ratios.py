"""Ratios of what was measured in turn: each is taken within a round, so that a slow minute slows both sides."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Rounds = Mapping[int, float]
"""A rate by round; a round in which it could not be measured is missing."""


@dataclass(frozen=True)
class Spread:
    """A median with the smallest and the largest value."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})" if self.count > 1 else f"{self.median:.2f}"


def spread(values: list[float]) -> Spread | None:
    """Of these values; None where there are none."""
    return Spread(statistics.median(values), min(values), max(values), len(values)) if values else None


def ratio(of: Rounds, to: Rounds) -> Spread | None:
    """Spread of the ratio in the rounds that have both; None where no round has."""
    return spread([of[number] / to[number] for number in sorted(of.keys() & to.keys())])


def rate(processes: list[dict[str, Any]], what: str = "tokens") -> float:
    """What all processes did together per second, until the last of them had finished."""
    return float(sum(one[what] for one in processes) / max(one["seconds"] for one in processes))


def rates(measurements: list[dict[str, Any]], contender: str) -> dict[int, float]:
    """Tokens per second of a contender by round, of the measurements that did not fail."""
    mine = [one for one in measurements if one["contender"] == contender and "processes" in one]
    return {one["round"]: rate(one["processes"]) for one in mine}
