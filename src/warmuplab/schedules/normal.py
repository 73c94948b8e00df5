"""The settings of a schedule, checked and completed: `schedule.*` of a run's configuration.

The configuration is a mapping (a plain dict, an OmegaConf node) or a dataclass:

    peak_lr: float or null
    warmup: {shape, fraction, steps, start_factor, stairs, beta2, window, layers}
    decay: {name, and the options of that decay}
"""

import dataclasses
import difflib
import inspect
import math
import numbers
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.schedules.options import DECAYS, STATE_THEIR_OWN_RATE, not_both
from warmuplab.schedules.steps import LARGEST_NUMBER
from warmuplab.schedules.warmups import EQUAL_AREA, PARTS, SHAPES, UNTUNED_RULES

NEAR = 0.75  # of a mistyped name to the one that is meant; 1 is the same
WINDOW = 0.2  # of the steps: the early window, where the configuration does not say otherwise


def normalized(schedule_config: Any) -> dict[str, Any]:
    """The configuration as a plain dict: every default filled in, every number in the type of its setting.

    It goes into JSON as it is, and two spellings of the same settings (1 and 1.0, a default given or left out) give
    equal dicts. Raises ConfigError for an unknown name, a missing setting or a value of the wrong type.
    """
    top = _members("schedule", schedule_config, ("peak_lr", "warmup", "decay"))
    decay = _decay_settings(top.get("decay"))
    peak = _converted("schedule.peak_lr", top.get("peak_lr"), float | None)
    own_rate = STATE_THEIR_OWN_RATE.get(decay["name"])
    if own_rate and peak is not None:
        problem = f"{decay['name']} takes no peak learning rate"
        raise ConfigError("schedule.peak_lr", peak, problem, f"set schedule.peak_lr=null and {own_rate}")
    if not own_rate and peak is None:
        problem = f"{decay['name']} needs a peak learning rate"
        raise ConfigError("schedule.peak_lr", None, problem, "give one, for example schedule.peak_lr=2e-3")
    if peak is not None and not 0 < peak <= LARGEST_NUMBER:
        raise ConfigError(
            "schedule.peak_lr", peak, "is out of range", f"give a finite number above 0, at most {LARGEST_NUMBER:g}"
        )
    return {"peak_lr": peak, "warmup": _warmup_settings(top.get("warmup")), "decay": decay}


def _decay_settings(config: Any) -> dict[str, Any]:
    given = _members("schedule.decay", config)
    name = given.pop("name", None)
    if not isinstance(name, str) or name not in DECAYS:
        problem = "no decay is named" if name is None else "there is no such decay"
        raise ConfigError("schedule.decay.name", name, problem, f"choose one of {', '.join(DECAYS)}")
    parameters = inspect.signature(DECAYS[name]).parameters
    hints = typing.get_type_hints(DECAYS[name])
    options = {key: p.default for key, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    for key, value in given.items():
        if key not in options:
            listed = f"its options are {', '.join(options)}" if options else "it has none"
            remedy = f"{listed}; another decay is chosen with its preset, as in schedule={name}"
            raise ConfigError(f"schedule.decay.{key}", value, f"{name} has no such option", remedy)
    settings: dict[str, Any] = {"name": name}
    for key, default in options.items():
        value = given.get(key, default)
        if value is inspect.Parameter.empty:
            raise ConfigError(f"schedule.decay.{key}", None, "is missing", f"{name} needs it; schedule={name} sets it")
        settings[key] = _converted(f"schedule.decay.{key}", value, hints[key])
    return settings


def _warmup_settings(config: Any) -> dict[str, Any]:
    types_and_defaults: dict[str, tuple[Any, Any]] = {
        "shape": (str, "linear"),
        "fraction": (float | None, None),
        "steps": (int | None, None),
        "start_factor": (float, 0.0),
        "stairs": (int | None, None),
        "beta2": (float | None, None),
        "window": (float | None, None),
    }
    given = _members("schedule.warmup", config, (*types_and_defaults, "layers"))
    settings = {
        key: _converted(f"schedule.warmup.{key}", given.get(key, default), kind)
        for key, (kind, default) in types_and_defaults.items()
    }
    shape = settings["shape"]
    shapes = (*SHAPES, EQUAL_AREA, *UNTUNED_RULES)
    if shape not in shapes:
        remedy = f"choose one of {', '.join(shapes)}"
        raise ConfigError("schedule.warmup.shape", shape, "there is no such warmup", remedy)
    _check_length(shape, settings)
    if shape == "stepped" and settings["stairs"] is None:
        settings["stairs"] = 4
    if shape == EQUAL_AREA and settings["window"] is None:
        settings["window"] = WINDOW
    for key, users in (("stairs", ("stepped",)), ("beta2", UNTUNED_RULES), ("window", (EQUAL_AREA,))):
        if shape not in users and settings[key] is not None:
            problem = (
                f"only {', '.join(users)} has it, not {shape}" if len(users) == 1 else f"{shape} has no use for it"
            )
            raise ConfigError(
                f"schedule.warmup.{key}", settings[key], problem, f"clear it with schedule.warmup.{key}=null"
            )
    if shape in UNTUNED_RULES and settings["beta2"] is None:
        remedy = f"choose schedule/warmup={shape}, which takes it from optimizer.betas"
        raise ConfigError("schedule.warmup.beta2", None, f"{shape} needs it", remedy)
    window = settings["window"]
    if window is not None and not 0 < window <= 1:
        raise ConfigError("schedule.warmup.window", window, "is out of range", "give a number above 0, at most 1")
    layers = _layers(given.get("layers", "all"))
    return settings | {"layers": layers if _lowers_rates(settings) else "all"}


def _layers(value: Any) -> str | list[str]:
    """The name of a part, or patterns of parameter names in alphabetical order, each once."""
    field, choice = "schedule.warmup.layers", f"choose one of {', '.join(PARTS)}"
    example = "a list of parameter names such as [decoder.*.cross]"
    if isinstance(value, str):
        if value in PARTS:
            return value
        near = [f"did you mean {part}? " for part in difflib.get_close_matches(value, PARTS, 1, NEAR)]
        listed = f"put patterns into brackets: [{value}]" if re.search(r"[.*]", value) else f"give {example}"
        raise ConfigError(field, value, "there is no such part of the network", f"{''.join(near)}{choice}, or {listed}")
    if not isinstance(value, Sequence):
        raise ConfigError(field, value, "is neither a part of the network nor a list", f"{choice}, or give {example}")
    if not value:
        raise ConfigError(field, "[]", "names nothing", f"use {field}=none, or give {example}")
    for pattern in value:
        if pattern in ("all", "none", "deep", "shallow"):
            problem, remedy = "stands for a part and cannot be in a list", f"use {field}={pattern}, or give {example}"
            raise ConfigError(field, pattern, problem, remedy)
        if not isinstance(pattern, str) or not _is_pattern(pattern):
            problem = "is not the beginning of a parameter's name"
            raise ConfigError(field, pattern, problem, "give names and * between dots, such as decoder.*.cross")
    return sorted(set(value))


def _is_pattern(text: str) -> bool:
    return bool(re.fullmatch(r"[\w*]+(\.[\w*]+)*", text, re.ASCII))


def _lowers_rates(settings: dict[str, Any]) -> bool:
    """Whether any rate is lower than without the warmup. Where none is, it does not matter which layers follow it."""
    if settings["shape"] == "none" or settings["fraction"] == 0 or settings["steps"] == 0:
        return False
    return bool(settings["shape"] == EQUAL_AREA or settings["start_factor"] != 1)


def _check_length(shape: str, settings: dict[str, Any]) -> None:
    """A shape has `fraction` or `steps`, never both; an untuned rule neither; `none` neither, or zero."""
    fraction, steps = settings["fraction"], settings["steps"]
    if fraction is not None and not 0 <= fraction < 1:
        raise ConfigError("schedule.warmup.fraction", fraction, "is out of range", "give a number from 0 to below 1")
    if steps is not None and steps < 0:
        raise ConfigError("schedule.warmup.steps", steps, "is negative", "give 0 for no warmup, or more")
    not_both("schedule.warmup", "steps", steps, "fraction", fraction)
    if shape in UNTUNED_RULES or (shape == "none" and (fraction or steps)):
        key = "steps" if fraction is None else "fraction"
        if settings[key] is not None:
            problem = "shape none has no length" if shape == "none" else f"the length of {shape} follows from beta2"
            remedy = f"choose schedule/warmup={shape}, or set schedule.warmup.{key}=null"
            raise ConfigError(f"schedule.warmup.{key}", settings[key], problem, remedy)
    elif shape != "none" and fraction is None and steps is None:
        remedy = "give it or schedule.warmup.steps; 0 is no warmup"
        raise ConfigError("schedule.warmup.fraction", None, "the warmup has no length", remedy)


def _members(field: str, config: Any, known: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The members of a mapping or dataclass, checked against the known names."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        members = {part.name: getattr(config, part.name) for part in dataclasses.fields(config)}
    elif isinstance(config, Mapping):
        members = {str(key): config[key] for key in config}
    else:
        listed = ", ".join(known) if known else "name and the options of a decay"
        raise ConfigError(field, config, "is not a group of settings", f"give {listed}")
    for key, value in members.items():
        if known and key not in known:
            raise ConfigError(f"{field}.{key}", value, "there is no such setting", f"known are {', '.join(known)}")
    return members


def _converted(field: str, value: Any, kind: Any) -> Any:
    """`value` as the one type of its setting: float, int, bool, str or list[float]; None where that is allowed."""
    if isinstance(kind, types.UnionType):
        if value is None:
            return None
        kind = next(option for option in typing.get_args(kind) if option is not types.NoneType)
    if typing.get_origin(kind) is list:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(field, value, "is not a list", "give a list such as [0.5,0.1]")
        return [_converted(field, member, float) for member in value]
    if kind in (bool, str):
        if isinstance(value, kind):
            return value
        raise ConfigError(field, value, "is of the wrong type", "give true or false" if kind is bool else "give a name")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ConfigError(field, value, "is not a number", "give a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        number = sys.float_info.max
    if LARGEST_NUMBER < abs(number) < math.inf:  # what is not finite at all is told with the range of its setting
        raise ConfigError(field, value, "is out of range", f"give a finite number, at most {LARGEST_NUMBER:g}")
    if kind is int:
        if not number.is_integer():
            raise ConfigError(field, value, "is not a whole number", "give a whole number")
        return int(number)
    return number + 0.0  # -0.0 and 0.0 are one setting
