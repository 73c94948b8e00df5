"""What a claim is: arms, a comparison of them in one number per seed, and what would count as support.

A claim is written down before its results are read; what it says is judged by `verdicts` and by nothing else.
"""

from dataclasses import dataclass, field

from warmuplab.claims.arm import Arm, once
from warmuplab.claims.terms import Term


@dataclass(frozen=True)
class Comparison:
    """Some terms minus others, seed by seed: more supports the claim."""

    name: str
    """As it stands in quotes in a sentence: `10 % warmup against none`."""
    plus: tuple[Term, ...]
    minus: tuple[Term, ...]
    smallest_effect: float
    """Of interest, in `unit`; 0 with a negative margin, or where no difference is never to be said."""
    unit: str = "nats"
    margin: float = 0.0
    """What the effect is tested against: 0, at least so much (positive), or worse by less than that (negative)."""
    short: str = ""
    """The same for a narrow column; empty: `name`."""

    def __post_init__(self) -> None:
        if len({arm.seeds for arm in self.arms}) > 1:
            raise ValueError(f"{self.name}: its arms have different seeds, and are compared seed by seed")

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
    """Its parts: all must hold; each is tested."""
    elsewhere: tuple[Comparison, ...] = ()
    """The same question in other settings, or at other measures: described with intervals, not tested."""
    caveats: tuple[str, ...] = ()
    figure: str | None = None
    """The file of one of `figures.index.CLAIM_FIGURES` that shows it; without, the differences of every seed do."""
    title: str = ""
    """The statement in about forty letters, for a figure of many claims; empty: `id`."""
    study: str = field(kw_only=True)
    """Whose report carries it."""
    registry: str = field(default="", kw_only=True)
    """Claims of one registry are tested together, whichever studies carry them; empty: those of its study."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm that its verdict needs, once."""
        return once(arm for comparison in self.contrasts for arm in comparison.arms)

    @property
    def family(self) -> str:
        """What its tests are corrected with: its registry, or its study."""
        return self.registry or self.study
