"""Final losses over the length of the warmup, by run length, peak rate, beta2 and batch size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.chosen import LADDER_RATES
from warmuplab.claims.planned.length import HIGH, LONG, RATES, SAME_SHARE, SHARES, SHORT
from warmuplab.claims.planned.place import PILOT, POST, Keys, Place, lasting
from warmuplab.claims.statistics import Floats

ENOUGH = 0.05  # nats above the best of a ladder: as good
SEEDS = 6  # of a ladder in the confirmatory study
OF_400 = (0.0, 0.05, 0.1, 0.25, 0.5)
BETA2, BATCH = 0.98, 16  # of all situations but those that vary them


@dataclass(frozen=True)
class Situation:
    """What a warmup is chosen for, and what decides how long it must be."""

    steps: int
    peak_lr: float
    beta2: float = BETA2
    batch_size: int = BATCH

    @property
    def keys(self) -> Keys:
        """What picks its runs, but for the warmup."""
        betas = [0.9, self.beta2]
        return POST | {"training.steps": self.steps, "optimizer.betas": betas, "training.batch_size": self.batch_size}


@dataclass(frozen=True)
class Ladder:
    """The final losses of a situation."""

    situation: Situation
    shares: tuple[float, ...]
    """Of the run that warmup takes, rising."""
    losses_SxL: Floats
    """[seed, share], nats per token."""
    arms: tuple[Arm, ...]
    """By the shares."""

    @property
    def steps(self) -> Floats:
        """The lengths in steps, by the shares."""
        return np.array(self.shares) * self.situation.steps

    @property
    def mean(self) -> Floats:
        """[share]: over seeds."""
        return np.asarray(self.losses_SxL.mean(axis=0))

    @property
    def best(self) -> int:
        """The place of the length with the lowest mean."""
        return int(self.mean.argmin())

    @property
    def enough(self) -> int:
        """The place of the shortest length from which on all means are at most `ENOUGH` above the best."""
        worse = np.flatnonzero(self.mean > self.mean.min() + ENOUGH)
        return int(worse[-1]) + 1 if len(worse) else 0

    def regret(self, steps: float) -> Floats:
        """[seed]: how far above the best length a warmup of so many steps ends, in nats.

        Between lengths that were trained it is taken as straight over log(1 + steps); beyond the longest as there. Null
        below the shortest, where no warmup at all was not trained.
        """
        if steps < self.steps[0]:
            return np.full(len(self.losses_SxL), np.nan)
        at = np.log1p(self.steps)
        rows = [np.interp(np.log1p(steps), at, losses) for losses in self.losses_SxL]
        return np.array(rows) - self.losses_SxL[:, self.best]


def situations() -> Iterator[tuple[Situation, tuple[float, ...]]]:
    """Every situation with the shares that were planned for it."""
    for steps, shares in SHARES.items():
        for rate in RATES[steps]:
            more = (SAME_SHARE,) if rate == HIGH and steps in (SHORT, LONG) else ()
            yield Situation(steps, rate), tuple(sorted({0.0, *shares, *more}))
    for beta2 in (0.9, BETA2, 0.99):
        yield Situation(400, LADDER_RATES[1], beta2), OF_400
    for batch_size in (8, 32):
        yield Situation(400, LADDER_RATES[1], batch_size=batch_size), OF_400


def ladders(evidence: Evidence, place: Place) -> list[Ladder]:
    """The situations of which at least three lengths are there, each with the lengths that have all seeds."""
    found = []
    for situation, shares in situations():
        columns: dict[float, tuple[Arm, Floats]] = {}
        for share in shares:
            arm = place.arm(
                f"{100 * share:g} %", situation.keys, lasting(share), rates=(situation.peak_lr,), seeds=SEEDS
            )
            losses_S = evidence.table(arm, place.loss).values[:, 0]
            if not np.isnan(losses_S).any():
                columns[share] = arm, losses_S
        if len(columns) >= 3:
            arms, losses = zip(*columns.values(), strict=True)
            found.append(Ladder(situation, tuple(columns), np.stack(losses, axis=1), arms))
    return found


def collected(evidence: Evidence, place: Place) -> tuple[Place, list[Ladder]]:
    """The ladders of `place`, or those of the pilot where it has none yet."""
    there = ladders(evidence, place)
    return (place, there) if there else (PILOT, ladders(evidence, PILOT))
