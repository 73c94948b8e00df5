"""The terms that comparisons are made of, and what bounds the mean of a term.

An arm that is compared at its own best peak rate has it chosen by the other seeds (leave one out). All seeds share that
choice, and so its luck: where rates differ by no more than seeds do, a test of the chosen differences alone errs 0.14
of the time at 0.05. Hence bounds: an arm is at most as good at its chosen rates as at its best one, and the best of the
other is one of its grid. An effect that is shown against *every* rate of the other is there between the best ones,
however uncertain the choice (intersection-union test, Berger 1982). Where rates differ by much more than seeds do,
nothing is lost by it. Against a term without a choice nothing bounds the luck of a choice among equally good rates: the
test that finds the chosen side better errs 0.10 at 0.05 there.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats, best_on_others

FINAL_LOSS = Measure("val/loss", "final held-out loss", "nats", "more", "unigram entropy")
TRAINED = Measure("trained", "whether it ended well below the unigram entropy", "", "less")


@dataclass(frozen=True)
class TermValues:
    """A term over the planned seeds."""

    values: Floats
    """[seed], null where a run is missing."""
    options: Floats
    """[option, seed]: one of them is not above what `values` estimates, where a choice was made; else `values`."""
    at_ceiling: NDArray[np.bool_]
    """[seed]: whether a run of it sits at a ceiling."""
    lacking: NDArray[np.bool_]
    """[seed]: whether it counts as the worst of the runs compared."""
    worse: str = "more"
    at_edge: bool = False
    """Whether a rate was chosen at the edge of its grid."""


class Term(Protocol):
    """What a comparison adds up: a number per seed, read off one arm or several."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms whose planned runs it needs."""
        ...

    def read(self, evidence: Evidence) -> TermValues:
        """The numbers of the planned seeds."""
        ...


def as_it_is(values: Floats) -> TermValues:
    """A term [seed] without a choice, of which no run at a ceiling hides a difference."""
    none = np.zeros(len(values), bool)
    return TermValues(values, values[None], none, none)


@dataclass(frozen=True)
class Value:
    """A measure of an arm with one rate."""

    arm: Arm
    measure: Measure

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        table = evidence.table(self.arm, self.measure)
        values = table.values[:, 0]
        return TermValues(values, values[None], table.at_ceiling[:, 0], table.lacking[:, 0], self.measure.worse)


@dataclass(frozen=True)
class Entropy:
    """The unigram entropy of the corpus: the loss of a model that knows word frequencies and nothing else."""

    arm: Arm

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        runs = evidence.runs(self.arm)
        entropy = dict(zip(runs["seed"], runs["unigram_entropy"], strict=True)) if len(runs) else {}
        values = np.array([entropy.get(seed, np.nan) for seed in self.arm.seeds], dtype=np.float64)
        return as_it_is(values)


@dataclass(frozen=True)
class Mean:
    """The mean of the final loss over all rates of an arm, each at most the unigram entropy."""

    arm: Arm

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        table = evidence.table(self.arm, FINAL_LOSS)
        return as_it_is(table.values.mean(axis=1))  # runs at the ceiling are what this measures: they hide nothing


@dataclass(frozen=True)
class LargestTrained:
    """The binary logarithm of the largest rate of an arm at which the seed trained; a step below the grid for none."""

    arm: Arm

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        trained, rates = evidence.table(self.arm, TRAINED).values, np.log2(self.arm.rates)
        largest = np.where(trained == 1, rates, rates[0] - 1).max(axis=1)
        values = np.where(np.isnan(trained).any(axis=1), np.nan, largest)
        return as_it_is(values)


@dataclass(frozen=True)
class Best:
    """The final loss at the best rate that the other seeds choose; of several arms, of the best one at its best."""

    of: tuple[Arm, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.of

    def read(self, evidence: Evidence) -> TermValues:
        tables = [evidence.table(arm, FINAL_LOSS) for arm in self.of]
        loss = np.concatenate([table.values for table in tables], axis=1)
        edges = np.concatenate([edge_of(len(arm.rates)) for arm in self.of])
        values, chosen = chosen_by_others(loss)
        seeds = np.arange(len(values))
        at_ceiling = np.concatenate([table.at_ceiling for table in tables], axis=1)[seeds, chosen]
        complete = ~np.isnan(values)
        at_edge = bool(edges[chosen][complete].any())
        return TermValues(values, loss.T, at_ceiling, np.zeros(len(values), bool), at_edge=at_edge)


@dataclass(frozen=True)
class CommonBest:
    """The mean final loss of several arms at one and the same rate, the best for all of them on the other seeds."""

    of: tuple[Arm, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.of

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates that all arms were planned at."""
        return tuple(rate for rate in self.of[0].rates if all(rate in arm.rates for arm in self.of))

    def read(self, evidence: Evidence) -> TermValues:
        loss = np.mean([_at_rates(evidence, arm, self.rates) for arm in self.of], axis=0)
        values, chosen = chosen_by_others(loss)
        at_edge = bool(edge_of(len(self.rates))[chosen][~np.isnan(values)].any())
        none = np.zeros(len(values), bool)
        return TermValues(values, loss.T, none, none, at_edge=at_edge)


@dataclass(frozen=True)
class EachBest:
    """The mean final loss of several arms, each at the best rate that the other seeds choose for it.

    Bounded by the rate that is best on the very seed: no fixed rate can do better.
    """

    of: tuple[Arm, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.of

    def read(self, evidence: Evidence) -> TermValues:
        read = [Best((arm,)).read(evidence) for arm in self.of]
        values = np.mean([reading.values for reading in read], axis=0)
        lowest = np.mean([reading.options.min(axis=0) for reading in read], axis=0)
        none = np.zeros(len(values), bool)
        return TermValues(values, lowest[None], none, none, at_edge=any(reading.at_edge for reading in read))


@dataclass(frozen=True)
class AtReadRate:
    """The mean final loss of several arms, each at the rate that a ramp of the same seed suggests for it.

    Between two rates of the grid the loss is interpolated over the logarithm of the rate; beyond it, it is that of the
    end. A ramp that suggests nothing leaves the rate that is best for all arms on the other seeds.
    """

    of: tuple[Arm, ...]
    ramps: tuple[Arm, ...]
    mark: str = "ramp/jitter_lr"

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (*self.of, *self.ramps)

    def suggested(self, evidence: Evidence, place: int) -> Floats:
        """The rate that the ramp of each seed suggests for an arm, null where it suggests none or is missing."""
        ramp = self.ramps[place]  # one that diverges has been read up to there
        runs = evidence.runs(ramp)
        read = dict(zip(runs["seed"].tolist(), runs[self.mark].tolist(), strict=True)) if self.mark in runs else {}
        return np.array([read.get(seed) for seed in ramp.seeds], dtype=np.float64)

    def read(self, evidence: Evidence) -> TermValues:
        common = CommonBest(self.of).rates
        shared = np.mean([_at_rates(evidence, arm, common) for arm in self.of], axis=0)
        _, fallback = chosen_by_others(shared)
        parts = []
        for place, arm in enumerate(self.of):
            loss, rates = evidence.table(arm, FINAL_LOSS).values, np.log(arm.rates)
            suggested = self.suggested(evidence, place)
            rate = np.where(np.isnan(suggested), np.array(common)[fallback], suggested)
            at = np.array([np.interp(np.log(r), rates, row) for r, row in zip(rate, loss, strict=True)])
            missing = {seed for absent in evidence.missing([self.ramps[place]]) for seed, _ in absent.runs}
            parts.append(np.where([seed in missing for seed in arm.seeds], np.nan, at))
        return as_it_is(np.mean(parts, axis=0))


def edge_of(rates: int) -> NDArray[np.bool_]:
    """Which of so many rates are the smallest or the largest; a single one is no edge, as there was no choice."""
    places = np.arange(max(1, rates))
    return np.asarray((rates > 1) & ((places == 0) | (places == rates - 1)))


def chosen_by_others(loss: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """For each seed the `loss` [seed, option] at the option that is best on the other seeds, and that option.

    A seed of which an option is missing is null and chooses for no other.
    """
    complete = ~np.isnan(loss).any(axis=1)
    values, chosen = np.full(len(loss), np.nan), np.zeros(len(loss), np.intp)
    table = loss[complete]
    if len(table) >= 2:
        chosen[complete] = best_on_others(table)
        values[complete] = table[np.arange(len(table)), chosen[complete]]
    return values, chosen


def _at_rates(evidence: Evidence, arm: Arm, rates: tuple[float, ...]) -> Floats:
    return evidence.table(arm, FINAL_LOSS).values[:, [arm.rates.index(rate) for rate in rates]]
