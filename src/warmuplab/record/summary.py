"""The summary of a run: one number per value."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from warmuplab.base.portions import whole_portion
from warmuplab.series import instability, jitter, levels, lr_range, spikes
from warmuplab.series.catalogue import (
    AT_LEVELS,
    BY_LAYER,
    EARLY_LARGEST,
    EARLY_SUM,
    LARGEST,
    LAST,
    OF_LAYERS,
    reduced_by,
)

FINAL_SHARE = 0.05  # of the steps: the stretch over which the last training loss is averaged
TRAINED_MARGIN = 0.2  # nats below the unigram entropy: less is a run that learned word frequencies only

Values = dict[str, float | None]


def with_derived(metrics: pd.DataFrame) -> pd.DataFrame:
    """The metrics and what follows from a whole series of them.

    That is `stability/jitter` of the training loss and, where the probe loss was measured, `spike/excess` of it.
    """
    derived = {"stability/jitter": jitter.local_jitter(metrics["train/loss"].to_numpy())}
    if "probe/loss" in metrics:
        derived["spike/excess"] = instability.excess(metrics["probe/loss"].to_numpy())
    return metrics.assign(**derived)


def summarise(
    metrics: pd.DataFrame,
    early_steps: int,
    diverged_at: int | None,
    unigram_entropy: float,
    layers: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Status and summary values of a run from its metrics (a row per step) and those of its layers.

    `trained` is whether the run ended well below the loss of a model that knows word frequencies only. `episodes` lists
    the episodes of the probe loss that begin in the early window, each with the fields of `series.instability.Episode`,
    and `spikes` the spikes of the training loss, each with those of `series.spikes.Spike`; what length buckets differ
    by is taken out of it where `metrics` has a column `data/bucket`. `values` holds, None where undefined or not
    measured:

    * `train/loss`, the mean of the last steps; `val/loss`, the last one, and `val/loss_min`;
    * what `series.catalogue` says of each metric: the largest over the run (`grad/norm_max`), the last measured
      (`stability/entropy`), and over the early window the sum (`overfit/gap_sum`, `stability/kl_path`) and the largest
      (`stability/kl_max`);
    * for each of `levels.LEVELS`, such as `1_below` the unigram entropy, on the probe batch: the step at which it is
      reached (`probe/steps_to_1_below`, the number of steps where it never is) and whether it is, 1 or 0
      (`probe/reached_1_below`); until there, None where it is not reached, the sums of the drops
      (`overfit/gap_sum_to_...`, ...) and of the KL divergences (`stability/kl_path_to_...`); and there
      `overfit/memorisation_at_...`;
    * how unstable the probe loss was in the early window: `spike/max_rise`, `spike/lost`, `spike/episodes`,
      `spike/episode_steps`;
    * the spikes of the training loss (`spike/count`, ...) and the score of OLMo (`spike/olmo_score`);
    * of a ramp of the learning rate, the rates that `lr_range` reads off the probe loss: `ramp/jitter_lr`,
      `ramp/steepest_fall_lr`, `ramp/rise_lr`;
    * where the jitter leaves its baseline: `stability/jitter_onset_step`, `stability/jitter_onset_lr`;
    * per stack and metric of layers, averaged over the snapshots in the early window: the `_first` layer, the
      `_last` one and their difference, such as `stability/encoder_cka_drift_last_minus_first`.
    """
    losses = metrics["train/loss"].to_numpy()
    values: Values = {
        "train/loss": _finite(losses[-max(1, whole_portion(FINAL_SHARE, len(losses))) :].mean()),
        "val/loss": _finite(metrics["val/loss"].iloc[-1]),
        "val/loss_min": _finite(metrics["val/loss"].min()),
    }
    largest, last = ([m.name for m in reduced_by(how) if m.name in metrics] for how in (LARGEST, LAST))
    values |= {f"{name}_max": _finite(metrics[name].max()) for name in largest}
    values |= {name: _last(metrics[name], diverged_at) for name in last}
    found = spikes.find_spikes(losses, metrics.get("data/bucket"))
    values |= spikes.spike_summary(losses, found) | {"spike/olmo_score": spikes.olmo_spike_score(losses)}
    values |= _jitter(metrics)
    values |= _early(metrics.iloc[:early_steps])
    episodes: list[instability.Episode] = []
    if "probe/loss" in metrics:
        probe_loss = metrics["probe/loss"].to_numpy()
        episodes = instability.episodes(probe_loss, instability.threshold(unigram_entropy), early_steps)
        values |= instability.instability_summary(probe_loss, early_steps, unigram_entropy, episodes)
        values |= _at_levels(metrics, unigram_entropy)
        values |= _of_ramp(metrics.iloc[:diverged_at])
    if layers is not None:
        values |= _of_layers(layers[layers["step"] < early_steps])
    final = values["val/loss"]
    return {
        "status": "finished" if diverged_at is None else "diverged",
        "diverged_at": diverged_at,
        "trained": final is not None and final <= unigram_entropy - TRAINED_MARGIN,
        "early_steps": early_steps,
        "episodes": [asdict(episode) for episode in episodes],
        "spikes": [asdict(spike) for spike in found],
        "values": values,
    }


def _early(early: pd.DataFrame) -> Values:
    values: Values = {
        metric.early_sum: _finite(early[metric.name].sum(skipna=False, min_count=1))  # an empty window has no sum
        for metric in reduced_by(EARLY_SUM)
        if metric.name in early
    }
    for metric in reduced_by(EARLY_LARGEST):
        if metric.name in early:
            values[f"{metric.name}_max"] = _finite(early[metric.name].max(skipna=False))
    return values


def _at_levels(metrics: pd.DataFrame, unigram_entropy: float) -> Values:
    values: Values = {}
    for level in levels.LEVELS:
        name, step = levels.name_of(level), levels.crossing(metrics["probe/loss"], unigram_entropy - level)
        values[f"probe/steps_to_{name}"] = float(len(metrics)) if step is None else step
        values[f"probe/reached_{name}"] = float(step is not None)
        for reduction, read, where in ((EARLY_SUM, levels.sum_until, "to"), (AT_LEVELS, levels.value_at, "at")):
            for metric in (metric for metric in reduced_by(reduction) if metric.name in metrics):
                whole = metric.early_sum if reduction == EARLY_SUM else metric.name
                values[f"{whole}_{where}_{name}"] = None if step is None else read(metrics[metric.name], step)
    return values


def _of_ramp(metrics: pd.DataFrame) -> Values:
    """What a range test reads; nothing where the rate does not rise to the end or a loss was not measured."""
    lr, loss = metrics["lr"].to_numpy(), metrics["probe/loss"].to_numpy()
    if len(lr) < lr_range.FEWEST or not (np.diff(lr) > 0).all() or np.isnan(loss).any():
        return {}
    reading = lr_range.read(loss, lr)
    rates = {"jitter": reading.jitter, "steepest_fall": reading.steepest_fall, "rise": reading.rise}
    return {f"ramp/{name}_lr": rate for name, rate in rates.items()}


def _jitter(metrics: pd.DataFrame) -> Values:
    onset = jitter.jitter_onset(metrics["train/loss"].to_numpy(), metrics["lr"].to_numpy())
    return {
        "stability/jitter_onset_step": None if onset is None else float(onset.step),
        "stability/jitter_onset_lr": None if onset is None else onset.learning_rate,
    }


def _of_layers(layers: pd.DataFrame) -> Values:
    values: Values = {}
    for stack, rows in layers.groupby("stack"):
        deepest = rows["layer"].max()
        measured = [metric for name, metric in OF_LAYERS.items() if BY_LAYER in metric.reductions and name in rows]
        for metric in measured:  # one snapshot alone has nothing between two
            name, skipped = metric.name, int(metric.spans_snapshots)
            first, last = (rows.loc[rows["layer"] == layer, name].iloc[skipped:] for layer in (0, deepest))
            means = {"first": first.mean(skipna=False), "last": last.mean(skipna=False)}
            means["last_minus_first"] = means["last"] - means["first"]
            key = name.replace("stability/", f"stability/{stack}_")
            values |= {f"{key}_{which}": _finite(mean) for which, mean in means.items()}
    return values


def _last(series: "pd.Series[float]", diverged_at: int | None) -> float | None:
    """The last measurement, None for a run that diverged: what it was before that is no end."""
    measured = series.dropna()
    return None if diverged_at is not None or measured.empty else _finite(measured.iloc[-1])


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
