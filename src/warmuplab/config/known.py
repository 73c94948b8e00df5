"""Which keys and options a command line can name: from the schema, the decays and the files in `conf/`."""

import inspect
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.keys import OUTSIDE_IDENTITY, is_among
from warmuplab.config.schema import RunConfig, settings_of
from warmuplab.config.suggestions import Key
from warmuplab.schedules import DECAYS

OF_SLURM = (
    "partition", "account", "gpus", "gpu_memory", "cpus", "memory", "time", "parallel", "requeues", "setup",
    "container", "python", "options",
)  # fmt: skip
OF_THE_LAUNCHER = ("cluster", "workers", "members", "dry", *(f"slurm.{name}" for name in OF_SLURM))
HYDRA_KEYS = ("hydra.mode", "hydra.sweeper.grids", *(f"hydra.launcher.{name}" for name in OF_THE_LAUNCHER))


def settings(command: str = "train") -> list[Key]:
    """Every key, the ones that determine a run's numbers first; `command` may have some of its own in `conf/`."""
    listed = [
        Key(name, _kind(held), int(is_among(name, OUTSIDE_IDENTITY)))
        for name, held, _ in settings_of(RunConfig)
        if typing.get_origin(held) is not dict  # a decay's options are known by their own names
    ]
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


def _kind(held: Any) -> str:
    """The word for what a setting takes: of `int | None` the first."""
    options = typing.get_args(held) if isinstance(held, types.UnionType) else (held,)
    return getattr(options[0], "__name__", "")


def _top_level(path: Path) -> list[str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [name for name in content if name not in ("defaults", "hydra")] if isinstance(content, dict) else []
