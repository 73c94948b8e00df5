"""Rules for the length of a warmup, and what each loses against the best length in every situation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from warmuplab.claims.lengths.ladders import ENOUGH, Ladder, Situation
from warmuplab.claims.statistics import Floats

LONGEST = 0.3  # of a run: no run length was tried with less at most
NO_WARMUP = "no warmup"
HABIT = 0.1  # the share that is advised most
SHARES = (0.01, 0.03, 0.05, 0.2, LONGEST)
STEPS = (10, 20, 40, 80, 100, 160, 200, 240)
MULTIPLES = (2500, 5000, 10_000, 20_000, 40_000)


@dataclass(frozen=True)
class Rule:
    """How many steps of warmup a situation gets."""

    words: str
    length: Callable[[Situation], float]

    def steps(self, situation: Situation) -> float:
        """The length in steps: at most `LONGEST` of the run."""
        return min(self.length(situation), LONGEST * situation.steps)


@dataclass(frozen=True)
class Scored:
    """A rule with its regret: how far it ends above the best length tried, in nats."""

    rule: Rule
    regrets: Floats
    """[ladder]: means over seeds; null where the length is shorter than any that was trained."""

    @property
    def mean(self) -> float:
        """Over the situations."""
        return float(np.nanmean(self.regrets))

    @property
    def most(self) -> float:
        """The largest."""
        return float(np.nanmax(self.regrets))

    @property
    def worst(self) -> int:
        """The place of the situation in which it loses most."""
        return int(np.nanargmax(self.regrets))


def families() -> list[list[Rule]]:
    """The simplest first; a family of several rules has one number to choose."""

    def share(of: float) -> Rule:
        return Rule(f"{100 * of:g} % of the steps", lambda situation: of * situation.steps)

    def steps(count: int) -> Rule:
        return Rule(f"{count} steps", lambda _: float(count))

    def multiple(of: int) -> Rule:
        return Rule(f"{of:,} times the peak rate, in steps", lambda situation: of * situation.peak_lr)

    return [
        [Rule(NO_WARMUP, lambda _: 0.0)],
        [share(HABIT)],
        [share(of) for of in SHARES],
        [steps(count) for count in STEPS],
        [Rule("2 / (1 - beta2) steps", lambda situation: 2 / (1 - situation.beta2))],
        [multiple(of) for of in MULTIPLES],
    ]


def scored(rule: Rule, ladders: Sequence[Ladder]) -> Scored:
    """A rule on all ladders."""
    return Scored(rule, np.array([one.regret(rule.steps(one.situation)).mean() for one in ladders]))


def best_of_families(ladders: Sequence[Ladder]) -> list[Scored]:
    """Of every family the rule with the smallest mean regret, the simplest family first."""
    return [min((scored(rule, ladders) for rule in rules), key=lambda one: one.mean) for rules in families()]


def simplest(best: Sequence[Scored]) -> Scored:
    """The first whose mean regret is at most `ENOUGH` above the smallest."""
    least = min(one.mean for one in best)
    return next(one for one in best if one.mean <= least + ENOUGH)
