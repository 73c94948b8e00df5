"""One number per question: what a finished series of metrics comes down to."""

import math
from typing import Any

import pandas as pd

from warmuplab import spikes

FINAL_SHARE = 0.05  # of the steps: the stretch over which the last training loss is averaged
TRAINED_MARGIN = 0.2  # nats below the unigram entropy: less is a run that learned word frequencies only


def summarise(
    metrics: pd.DataFrame, early_steps: int, diverged_at: int | None, unigram_entropy: float
) -> dict[str, Any]:
    """Status and summary values of a run from its metrics (a row per step).

    `values` holds, None where undefined: the last and the smallest `val/loss`; the mean `train/loss` of the last steps;
    sums of the overfitting drops over the early window; the largest gradient norm and update; the spikes of the
    training loss and of the probe loss in the early window. `trained` is whether the run ended well below the loss of
    a model that knows word frequencies only.
    """
    losses = metrics["train/loss"].to_numpy()
    values: dict[str, float | None] = {
        "train/loss": _finite(losses[-max(1, round(FINAL_SHARE * len(losses))) :].mean()),
        "val/loss": _finite(metrics["val/loss"].iloc[-1]),
        "val/loss_min": _finite(metrics["val/loss"].min()),
        "grad/norm_max": _finite(metrics["grad/norm"].max()),
        "update/relative_max": _finite(metrics["update/relative"].max()),
    }
    for name in ("overfit/self_drop", "overfit/held_drop", "overfit/gap"):
        if name in metrics:
            values[f"{name}_sum"] = _finite(metrics[name].iloc[:early_steps].sum(skipna=False))
    values |= spikes.summarise(losses)
    final = values["val/loss"]
    return {
        "status": "finished" if diverged_at is None else "diverged",
        "diverged_at": diverged_at,
        "trained": final is not None and final <= unigram_entropy - TRAINED_MARGIN,
        "early_steps": early_steps,
        "values": values,
    }


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
