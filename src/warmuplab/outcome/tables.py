"""The tables of a study on W&B, as its record has them: runs, episodes, spikes, verdicts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from warmuplab.outcome.content import Outcome
from warmuplab.study.results import EPISODES, RUNS, SPIKES

# Keys of an entry of `claims.json`; the two limits of its interval become columns of their own.
_VERDICT = [
    "id",
    "statement",
    "verdict",
    "effect",
    "low",
    "high",
    "unit",
    "contrast",
    "smallest_effect",
    "p",
    "p_of",
    "seeds",
]
_VERDICT += ["holds", "reason", "measure", "source"]


@dataclass(frozen=True)
class Cells:
    """A table of plain values: text, numbers, truth values, None where there is none."""

    columns: list[str]
    rows: list[list[Any]]


def tables_of(outcome: Outcome) -> dict[str, Cells]:
    """The tables by name, those that the study has.

    `runs`, `episodes` (of the held-out loss) and `spikes` (of the training loss) are the Parquet files of these names,
    column by column; `verdicts` has a row per claim of `claims.json`.
    """
    found = {}
    for name, file in (("runs", RUNS), ("episodes", EPISODES), ("spikes", SPIKES)):
        path = outcome.study.folder / file
        if path.exists():
            found[name] = _cells(pd.read_parquet(path))
    if outcome.verdicts:
        found["verdicts"] = Cells(_VERDICT, [_verdict(claim) for claim in outcome.verdicts])
    return found


def _cells(table: pd.DataFrame) -> Cells:
    columns = [list(map(_plain, table[name].astype("object"))) for name in table]
    return Cells(list(map(str, table)), list(map(list, zip(*columns, strict=True))))


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _verdict(claim: Mapping[str, Any]) -> list[Any]:
    low, high = claim.get("interval") or (None, None)
    told = {**claim, "low": low, "high": high}
    return [told.get(key) for key in _VERDICT]
