"""A run's name: what can be read of it, and a hash of everything that determines its result."""

import hashlib
import json
import re
from typing import Any

from warmuplab.base.words import layers_label
from warmuplab.config.keys import identifying
from warmuplab.config.mapping import to_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.record.run import Run

OF_ONE_MEMBER = ("seed", "schedule", "overwrite", "keep_weights")  # what members of a population may differ in
LONGEST_PART = 40  # characters for what a warmup covers: the name of a folder is limited, and the hash tells the rest


def identify(config: RunConfig, fingerprint: str) -> Run:
    """Name a run: a readable slug and a hash of what determines the result.

    `config.keys` lists what does not (tracker, probes, device, folders); nor does the commit. The corpus counts by its
    `fingerprint`, not by where it lies. The schedule counts as completed, so that two spellings of it are one run.
    """
    determining: dict[str, Any] = identifying(to_mapping(config) | {"schedule": config.built_schedule.settings})
    determining["data"]["fingerprint"] = fingerprint
    # Where the first records had it: their names hash this form.
    determining["dtype"] = determining["hardware"].pop("dtype")
    if not determining["hardware"]:
        del determining["hardware"]
    digest = hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:8]
    return Run(config, f"{_slug(config)}-{digest}")


def population_key(config: RunConfig) -> str:
    """Equal for runs that can train in lockstep: those that differ in seed and schedule only."""
    everything = to_mapping(config)
    return json.dumps({k: v for k, v in everything.items() if k not in OF_ONE_MEMBER}, sort_keys=True)


def _slug(config: RunConfig) -> str:
    warmup = config.schedule.warmup
    length = (
        f"{warmup.fraction:g}"
        if warmup.fraction is not None
        else f"{warmup.steps}steps"
        if warmup.steps is not None
        else ""
    )
    shape = "" if warmup.shape == "linear" else f"_{warmup.shape}"
    layers = layers_label(config.built_schedule.settings["warmup"]["layers"])
    part = f"_{re.sub(r'[^a-z0-9_.]+', '_', layers, flags=re.IGNORECASE)}"[:LONGEST_PART] if layers else ""
    parts = [f"{config.model.norm}_ln", str(config.schedule.decay["name"]), f"w{length}{shape}{part}"]
    if config.schedule.peak_lr is not None:
        parts.append(f"lr{config.schedule.peak_lr:g}")
    return "-".join([*parts, f"s{config.seed}"])
