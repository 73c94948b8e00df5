"""Which keys and options a command line can name: from the schema, the decays and the files in `conf/`."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.keys import OUTSIDE_IDENTITY, is_among
from warmuplab.config.schema import RunConfig
from warmuplab.config.suggestions import Key
from warmuplab.schedules import DECAYS

OF_THE_LAUNCHER = ("cluster", "workers", "members")
HYDRA_KEYS = ("hydra.mode", "hydra.sweeper.grids", *(f"hydra.launcher.{name}" for name in OF_THE_LAUNCHER))


def settings(command: str = "train") -> list[Key]:
    """Every key, the ones that determine a run's numbers first; `command` may have some of its own in `conf/`."""
    listed = [Key(name, kind, int(is_among(name, OUTSIDE_IDENTITY))) for name, kind in _fields(RunConfig, "")]
    own = CONFIG_FOLDER / f"{command}.yaml"
    listed += [Key(name, "int", 0) for name in _top_level(own) if name not in {key.name for key in listed}]
    for decay in DECAYS.values():
        options = [name for name, p in inspect.signature(decay).parameters.items() if p.kind is p.KEYWORD_ONLY]
        listed += [Key(f"schedule.decay.{name}", "", 2) for name in options]
    return list(dict.fromkeys(listed)) + [Key(name, "", 3) for name in HYDRA_KEYS]


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """The options of every group in `conf/`, by the group as it is typed: `schedule/warmup`."""
    options: dict[str, list[str]] = {}
    for path in sorted(CONFIG_FOLDER.glob("*/**/*.yaml")):
        options.setdefault(path.parent.relative_to(CONFIG_FOLDER).as_posix(), []).append(path.stem)
    return {group: tuple(names) for group, names in options.items()}


def _fields(kind: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Every dotted key of a dataclass, and the word for what it takes."""
    kinds = typing.get_type_hints(kind)
    for part in dataclasses.fields(kind):
        held = kinds[part.name]
        if dataclasses.is_dataclass(held):
            yield from _fields(held, f"{prefix}{part.name}.")
        elif typing.get_origin(held) is not dict:  # a decay's options are known by their own names
            options = typing.get_args(held) if isinstance(held, types.UnionType) else (held,)
            yield f"{prefix}{part.name}", getattr(options[0], "__name__", "")


def _top_level(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [name for name in content if name not in ("defaults", "hydra")] if isinstance(content, dict) else []
