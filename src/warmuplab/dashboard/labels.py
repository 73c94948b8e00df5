"""Words for what the page shows: metrics and summary values from the catalogue, configuration keys."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from warmuplab.base.words import MISSING, NO_WARMUP, norm_label, rate_label, warmup_label
from warmuplab.series.catalogue import METRICS, OF_LAYERS, SERIES
from warmuplab.series.values import WHOLE_RUN, describe
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

# The values to offer first.
FIRST = (*WHOLE_RUN, "grad/norm_max", "update/relative_max", "stability/kl_max", "stability/kl_path")


def metric(name: str) -> dict[str, str]:
    """How a metric is called on an axis, and its unit; one that is not in the catalogue goes by its name."""
    known = METRICS.get(name)
    return {"label": known.label, "unit": known.unit} if known else {"label": name, "unit": ""}


def ordered(metrics: Iterable[str]) -> list[str]:
    """Metrics in the order of the catalogue, unknown ones last."""
    known = [*SERIES, *OF_LAYERS]
    return sorted(metrics, key=lambda name: (known.index(name) if name in known else len(known), name))


def summary_values(runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The values that runs can be compared by, with label and unit; `val/loss` is in `loss`."""
    there = [str(name) for name in runs if "/" in str(name) and name != "val/loss" and runs[name].notna().any()]
    names = [name for name in FIRST if name == "loss" or name in there]
    names += sorted(name for name in there if name not in FIRST)
    found = {name: describe(name) for name in names}
    return {
        name: {"label": of.label, "unit": of.unit} if of else {"label": name, "unit": ""} for name, of in found.items()
    }


def norm(config: Mapping[str, Any]) -> str:
    """`post-LN`, `pre-LN`."""
    return norm_label(config.get("model.norm", MISSING))


def rate(config: Mapping[str, Any]) -> str:
    """The peak learning rate, where it does not vary."""
    return rate_label(config.get("schedule.peak_lr"))


def warmup(config: Mapping[str, Any]) -> str:
    """The warmup, where it does not vary."""
    return warmup_label(*(config.get(f"schedule.warmup.{name}") for name in ("shape", "fraction", "steps", "layers")))


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
