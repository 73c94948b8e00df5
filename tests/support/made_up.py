"""Arms and evidence that are made up: what a test says is what terms and verdicts read."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.evidence import Missing, Table

SEEDS = 6


def arm(name: str, rates: int = 1, first: int = 0, seeds: int = SEEDS) -> Arm:
    """An arm at so many of the rates 1e-3, 2e-3, 4e-3, ..."""
    grid = tuple(1e-3 * 2**k for k in range(first, first + rates))
    return Arm(name, {"arm": name}, grid, tuple(range(seeds)), study="made-up")


class MadeUp:
    """Evidence by the names of arms. A null value is a run that is missing, or one that is said to be `lacking`."""

    def __init__(
        self, values: Mapping[str, Any], told: Mapping[str, Any] | None = None, **marks: Mapping[str, Any]
    ) -> None:
        self.values, self.told, self.marks = values, told or {}, marks

    def table(self, arm: Arm, _: Measure) -> Table:
        values = np.array(self.values[arm.name], dtype=np.float64).reshape(len(arm.seeds), -1)
        marked = (self.marks.get(kind, {}).get(arm.name, False) for kind in ("at_ceiling", "lacking"))
        at_ceiling, lacking = (np.broadcast_to(np.array(mark, dtype=bool), values.shape) for mark in marked)
        return Table(values, at_ceiling, lacking)

    def runs(self, arm: Arm) -> pd.DataFrame:
        return pd.DataFrame(self.told[arm.name])

    def missing(self, arms: Iterable[Arm]) -> list[Missing]:
        absent = [
            (arm, tuple((s, None) for s in arm.seeds if s not in list(self.told[arm.name]["seed"]))) for arm in arms
        ]
        return [Missing(arm, runs) for arm, runs in absent if runs]
