"""Words for what the page shows: metrics, summary values, configuration keys."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from warmuplab.base.words import MISSING, NO_WARMUP, rate_label
from warmuplab.study.roles import OUTCOMES

FACETS = {
    "setting": "Setting",
    "norm": "Norm",
    "schedule": "Schedule",
    "warmup": "Warmup",
    "rate": "Peak lr",
    "seed": "Seed",
    "outcome": "Status",
}

FACTS = ("population", "weights", "corpus", "commit", "dirty", "seconds", "diverged_at", "early_steps", "error")

LOSS, NATS = "nats per token", "nats"

# Label and unit; in the order to offer them.
_METRICS = {
    "train/loss": ("Training loss", LOSS),
    "probe/loss": ("Held-out loss, fixed batch", LOSS),
    "val/loss": ("Held-out loss, whole split", LOSS),
    "lr": ("Learning rate", ""),
    "overfit/gap": ("Overfitting gap", NATS),
    "overfit/self_drop": ("Loss drop on its own batch", NATS),
    "overfit/held_drop": ("Loss drop on held-out text", NATS),
    "grad/norm": ("Gradient norm", ""),
    "update/relative": ("Relative update size", ""),
    "overfit/memorisation": ("Memorisation: earliest minus unseen sentences", NATS),
    "overfit/early_loss": ("Loss on the earliest sentences", LOSS),
    "overfit/unseen_loss": ("Loss on unseen sentences", LOSS),
    "overfit/generalisation_gap": ("Generalisation gap", NATS),
    "stability/kl": ("Change of the output distribution (KL)", NATS),
    "stability/jitter": ("Jitter of the training loss", NATS),
    "stability/entropy": ("Entropy of the output distribution", NATS),
    "stability/distance_uniform": ("Distance from uniform (KL)", NATS),
    "stability/distance_unigram": ("Distance from word frequencies (KL)", NATS),
    "stability/log_z": ("Logarithm of the softmax's denominator", NATS),
    "stability/attention_logit": ("Largest attention logit", ""),
    "stability/cka_drift": ("Drift of activations (1 - CKA)", ""),
    "stability/weight_change": ("Relative change of weights", ""),
    "stability/grad_norm": ("Gradient norm", ""),
    "stability/update_to_weight": ("Update relative to weights", ""),
    "curvature/sharpness": ("Sharpness", ""),
    "curvature/edge": ("Sharpness over the edge of stability", ""),
    "curvature/preconditioned_sharpness": ("Preconditioned sharpness", ""),
    "curvature/preconditioned_edge": ("Preconditioned sharpness over the edge", ""),
}

# Of a run as a whole; `loss` counts a diverged run at the unigram entropy.
_VALUES = {
    "loss": ("Final held-out loss", LOSS),
    "val/loss_min": ("Best held-out loss", LOSS),
    "train/loss": ("Final training loss", LOSS),
    "overfit/gap_sum": ("Early overfitting (sum of gaps)", NATS),
    "spike/count": ("Spikes", ""),
    "spike/max_height": ("Largest spike", NATS),
    "spike/rate": ("Spikes per 1,000 steps", ""),
    "spike/recovery_steps": ("Longest recovery", "steps"),
    "spike/steps_above_initial": ("Steps above the initial loss", "steps"),
    "spike/unrecovered": ("Spikes that never recover", ""),
    "spike/olmo_score": ("Spike score of OLMo", ""),
    "grad/norm_max": ("Largest gradient norm", ""),
    "update/relative_max": ("Largest relative update", ""),
    "overfit/self_drop_sum": ("Early loss drop on own batches", NATS),
    "overfit/held_drop_sum": ("Early loss drop on held-out text", NATS),
    "stability/kl_max": ("Largest early change of the output distribution (KL)", NATS),
    "stability/kl_path": ("Early path of the output distribution (KL)", NATS),
    "stability/jitter_onset_step": ("Onset of jitter, step", ""),
    "stability/jitter_onset_lr": ("Onset of jitter, learning rate", ""),
}

_NORMS = {"post": "post-LN", "pre": "pre-LN"}


def metric(name: str) -> dict[str, str]:
    """How a metric is called on an axis, and its unit; one that has no words of its own goes by its name."""
    label, unit = _METRICS.get(name, (name, ""))
    return {"label": label, "unit": unit}


def ordered(metrics: Iterable[str]) -> list[str]:
    """Metrics in the order to offer them, those without words of their own last."""
    known = list(_METRICS)
    return sorted(metrics, key=lambda name: (known.index(name) if name in known else len(known), name))


def summary_values(runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The values that runs can be compared by, with label and unit; `val/loss` is in `loss`."""
    there = [str(name) for name in runs if "/" in str(name) and name != "val/loss" and runs[name].notna().any()]
    names = [name for name in _VALUES if name == "loss" or name in there]
    names += sorted(name for name in there if name not in _VALUES)
    return {name: dict(zip(("label", "unit"), _value_words(name), strict=True)) for name in names}


def _value_words(name: str) -> tuple[str, str]:
    """Label and unit of a summary value, put together from those of the metric that it sums up; see `summaries`."""
    if name in _VALUES or name in _METRICS:
        return _VALUES.get(name) or _METRICS[name]
    if found := re.fullmatch(r"(.+?)_(?:(to|at)_)?([\d.]+)_below", name):
        whole, where, nats = found.groups()
        level = f"{nats} nats below the unigram entropy"
        if whole in ("probe/steps", "probe/reached"):
            return f"Steps to {level}" if where else f"Got to {level}", ""
        label, unit = _value_words(whole)
        label = label.removeprefix("Early ")
        return f"{label[0].upper()}{label[1:]} {'until' if where == 'to' else 'at'} {level}", unit
    if found := re.fullmatch(r"(stability/)(encoder|decoder)_(\w+?)_(first|last|last_minus_first)", name):
        section, stack, metric, which = found.groups()
        label, unit = _METRICS.get(section + metric, (metric.replace("_", " "), ""))
        return f"{label}: {stack}, {_LAYERS[which]}", unit
    if name.startswith("spike/probe_"):
        label, unit = _value_words(name.replace("spike/probe_", "spike/"))
        return f"{label}, held-out loss, early", unit
    if name.endswith("_max") and name.removesuffix("_max") in _METRICS:
        label, unit = _METRICS[name.removesuffix("_max")]
        return label if label.startswith("Largest") else f"Largest value: {label[0].lower()}{label[1:]}", unit
    return name, ""


_LAYERS = {"first": "first layer", "last": "last layer", "last_minus_first": "last layer minus first"}


def norm(config: Mapping[str, Any]) -> str:
    """`post-LN`, `pre-LN`."""
    place = str(config.get("model.norm", MISSING))
    return _NORMS.get(place, place)


def rate(config: Mapping[str, Any]) -> str:
    """The peak learning rate, where it does not vary."""
    return rate_label(config.get("schedule.peak_lr"))


def warmup(config: Mapping[str, Any]) -> str:
    """The warmup, where it does not vary."""
    shape, fraction, steps = (config.get(f"schedule.warmup.{name}") for name in ("shape", "fraction", "steps"))
    if shape == "none" or fraction == 0 or steps == 0:
        return NO_WARMUP
    return f"{100 * fraction:g} %" if fraction is not None else f"{steps:g} steps" if steps is not None else str(shape)


def facet_order(facet: str, value: Any) -> tuple[bool, float, str]:
    """Numbers by size, labels that begin with one likewise, outcomes from good to bad, the rest by name."""
    if facet == "outcome" and value in OUTCOMES:
        return False, OUTCOMES.index(value), ""
    text = str(value)
    if text == NO_WARMUP:
        return False, -1.0, text
    number = text.split(" ")[0]
    try:
        size = float(number)
    except ValueError:
        return True, 0.0, text
    return not math.isfinite(size), size, text
