"""The configurations of the runs of committed studies."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from support.composing import ROOT
from warmuplab.config.mapping import from_mapping
from warmuplab.config.overrides import nested
from warmuplab.config.schema import RunConfig

RESULTS = ROOT / "results"
ELSEWHERE = {"study": "any", "outputs": "outputs", "overwrite": False, "data.path": None, "tracker.name": "none"}
ELSEWHERE |= {"tracker.mode": None, "tracker.project": "any", "tracker.entity": None, "tracker.detail": "light"}


def recorded(study: str) -> Iterator[tuple[RunConfig, str, str]]:
    """Every run of a committed study: its configuration, put together from the tables, its corpus and its name."""
    manifest = json.loads((RESULTS / study / "manifest.json").read_text())
    of_seeds: dict[str, RunConfig] = {}  # reading a configuration takes long, and seeds share all the rest
    for row in pd.read_parquet(RESULTS / study / "runs.parquet").to_dict("records"):
        own = {key: value(row[key]) for key in manifest["varying"]}
        told = {
            key: what
            for key, what in (manifest["configuration"] | own | ELSEWHERE).items()
            if what is not None or not key.startswith("schedule.decay.")  # a setting of another run's decay
        }
        seed = told.pop("seed")
        mark = repr(sorted(told.items()))
        if mark not in of_seeds:
            of_seeds[mark] = from_mapping(nested(told | {"seed": 0}))
        yield dataclasses.replace(of_seeds[mark], seed=seed), str(row["corpus"]), str(row["run_id"])


def value(cell: Any) -> Any:
    """What a cell of `runs.parquet` stands for."""
    if isinstance(cell, str):
        return json.loads(cell) if cell.startswith("[") else cell
    return None if pd.isna(cell) else cell
