"""The command that trains a study's runs again."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

CONFIG_FOLDER = Path(__file__).parents[2] / "conf"

# What leaves a run's numbers alone need not be repeated.
WITHOUT_EFFECT = ("hardware.device", "hardware.threads", "hardware.compile")


def command(study: str, shared: Mapping[str, Any], varying: Mapping[str, Sequence[Any]]) -> str | None:
    """`make sweep STUDY=...`, with the overrides that the runs show; None for a study that has no file in `conf/study`.

    `shared` holds the configuration that all runs have in common and `varying` the values of every other key, both by
    dotted keys. What the file composes to is compared with them, so a sweep that was launched with overrides is
    reproduced with these.
    """
    if not (CONFIG_FOLDER / "study" / f"{study}.yaml").exists() or not shared:
        return None
    grids, composed = _compose(study)
    overrides = [
        f"{key}={','.join(map(typed, values))}"
        for key, values in {**{key: [value] for key, value in shared.items()}, **varying}.items()
        if not key.startswith(WITHOUT_EFFECT) and not _follows(key, values, grids, composed)
    ]
    arguments = f" ARGS={_for_make(overrides)}" if overrides else ""
    return f"make sweep STUDY={study}{arguments}"


def _compose(study: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The study's grids, and for each the configuration of its first job by dotted keys."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from warmuplab.results import flat

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        base = compose("config", [f"+study={study}"], return_hydra_config=True)
        grids = OmegaConf.to_container(base.hydra.sweeper.grids)
        assert isinstance(grids, list)
        jobs = []
        for grid in grids or [{}]:
            first = [f"{key}={typed(_values(value)[0])}" for key, value in grid.items()]
            job = OmegaConf.to_container(compose("config", [f"+study={study}", *first]), resolve=True)
            assert isinstance(job, dict)
            jobs.append(flat(job))
    return [dict(grid) for grid in grids], jobs


def _follows(
    key: str, values: Sequence[Any], grids: Sequence[Mapping[str, Any]], composed: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether the study's file alone gives `key` these values."""
    listed = [_values(grid[key]) for grid in grids if key in grid]
    if listed and len(listed) == len(grids):
        return {_number(value) for grid in listed for value in grid} == {_number(value) for value in values}
    if listed or (len(values) > 1 and any(_is_part(key, name) for grid in grids for name in grid)):
        return True  # some grid sweeps over it, or over a group that it is a part of
    expected = {_number(job.get(key)) for job in composed}
    return {_number(value) for value in values} <= expected


def _is_part(key: str, group: str) -> bool:
    return key.startswith((f"{group}.", f"{group.replace('/', '.')}."))


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number(value: Any) -> str:
    """Equal for 1e-3 and 0.001, 0 and 0.0."""
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else typed(value)


def _for_make(overrides: Sequence[str]) -> str:
    """`overrides` as the value of `ARGS`: make expands it, then the shell of its recipe reads what that gives."""
    quoted = [text if re.fullmatch(r"[][\w.,/+=-]+", text, re.ASCII) else shlex.quote(text) for text in overrides]
    return shlex.quote(" ".join(quoted).replace("$", "$$"))


def typed(value: Any) -> str:
    """A value as Hydra reads it; text that could mean something to its grammar is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(typed, value))}]"
    text = str(value)
    if isinstance(value, int | float) or re.fullmatch(r"[\w./+-]+|\[[\w./+,-]*\]", text):
        return text
    # In its quoted strings a backslash is one unless it comes before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
