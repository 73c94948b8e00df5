"""The machine that a bench ran on: its name as a folder, and what else a reader must know."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from warmuplab.record import environment

COMPARED_PACKAGES = ("transformers", "accelerate")
_NOISE = r"\(r\)|\(tm\)|@.*|\bcpu\b|\bprocessor\b|\b\d+-core\b|\bwith .*"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slug(name: str, cores: int | None = None) -> str:
    """A folder for the machine, such as `amd-epyc-2-cores`; `cores` of a processor, None for a GPU."""
    plain = re.sub(_NOISE, " ", name.lower())
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "unknown"
    return words if cores is None else f"{words}-{cores}-core{'s' if cores > 1 else ''}"


def facts(device: str = "cpu") -> dict[str, Any]:
    """Hardware, versions, commit and time of a part, for its record."""
    packages = {name: _version(name) for name in COMPARED_PACKAGES}
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        **environment.commit(),
        "hardware": environment.hardware(device) | {"usable_cores": cores()},
        "versions": environment.versions() | packages,
    }


def folder_name(facts: dict[str, Any], overrides: Sequence[str] = ()) -> str:
    """The folder of what was measured with these `facts`: one of its own where settings are not the usual ones."""
    hardware = facts["hardware"]
    name = slug(hardware["gpu"]) if "gpu" in hardware else slug(hardware["cpu"], hardware["usable_cores"])
    return "-".join([name, *(slug(override) for override in overrides)])


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
