"""What a run as a whole is described by: the words for every summary value, put together from those of its metric.

stability/kl_path                     the early sum of a metric, by `<metric>_sum` or a name of its own
stability/log_kl_path                 the natural logarithm of such a sum
overfit/gap_sum_to_1_below            the same until a held-out level; overfit/memorisation_at_1_below: read there
curvature/sharpness_mean              the mean over the early window; curvature/edge_first: the first value
grad/norm_max                         the largest value
stability/decoder_cka_drift_last      of the last layer of a stack; also `_first` and `_last_minus_first`
stability/decoder_log_drift_last_at_1_below   the natural logarithm of its drift from before training, at a level
spike/probe_count                     as spike/count, of the probe loss; in the results of 2026's first studies alone
"""

import re
from dataclasses import dataclass

from warmuplab.series.catalogue import (
    EARLY_LARGEST,
    EARLY_MEAN,
    FIRST,
    INITIAL_DRIFT,
    LOG_DRIFT,
    LOG_EARLY_SUM,
    METRICS,
    NATS,
    OF_LAYERS,
    PER_TOKEN,
    SERIES,
    STEPS,
    Metric,
)

SPIKES, OF_PROBE = "spike/", "spike/probe_"
PASSES, LOG_NATS = "passes", "log nats"
_LAYERS = {"first": "first layer", "last": "last layer", "last_minus_first": "last layer minus first"}


@dataclass(frozen=True)
class Value:
    """A summary value in words."""

    label: str
    unit: str
    meaning: str
    """In a phrase that begins with a small letter."""


# `loss` is that of tables and pages: the final held-out loss, at which a diverged run counts as the unigram entropy.
WHOLE_RUN = {
    "loss": Value("Final held-out loss", PER_TOKEN, "loss on the whole held-out split at the end"),
    "val/loss_min": Value("Best held-out loss", PER_TOKEN, "lowest loss on the whole held-out split"),
    "train/loss": Value("Final training loss", PER_TOKEN, "mean training loss of the last 5 % of the steps"),
    "overfit/gap_sum": Value(
        "Early overfitting (sum of gaps)", NATS, "sum of the overfitting gaps of the early window's steps"
    ),
    "spike/max_rise": Value(
        "Largest rise",
        NATS,
        "how far the loss on the fixed held-out batch rose above the lowest so far, at most, in the early window",
    ),
    "spike/lost": Value(
        "Lost to rises",
        "nat-steps",
        "sum of that rise over the steps of the early window, what training had to pull back",
    ),
    "spike/episodes": Value(
        "Episodes",
        "",
        "rises of that loss by more than 5 % of the unigram entropy, each until it is back at its lowest, that began in"
        " the early window",
    ),
    "spike/episode_steps": Value(
        "Longest episode",
        STEPS,
        "steps until the slowest of these episodes was back at the lowest loss so far; until the last measurement where"
        " it never was",
    ),
    "overfit/passes": Value(
        "Passes over the training data",
        PASSES,
        "passes over the training data until the end, or until the run diverged",
    ),
    "spike/count": Value("Spikes", "", "number of spikes of the training loss"),
    "spike/max_height": Value("Largest spike", NATS, "height of the largest spike above its trend"),
    "spike/rate": Value("Spikes per 1,000 steps", "", "spikes per 1,000 steps with a finite loss"),
    "spike/recovery_steps": Value("Longest recovery", STEPS, "steps until the slowest spike was over"),
    "spike/steps_above_initial": Value(
        "Steps above the initial loss", STEPS, "steps with a loss above that of the first step"
    ),
    "spike/unrecovered": Value("Spikes that never recover", "", "1 if the last spike was not over at the end, else 0"),
    "spike/olmo_score": Value(
        "Spike score of OLMo", "", "share of steps whose loss is 6 standard deviations above its last 128"
    ),
    "stability/jitter_onset_step": Value("Onset of jitter, step", "", "step at which jitter left its baseline"),
    "stability/jitter_onset_lr": Value(
        "Onset of jitter, learning rate", "", "learning rate at which jitter left its baseline"
    ),
    "ramp/jitter_lr": Value("Ramp: jitter sets in", "", "learning rate from which many steps raise the loss"),
    "ramp/steepest_fall_lr": Value("Ramp: steepest fall", "", "learning rate at which the loss falls fastest"),
    "ramp/rise_lr": Value("Ramp: the loss begins to rise", "", "learning rate at which the loss is lowest"),
}


def describe(name: str) -> Value | None:
    """The words for a summary value, None where there are none: then it is not in the catalogue."""
    if name in WHOLE_RUN:
        return WHOLE_RUN[name]
    if found := re.fullmatch(rf"stability/(encoder|decoder)_{LOG_DRIFT}_(\w+)_at_([\d.]+)_below", name):
        return _log_drift(*found.groups())
    if found := re.fullmatch(r"(.+?)_(?:(to|at)_)?([\d.]+)_below", name):
        return _at_level(*found.groups())
    if name.startswith(OF_PROBE):
        of_train = WHOLE_RUN.get(name.replace(OF_PROBE, SPIKES))
        where = "of the loss on the fixed held-out batch, in the early window"
        return of_train and Value(
            f"{of_train.label}, held-out loss, early", of_train.unit, f"{of_train.meaning}, {where}"
        )
    if found := re.fullmatch(r"(stability/)(encoder|decoder)_(\w+?)_(first|last|last_minus_first)", name):
        section, stack, metric, which = found.groups()
        return _of_layers(OF_LAYERS.get(section + metric), stack, _LAYERS[which])
    return _of_series(name)


def _of_series(name: str) -> Value | None:
    if name in SERIES:
        metric = SERIES[name]
        return Value(metric.label, metric.unit, f"at the end: {metric.meaning}")
    for metric in SERIES.values():
        if name == metric.early_sum:
            return Value(
                f"Early sum: {_inside(metric.label)}", metric.unit, f"sum over the early window: {metric.meaning}"
            )
        if name == metric.log_early_sum and LOG_EARLY_SUM in metric.reductions:
            return Value(
                f"Early log sum: {_inside(metric.label)}",
                LOG_NATS,
                f"natural logarithm of the sum over the early window: {metric.meaning}",
            )
        if name == f"{metric.name}_mean" and EARLY_MEAN in metric.reductions:
            return Value(
                f"Early mean: {_inside(metric.label)}",
                metric.unit,
                f"mean over the early window, each measurement weighted by the time around it: {metric.meaning}",
            )
        if name == f"{metric.name}_first" and FIRST in metric.reductions:
            return Value(
                f"At the first step: {_inside(metric.label)}",
                metric.unit,
                f"at the first step at which it is defined: {metric.meaning}",
            )
        if name == f"{metric.name}_max":
            label = metric.label if metric.label.startswith("Largest") else f"Largest value: {_inside(metric.label)}"
            early = EARLY_LARGEST in metric.reductions
            return Value(
                label, metric.unit, f"largest {'in the early window' if early else 'at any time'}: {metric.meaning}"
            )
    return None


def _of_layers(metric: Metric | None, stack: str, which: str) -> Value | None:
    if metric is None:
        return None
    mean = f"mean over the early window, {stack}, {which}"
    return Value(f"{metric.label}: {stack}, {which}", metric.unit, f"{metric.meaning} ({mean})")


def _log_drift(stack: str, which: str, nats: str) -> Value | None:
    if which not in _LAYERS:
        return None
    metric, where = METRICS[INITIAL_DRIFT], f"{stack}, {_LAYERS[which]}"
    return Value(
        f"Log {_inside(metric.label)}: {where}, at {_level(nats)}",
        metric.unit,
        f"natural logarithm of {metric.meaning} ({where}), where the held-out loss is {_level(nats)}",
    )


def _level(nats: str) -> str:
    return f"{nats} nat{'' if nats == '1' else 's'} below the unigram entropy"


def _at_level(whole: str, where: str | None, nats: str) -> Value | None:
    level = _level(nats)
    if whole == "probe/steps":
        return Value(
            f"Steps to {level}", STEPS, f"steps until the held-out loss is {level}; the run's length if it never is"
        )
    if whole == "probe/reached":
        return Value(f"Got to {level}", "", f"1 if the held-out loss got to {level}, else 0")
    if whole == "overfit/passes":
        return Value(
            f"Passes until {level}", PASSES, f"passes over the training data until the held-out loss is {level}"
        )
    of_run = describe(whole)
    if of_run is None:
        return None
    metric = METRICS.get(whole) or next(
        (each for each in SERIES.values() if whole in (each.early_sum, each.log_early_sum)), None
    )
    total = "natural logarithm of the sum " if of_run.unit == LOG_NATS else "sum "
    label = of_run.label.removeprefix("Early ")
    meaning = metric.meaning if metric else of_run.meaning
    when = f"until the held-out loss is {level}" if where == "to" else f"where the held-out loss is {level}"
    return Value(
        f"{label[0].upper()}{label[1:]} {'until' if where == 'to' else 'at'} {level}",
        of_run.unit,
        f"{total if where == 'to' else ''}{when}: {meaning}",
    )


def _inside(label: str) -> str:
    """A label inside of another."""
    return f"{label[0].lower()}{label[1:]}"
