"""What a planned contrast is made of: the pilot's choices that it is built at, and the claim that it becomes."""

from dataclasses import dataclass

from warmuplab.claims.claim import Comparison

FEW = 8  # seeds of what is described and not tested
LADDER_RATES = (4e-3, 8e-3)  # at which the pilot's ladders of warmups, layers and decays were trained
SMALL, SMALLER = 0.1, 0.05  # nats: the smallest effect of interest on a final loss; the lower where 32 seeds can see it
ON_A_CLIFF = 1.0  # nats: the same where runs get stuck; it is two or more between one that is and one that is not
A_QUARTER, A_THIRD, A_HALF, FACTOR_OF_2, FACTOR_OF_10 = (
    0.097,
    0.125,
    0.176,
    0.301,
    1.0,
)  # decades: the same for what differs by factors
DRIFT, PATH = 0.2, 0.3  # natural logarithms: of drifts, and of the path of the output distribution


@dataclass(frozen=True)
class Chosen:
    """Rates and levels that contrasts are built at; the defaults are those of the first generation."""

    fixed: float = 4e-3
    largest: float = 8e-3
    """Of post-LN without warmup: at most half of the largest rate at which all tuning seeds train, and that rate."""
    best: float = 4e-3
    """Of post-LN without warmup."""
    best_warm: float = 8e-3
    """Of post-LN with 10 %."""
    twice_best: float = 8e-3
    """About twice `best`, on the grid."""
    pre_best: float = 1.6e-2
    pre_best_warm: float = 1.6e-2
    pre_fixed: float = 1.6e-2
    """Of pre-LN without warmup: at most half of the largest rate at which all tuning seeds train."""
    pre_twice: float = 1.6e-2
    """Of pre-LN: about twice `pre_best`, on the grid."""
    pre_large: float = 2.26e-2
    """At most three times `pre_best`, on the grid: where the loss of pre-LN rises without warmup."""
    sgd_best: float = 0.4
    sgd_best_warm: float = 0.4
    best_16: float = 8e-3
    best_16_warm: float = 1.6e-2
    best_64: float = 4e-3
    best_64_warm: float = 4e-3
    best_128: float = 2e-3
    best_128_warm: float = 4e-3
    """Of post-LN of other widths."""
    rival: tuple[tuple[int, float], ...] = ((200, 0.3), (800, 0.3), (3200, 0.3))
    """By the length of the run, the best share of warmup but for 10 %."""
    level: float = 1.0
    """Of the early measures on Multi30k, nats below the unigram entropy."""
    level_pre: float = 1.0
    level_quick: float = 1.0
    level_late: float = 1.5
    """Of the time lost at a large rate."""


@dataclass(frozen=True)
class Planned:
    """A claim that is to be registered, without its seeds."""

    id: str
    asks: str
    """In a sentence."""
    expected: str
    """Before the pilot, from the first generation."""
    parts: tuple[Comparison, ...]
    """With the margin and the smallest effect of interest of each."""
    elsewhere: tuple[Comparison, ...] = ()
    """The same question otherwise: described, not tested, and no part of what is registered."""
