"""The arm of a run in words: what its W&B run can be grouped by, as seeds are not in it."""

from collections.abc import Mapping
from typing import Any

from warmuplab.base.words import norm_label, rate_label, warmup_label, warmup_phrase
from warmuplab.config.keys import OUTSIDE_IDENTITY, is_among
from warmuplab.config.overrides import as_cell
from warmuplab.config.rerun import run_overrides
from warmuplab.record.directory import told
from warmuplab.schedules import normalized

_IN_WORDS = ("schedule.peak_lr", "model.norm", "schedule.decay.name", "schedule/warmup", "model", "seed")
_OF_WARMUP = ("shape", "fraction", "steps", "layers", "window")
_RATE = "schedule.peak_lr"


def arm_of(config: Mapping[str, Any]) -> str:
    """`post-LN, linear, 10 % warmup, lr 4e-3`, and whatever else a run's study file does not set: `batch size 4`.

    `config` is the nested configuration of a record. Runs of a study that differ in more than the seed, and in more
    than how they were measured, have different arms.
    """
    flat = {key: as_cell(value) for key, value in told(config).items()}
    overrides = dict(_key_and_value(override) for override in run_overrides(flat, config["study"]))
    decay = overrides.pop("schedule", flat["schedule.decay.name"])
    parts = [norm_label(flat["model.norm"]), decay.replace("_", " "), warmup_phrase(_warmup(config, overrides))]
    if flat[_RATE] is not None:
        parts.append(f"lr {rate_label(flat[_RATE])}")
    return ", ".join([*parts, *(_words(key, value) for key, value in overrides.items() if _is_more(key))])


def _key_and_value(override: str) -> tuple[str, str]:
    key, _, value = override.lstrip("+").partition("=")
    return key, value


def _warmup(config: Mapping[str, Any], overrides: Mapping[str, str]) -> str:
    warmup = config["schedule"]["warmup"] | {"layers": normalized(config["schedule"])["warmup"]["layers"]}
    window = warmup["window"] if "schedule.warmup.window" in overrides else None
    return warmup_label(**{name: warmup[name] for name in _OF_WARMUP} | {"window": window})


def _is_more(key: str) -> bool:
    """Whether a key is not among the words already, and determines a result."""
    of_warmup = tuple(f"schedule.warmup.{name}" for name in _OF_WARMUP)
    return key not in _IN_WORDS and key not in of_warmup and not is_among(key, OUTSIDE_IDENTITY)


def _words(key: str, value: str) -> str:
    """`radam` for the option of a group, `batch size 4` for a value."""
    return value.replace("_", " ") if "." not in key else f"{key.rpartition('.')[2].replace('_', ' ')} {value}"
