"""The parts of a bench, and the file that holds what they measured."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import read_json, write_json
from warmuplab.bench import growth, inside, machine, probes, scale, throughput
from warmuplab.bench.plan import Plan

FILE = "bench.json"


@dataclass(frozen=True)
class Part:
    """Something that can be measured alone."""

    measures: Callable[[Plan], list[dict[str, Any]]]
    about: str
    """In words, for the command's help."""
    by_default: bool = True
    form: int = 1
    """Of its measured values; raised when they change, so that nobody reads older ones as if they were new."""


PARTS = {
    "contenders": Part(throughput.contenders, "tokens per second, against what users would run otherwise"),
    "mfu": Part(throughput.utilisation, "share of the peak of matrix products", form=2),
    "members": Part(growth.over_members, "time and memory over the size of a population"),
    "steps": Part(growth.over_steps, "memory over the steps of a run", form=2),
    "runs": Part(growth.over_runs, "time of a sweep over its runs"),
    "start-up": Part(inside.start_up, "what a worker does before its second step"),
    "operations": Part(inside.operations, "operations per step over the size of a population"),
    "workers": Part(scale.workers, "what each of several workers keeps of the pace of one alone", by_default=False),
    "collecting": Part(scale.collecting, "time and memory of collecting thousands of runs", by_default=False),
    "probes": Part(probes.cost, "what the probes cost; takes minutes", by_default=False),
}


def chosen(names: Sequence[str]) -> list[str]:
    """These parts, or the default ones where none is named. Raises `ConfigError` for an unknown one."""
    for name in names:
        if name not in PARTS:
            raise ConfigError("--parts", name, "no such part", f"choose from {', '.join(PARTS)}")
    return list(names) or [name for name, part in PARTS.items() if part.by_default]


def measure(name: str, plan: Plan, folder: Path) -> None:
    """Measure a part and keep it. Parts that the file has already and that are not measured again stay as they are."""
    began = time.perf_counter()

    def so_far(measured: list[dict[str, Any]]) -> None:
        keep(folder, name, plan, measured, time.perf_counter() - began)

    so_far(PARTS[name].measures(replace(plan, keep=so_far)))


def keep(
    folder: Path, name: str, plan: Plan, measured: list[dict[str, Any]], seconds: float, device: str = "cpu"
) -> None:
    """Write what a part measured, with what it was measured on, into the file in `folder`."""
    told = {"overrides": list(plan.overrides), "rounds": plan.rounds, "steps": plan.steps, "workers": plan.workers}
    part = machine.facts(device) | {"plan": told, "seconds": round(seconds, 1), "measured_values": measured}
    part["form"] = _form(name)
    write_json(folder / FILE, read(folder) | {name: part})


def read(folder: Path) -> dict[str, Any]:
    """The parts in a folder by name, without those of an older form; empty where there is no file."""
    content = read_json(folder / FILE)
    if not isinstance(content, dict):
        return {}
    return {name: part for name, part in content.items() if part.get("form", 1) == _form(name)}


def _form(name: str) -> int:
    return PARTS[name].form if name in PARTS else 1
