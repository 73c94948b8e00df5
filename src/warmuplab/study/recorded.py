"""From a collected table back to configurations: a run, and the population that it was trained in."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from warmuplab.base.errors import ConfigError
from warmuplab.config.mapping import from_mapping
from warmuplab.config.overrides import from_cell, nested
from warmuplab.config.schema import RunConfig
from warmuplab.study.results import MEMBER, Study

DECAY = "schedule.decay."
# What a table does not keep, as it is no part of a run's numbers.
NOT_KEPT = {"outputs": "outputs", "overwrite": False, "data.path": None, "tracker.name": "none", "tracker.mode": None}
NOT_KEPT |= {"tracker.project": "warmuplab", "tracker.entity": None, "tracker.detail": "light"}


def population_of(study: Study, run_id: str) -> list[dict[Any, Any]]:
    """The rows of `runs.parquet` that trained with a run, in the order of the population; its own is among them.

    Raises `ConfigError` for a run that is not there, or whose population the table does not tell.
    """
    run = study.runs[study.runs["run_id"] == run_id]
    if run.empty:
        some = f"for example {study.runs['run_id'].iloc[0]}"
        raise ConfigError("RUN", run_id, f"{study.folder} has no such run", f"use a run_id of its table, {some}")
    name = run["population"].iloc[0]
    members = study.runs[study.runs["population"] == name]
    if pd.isna(name) or MEMBER not in members or sorted(members[MEMBER].dropna()) != list(range(len(members))):
        problem = f"{study.folder} does not say in which population it was trained"
        raise ConfigError("RUN", run_id, problem, "train it alone, by the command on the study's page")
    return list(members.sort_values(MEMBER).to_dict("records"))


def configuration_of(study: Study, row: Mapping[Any, Any]) -> RunConfig:
    """What the run of a row was told, its hardware settings as recorded, and with no place of a corpus."""
    told = {**study.manifest["configuration"], **{key: from_cell(row[key]) for key in study.manifest["varying"]}}
    kept = {key: value for key, value in told.items() if value is not None or not key.startswith(DECAY)}
    return from_mapping(nested(kept | NOT_KEPT | {"study": study.name}))
