"""The terms that comparisons are made of: a number per seed, read off one arm or several."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from warmuplab.claims.arm import Arm, Direction, Measure
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats

FINAL_LOSS = Measure("val/loss", "final held-out loss", "nats", "more", "unigram entropy")
TEST_LOSS = Measure("test/loss", "final loss on the test split", "nats", "more", "unigram entropy")
TRAINED = Measure("trained", "whether it ended well below the unigram entropy", "", "less")


@dataclass(frozen=True)
class TermValues:
    """A term over the planned seeds."""

    values: Floats
    """[seed], null where a run is missing."""
    at_ceiling: NDArray[np.bool_]
    """[seed]: whether a run of it sits at a ceiling."""
    lacking: NDArray[np.bool_]
    """[seed]: whether it counts as the worst of the runs compared."""
    worse: Direction = "more"


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
    """A term [seed] of which no run at a ceiling hides a difference."""
    none = np.zeros(len(values), bool)
    return TermValues(values, none, none)


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
        return TermValues(values, table.at_ceiling[:, 0], table.lacking[:, 0], self.measure.worse)


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
    loss: Measure = FINAL_LOSS

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        table = evidence.table(self.arm, self.loss)
        return as_it_is(table.values.mean(axis=1))  # runs at the ceiling are what this measures: they hide nothing


@dataclass(frozen=True)
class LargestTrained:
    """The binary logarithm of the largest rate of an arm at which the seed trained; a step below the grid for none."""

    arm: Arm
    measure: Measure = TRAINED
    """1 for a run that trained, and 0 for one that did not."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (self.arm,)

    def read(self, evidence: Evidence) -> TermValues:
        table, rates = evidence.table(self.arm, self.measure), np.log2(self.arm.rates)
        trained = np.where(table.lacking, 0.0, table.values)  # a run that diverged did not
        largest = np.where(trained == 1, rates, rates[0] - 1).max(axis=1)
        values = np.where(np.isnan(trained).any(axis=1), np.nan, largest)
        return as_it_is(values)


@dataclass(frozen=True)
class SmallestSufficient:
    """The binary logarithm of the shortest warmup whose final loss is at most `margin` above the best of its ladder.

    The arms of a ladder differ in the length of the warmup alone, and share seed by seed all the rest. No warmup counts
    as half the shortest one there is. Where no length trains, none suffices: that counts as twice the longest.
    """

    ladder: tuple[Arm, ...]
    lengths: tuple[float, ...]
    """Of the arms' warmups, rising from 0 or more, in steps or as shares of the run."""
    margin: float = 0.05
    """nats"""
    loss: Measure = FINAL_LOSS

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.ladder

    def read(self, evidence: Evidence) -> TermValues:
        tables = [evidence.table(arm, self.loss) for arm in self.ladder]
        loss = np.stack([table.values[:, 0] for table in tables], axis=1)
        stuck = np.stack([table.at_ceiling[:, 0] for table in tables], axis=1).all(axis=1)
        shortest = next(length for length in self.lengths if length > 0)
        doublings = np.log2([length or shortest / 2 for length in self.lengths])
        first = (loss <= loss.min(axis=1, keepdims=True) + self.margin).argmax(axis=1)
        values = np.where(stuck, doublings[-1] + 1, doublings[first])
        return as_it_is(np.where(np.isnan(loss).any(axis=1), np.nan, values))


@dataclass(frozen=True)
class AtReadRate:
    """The mean final loss of several arms, each at the rate that a ramp of the same seed suggests for it.

    Between two rates of the grid the loss is interpolated over the logarithm of the rate; beyond it, it is that of the
    end. A ramp that suggests nothing leaves the rate `otherwise`.
    """

    of: tuple[Arm, ...]
    ramps: tuple[Arm, ...]
    otherwise: float
    mark: str = "ramp/jitter_lr"
    loss: Measure = FINAL_LOSS

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
        parts = []
        for place, arm in enumerate(self.of):
            loss, rates = evidence.table(arm, self.loss).values, np.log(arm.rates)
            suggested = self.suggested(evidence, place)
            rate = np.where(np.isnan(suggested), self.otherwise, suggested)
            at = np.array([np.interp(np.log(r), rates, row) for r, row in zip(rate, loss, strict=True)])
            missing = {seed for absent in evidence.missing([self.ramps[place]]) for seed, _ in absent.runs}
            parts.append(np.where([seed in missing for seed in arm.seeds], np.nan, at))
        return as_it_is(np.mean(parts, axis=0))
