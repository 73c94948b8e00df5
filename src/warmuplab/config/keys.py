"""Which keys of a configuration a run's name depends on, and which of them came after the first records.

A run is named after all its settings except the keys listed here, which cannot change its result. A key that is added
to the schema is therefore part of the name, unless it is put on one of these lists; declared with `schema.added`, it
renames no run that was recorded before.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from warmuplab.config.overrides import flat, nested
from warmuplab.config.schema import ORIGINAL, RunConfig, settings_of
from warmuplab.schedules import ADDED_OPTIONS

# A key stands for itself, or for all keys of its group.
# Nor do these say anything about a run.
WHERE_IT_LIES = ("study", "outputs", "overwrite", "keep_weights", "data.path", "tracker")
HOW_IT_IS_MEASURED = ("probes",)
HOW_IT_IS_COMPUTED = (
    "hardware.device",
    "hardware.threads",
    "hardware.compile",
    "hardware.replay",
    "hardware.tf32",
    "hardware.checkpoint_seconds",
)
OUTSIDE_IDENTITY = (
    *WHERE_IT_LIES,
    *HOW_IT_IS_MEASURED,
    *HOW_IT_IS_COMPUTED,
    "data.name",  # the corpus counts by its fingerprint
    "data.revision",
)


def is_among(key: str, names: tuple[str, ...]) -> bool:
    """Whether the dotted `key` is one of `names` or lies in a group that is."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def identifying(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a nested configuration that a run is named after, nested as it is.

    Keys outside the identity are left out, and those that came later where they have the value that they were
    introduced with.
    """
    later = introduced(config)
    kept = {
        key: value
        for key, value in flat(config).items()
        if not is_among(key, OUTSIDE_IDENTITY) and (key not in later or value != later[key])
    }
    return nested(kept)


def completed(config: Mapping[Any, Any]) -> dict[str, Any]:
    """The nested configuration of an older record, with the keys that came later at the values they began with."""
    whole = deepcopy(dict(config))
    for key, value in introduced(config).items():
        *groups, last = key.split(".")
        place: Any = whole
        for group in groups:
            place = place.setdefault(group, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):  # a damaged record may hold anything
            place.setdefault(last, deepcopy(value))
    return whole


def introduced(config: Mapping[Any, Any]) -> dict[str, Any]:
    """The dotted keys that came later, with the value that each was introduced with.

    Those of a decay are found by the name of the decay in the nested `config`.
    """
    schedule = config.get("schedule")
    decay = schedule.get("decay") if isinstance(schedule, Mapping) else None
    name = decay.get("name") if isinstance(decay, Mapping) else None
    options = {f"schedule.decay.{key}": value for key, value in ADDED_OPTIONS.get(str(name), {}).items()}
    return _added(RunConfig) | options


@cache
def _added(kind: type) -> dict[str, Any]:
    """The added keys of a dataclass and of the groups in it; of an added group, all keys."""
    return flat({each.name: each.introduced for each in settings_of(kind) if each.introduced is not ORIGINAL})
