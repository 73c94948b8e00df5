"""What a claim is: arms, a comparison of them in one number per seed, and what would count as support.

A claim is written down before its results are read; what it says is judged by `verdicts` and by nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from warmuplab.claims.evidence import Evidence
    from warmuplab.claims.terms import Reading

SEEDS = tuple(range(10))  # of every arm that a verdict rests on
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
    study: str = "claims"
    """The study that trains it."""
    seeds: tuple[int, ...] = SEEDS

    def at(self, rate: float) -> "Arm":
        """The same runs at one of the rates."""
        return Arm(self.name, self.where, (rate,), self.study, self.seeds)


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


class Term(Protocol):
    """What a comparison adds up: a number per seed, read off one arm or several."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose planned runs it needs."""
        ...

    def read(self, evidence: "Evidence") -> "Reading":
        """The numbers of the planned seeds."""
        ...


@dataclass(frozen=True)
class Comparison:
    """`margin` plus some terms minus others, seed by seed: positive supports the claim."""

    name: str
    """As it reads after "in": `10 % warmup against none`."""
    plus: tuple[Term, ...]
    minus: tuple[Term, ...]
    smallest_effect: float
    """Of interest, in `unit`; 0 with a margin, which says already how much matters, or where any effect counts."""
    unit: str = "nats"
    margin: float = 0.0
    short: str = ""
    """The same for a narrow column; empty: `name`."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm it needs, once."""
        return once(arm for term in (*self.plus, *self.minus) for arm in term.arms)


@dataclass(frozen=True)
class Claim:
    """A claim, with what it takes to support it."""

    id: str
    statement: str
    """In plain English."""
    source: str
    """Who says so."""
    measure: str
    """The primary measure, one number per seed, in words."""
    contrasts: tuple[Comparison, ...]
    """All must hold; each is tested."""
    elsewhere: tuple[Comparison, ...] = ()
    """The same question in other settings, or at other measures: described with intervals, not tested."""
    caveats: tuple[str, ...] = ()
    figure: str | None = None
    """One of `claim_figures.FIGURES` that shows it, beside the differences of every seed."""
    study: str = "claims"
    """Whose report carries it. The claims of one study are one family for Holm's rule."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm that its verdict needs, once."""
        return once(arm for comparison in self.contrasts for arm in comparison.arms)


def once(arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Each of `arms` once, in order; they hold mappings, so that a set will not do."""
    found: list[Arm] = []
    for arm in arms:
        if arm not in found:
            found.append(arm)
    return tuple(found)
