"""Summary values that came after a study was collected, where they follow from what was collected."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from warmuplab.series import levels

KL_PATH, LOG_KL_PATH, PASSES = "stability/kl_path", "stability/log_kl_path", "overfit/passes_at_"


def with_later_values(runs: pd.DataFrame, corpora: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`runs` with the columns that it lacks: logarithms of the KL path, and passes over the data at each level.

    `corpora` are those of the manifest. A path to a level that was reached behind the early window had been estimated
    from every sixteenth step, so it is measured no more than in a run of today, and has no logarithm.
    """
    later: dict[str, pd.Series[float]] = {}
    if KL_PATH in runs:
        later[LOG_KL_PATH] = _log(runs[KL_PATH])
    per_epoch = _steps_per_epoch(runs, corpora)
    for name in map(levels.name_of, levels.LEVELS):
        if f"probe/reached_{name}" not in runs:
            continue
        steps = runs[f"probe/steps_to_{name}"].where(runs[f"probe/reached_{name}"] == 1)
        if f"{KL_PATH}_to_{name}" in runs:
            in_window = (steps <= runs["early_steps"]).fillna(False).astype(bool)
            later[f"{LOG_KL_PATH}_to_{name}"] = _log(runs[f"{KL_PATH}_to_{name}"].where(in_window))
        if f"overfit/memorisation_at_{name}" in runs and per_epoch is not None:
            later[f"{PASSES}{name}"] = steps / per_epoch
    return runs.assign(**{name: values for name, values in later.items() if name not in runs})


def _log(values: "pd.Series[float]") -> "pd.Series[float]":
    return pd.Series(np.log(values.where(values > 0)), index=values.index)


def _steps_per_epoch(runs: pd.DataFrame, corpora: Sequence[Mapping[str, Any]]) -> "pd.Series[float] | None":
    """Of each run's corpus; None where runs of one corpus differ in it, as with several batch sizes."""
    known = {corpus["fingerprint"]: corpus.get("steps_per_epoch") for corpus in corpora}
    return runs["corpus"].map(known).astype("float64") if len(known) == len(corpora) else None
