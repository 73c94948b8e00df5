"""Arms, and what is measured of them: the pieces that claims are made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

SEEDS = tuple(range(10))  # of an arm that names none
Direction = Literal["less", "more"]


@dataclass(frozen=True)
class Not:
    """Any value of a configuration key but this one, as in `Not(16)`: the arm survives an override of the others."""

    value: Any


@dataclass(frozen=True)
class Arm:
    """Runs that differ in nothing but the seed and the peak learning rate."""

    name: str
    """As it reads in a table: `10 % warmup`."""
    where: Mapping[str, Any]
    """Values of configuration keys, dotted, that pick its runs; together with seed and rate they must pick one."""
    rates: tuple[float, ...] = ()
    """Peak learning rates it was planned at, in increasing order; none for a schedule that states its own."""
    study: str = field(kw_only=True)
    """The study that trains it."""
    seeds: tuple[int, ...] = SEEDS

    def at(self, rate: float) -> "Arm":
        """The same runs at one of the rates."""
        return replace(self, rates=(rate,))


@dataclass(frozen=True)
class Measure:
    """One number of a run."""

    column: str
    """A summary value of `runs.parquet`, or with `at_end_of_early_window` a metric of `curves.parquet`."""
    words: str
    unit: str
    worse: Direction
    """Whether a run with less or with more of it is the worse one."""
    ceiling: str = "worst"
    """What a run counts as that has no value, as it diverged or never got to where it is read: `unigram entropy` (also
    the most that a loss counts), `steps` (the length of the run), or the `worst` value among the runs compared."""
    at_end_of_early_window: bool = False
    logarithm: bool = False
    """Whether its decimal logarithm is compared: for what differs by factors."""


def once(arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Each of `arms` once, in order; they hold mappings, so that a set will not do."""
    found: list[Arm] = []
    for arm in arms:
        if arm not in found:
            found.append(arm)
    return tuple(found)
