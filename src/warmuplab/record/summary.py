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
    EARLY_MEAN,
    EARLY_SUM,
    FIRST,
    INITIAL_DRIFT,
    LARGEST,
    LAST,
    LOG_DRIFT,
    LOG_EARLY_SUM,
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
    steps_per_epoch: int | None = None,
) -> dict[str, Any]:
    """Status and summary values of a run from its metrics (a row per step) and those of its layers.

    `steps_per_epoch` is how many steps pass over the training data once; without it passes are not counted.

    `trained` is whether the run ended well below the loss of a model that knows word frequencies only. `episodes` lists
    the episodes of the probe loss that begin in the early window, each with the fields of `series.instability.Episode`,
    and `spikes` the spikes of the training loss, each with those of `series.spikes.Spike`; what length buckets differ
    by is taken out of it where `metrics` has a column `data/bucket`. `values` holds, None where undefined or not
    measured:

    * `train/loss`, the mean of the last steps, and `val/loss`, the last one, None for a run that diverged;
      `val/loss_min`;
    * what `series.catalogue` says of each metric: the largest over the run (`grad/norm_max`), the last measured
      (`stability/entropy`), the first (`curvature/edge_first`), and over the early window the sum (`overfit/gap_sum`,
      `stability/kl_path`, and its natural logarithm `stability/log_kl_path`), the largest (`stability/kl_max`) and the
      mean over time (`curvature/sharpness_mean`);
    * for each of `levels.LEVELS`, such as `1_below` the unigram entropy, on the probe batch: the step at which it is
      reached (`probe/steps_to_1_below`, the number of steps where it never is) and whether it is, 1 or 0
      (`probe/reached_1_below`); until there, None where it is not reached or not every step before it was measured, the
      sums of the drops (`overfit/gap_sum_to_...`, ...) and of the KL divergences (`stability/kl_path_to_...`, and its
      natural logarithm `stability/log_kl_path_to_...`); and there `overfit/memorisation_at_...`, the passes over the
      training data (`overfit/passes_at_...`; `overfit/passes` counts those of the run) and per stack, of its `first`
      layer, its `last` one and `last_minus_first`, the natural logarithm of the drift from before training
      (`stability/decoder_log_drift_last_at_...`);
    * how unstable the probe loss was in the early window: `spike/max_rise`, `spike/lost`, `spike/episodes`,
      `spike/episode_steps`;
    * the spikes of the training loss (`spike/count`, ...) and the score of OLMo (`spike/olmo_score`);
    * of a ramp of the learning rate, the rates that `lr_range` reads off the probe loss: `ramp/jitter_lr`,
      `ramp/steepest_fall_lr`, `ramp/rise_lr`;
    * where the jitter leaves its baseline: `stability/jitter_onset_step`, `stability/jitter_onset_lr`;
    * per stack and metric of layers, averaged over the snapshots in the early window: the `_first` layer, the
      `_last` one and their difference, such as `stability/encoder_cka_drift_last_minus_first`. A snapshot that has the
      metric of no layer counts for nothing (nothing moved since the one before); a run that diverged in the early
      window has no such mean.
    """
    losses = metrics["train/loss"].to_numpy()
    last_losses = losses[-max(1, whole_portion(FINAL_SHARE, len(losses))) :]
    finished = diverged_at is None  # one that diverged in its last update has finite training losses to the end
    values: Values = {
        "train/loss": _finite(last_losses.mean()) if finished else None,
        "val/loss": _finite(metrics["val/loss"].iloc[-1]) if finished else None,
        "val/loss_min": _finite(metrics["val/loss"].min()),
    }
    largest, last, first = ([m.name for m in reduced_by(how) if m.name in metrics] for how in (LARGEST, LAST, FIRST))
    values |= {f"{name}_max": _finite(metrics[name].max()) for name in largest}
    values |= {name: _last(metrics[name], diverged_at) for name in last}
    values |= {f"{name}_first": _first(metrics[name]) for name in first}
    found = spikes.find_spikes(losses, metrics.get("data/bucket"))
    values |= spikes.spike_summary(losses, found) | {"spike/olmo_score": spikes.olmo_spike_score(losses)}
    values |= _jitter(metrics)
    whole_window = diverged_at is None or diverged_at >= early_steps
    values |= _early(metrics.iloc[:early_steps], whole_window)
    episodes: list[instability.Episode] = []
    if "probe/loss" in metrics:
        probe_loss = metrics["probe/loss"].to_numpy()
        episodes = instability.episodes(probe_loss, instability.threshold(unigram_entropy), early_steps)
        values |= instability.instability_summary(probe_loss, early_steps, unigram_entropy, episodes)
        steps_to = levels.crossings(metrics["probe/loss"], unigram_entropy)
        values |= _at_levels(metrics, steps_to)
        values |= _of_ramp(metrics.iloc[:diverged_at])
        if "overfit/memorisation" in metrics and steps_per_epoch is not None:
            values |= _passes(steps_to, len(metrics) if diverged_at is None else diverged_at, steps_per_epoch)
        if layers is not None and INITIAL_DRIFT in layers:
            values |= _drift_at_levels(layers, steps_to)
    if layers is not None:
        values |= _of_layers(layers[layers["step"] < early_steps], whole_window)
    final = values["val/loss"]
    return {
        "status": "finished" if finished else "diverged",
        "diverged_at": diverged_at,
        "trained": final is not None and final <= unigram_entropy - TRAINED_MARGIN,
        "early_steps": early_steps,
        "episodes": [asdict(episode) for episode in episodes],
        "spikes": [asdict(spike) for spike in found],
        "values": values,
    }


def _early(early: pd.DataFrame, whole_window: bool) -> Values:
    values: Values = {
        metric.early_sum: _finite(early[metric.name].sum(skipna=False, min_count=1))  # an empty window has no sum
        for metric in reduced_by(EARLY_SUM)
        if metric.name in early
    }
    for metric in reduced_by(LOG_EARLY_SUM):
        if metric.name in early:
            values[metric.log_early_sum] = levels.logarithm(values[metric.early_sum])
    for metric in reduced_by(EARLY_MEAN):
        if metric.name in early:
            values[f"{metric.name}_mean"] = levels.time_average(early[metric.name]) if whole_window else None
    for metric in reduced_by(EARLY_LARGEST):
        if metric.name in early:
            values[f"{metric.name}_max"] = _finite(early[metric.name].max(skipna=False))
    return values


def _at_levels(metrics: pd.DataFrame, steps_to: Values) -> Values:
    values: Values = {}
    for name, step in steps_to.items():
        values[f"probe/steps_to_{name}"] = float(len(metrics)) if step is None else step
        values[f"probe/reached_{name}"] = float(step is not None)
        for reduction, read, where in ((EARLY_SUM, levels.sum_until, "to"), (AT_LEVELS, levels.value_at, "at")):
            for metric in (metric for metric in reduced_by(reduction) if metric.name in metrics):
                whole = metric.early_sum if reduction == EARLY_SUM else metric.name
                values[f"{whole}_{where}_{name}"] = None if step is None else read(metrics[metric.name], step)
        for metric in (metric for metric in reduced_by(LOG_EARLY_SUM) if metric.name in metrics):
            values[f"{metric.log_early_sum}_to_{name}"] = levels.logarithm(values[f"{metric.early_sum}_to_{name}"])
    return values


def _passes(steps_to: Values, steps: int, steps_per_epoch: int) -> Values:
    """Passes over the training data, of the run's `steps` and where each level is reached."""
    at = {f"_at_{name}": step for name, step in steps_to.items()}
    return {
        f"overfit/passes{where}": None if step is None else step / steps_per_epoch
        for where, step in {"": steps, **at}.items()
    }


def _drift_at_levels(layers: pd.DataFrame, steps_to: Values) -> Values:
    values: Values = {}
    for stack, rows in layers.groupby("stack"):
        ends = {"first": 0, "last": rows["layer"].max()}
        drift = {end: rows[rows["layer"] == layer].set_index("step")[INITIAL_DRIFT] for end, layer in ends.items()}
        for name, step in steps_to.items():
            first, last = (None if step is None else levels.log_value_at(drift[end], step) for end in ends)
            difference = None if first is None or last is None else last - first
            for which, value in (("first", first), ("last", last), ("last_minus_first", difference)):
                values[f"stability/{stack}_{LOG_DRIFT}_{which}_at_{name}"] = value
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


def _of_layers(early: pd.DataFrame, whole_window: bool) -> Values:
    values: Values = {}
    names = [name for name, metric in OF_LAYERS.items() if BY_LAYER in metric.reductions and name in early]
    for name in names:
        there = early[early[name].notna().groupby(early["step"]).transform("any")]  # a gap in one layer is a gap
        for stack, deepest in early.groupby("stack")["layer"].max().items():
            rows = there[there["stack"] == stack]
            first, last = (rows.loc[rows["layer"] == layer, name].mean(skipna=False) for layer in (0, deepest))
            means = {"first": first, "last": last, "last_minus_first": last - first}
            key = name.replace("stability/", f"stability/{stack}_")
            values |= {f"{key}_{which}": _finite(mean) if whole_window else None for which, mean in means.items()}
    return values


def _last(series: "pd.Series[float]", diverged_at: int | None) -> float | None:
    """The last measurement, None for a run that diverged: what it was before that is no end."""
    measured = series.dropna()
    return None if diverged_at is not None or measured.empty else _finite(measured.iloc[-1])


def _first(series: "pd.Series[float]") -> float | None:
    """The first measurement."""
    measured = series.dropna()
    return None if measured.empty else _finite(measured.iloc[0])


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
