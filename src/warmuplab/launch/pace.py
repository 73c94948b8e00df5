"""How fast this machine trains: seconds per operation, measured by a short training in a process of its own.

On a CPU with one thread the time is that of the processor: other programs on the machine change it little, so that it
can be repeated, and it is what a worker takes that has its core for itself. `python -m warmuplab.launch.pace` is the
process; it ends with its memory, and on a GPU with its context.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from warmuplab.base.files import read_json, write_json
from warmuplab.base.processes import machine
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.launch import devices
from warmuplab.population.flops import sentence_flops
from warmuplab.record import environment
from warmuplab.record.run import Run
from warmuplab.worker import CACHE, load_corpus, prepare

if TYPE_CHECKING:
    from warmuplab.training import Trainer

STEPS, LEAST_STEPS = 32, 8  # of a measurement; fewer than `STEPS` where they take longer than `SECONDS`
SECONDS = 4.0
WARM_UP = 2  # steps that are slow because they are the first
CPU_MEMBERS = 4  # more take as much longer as they are more
LONGEST_SECONDS = 180.0


@dataclass(frozen=True)
class Pace:
    """What a worker takes on this machine."""

    seconds_per_operation: float
    """Of the operations that `cost` counts."""
    start_up: float
    """Seconds until its first step."""


def pace_of(runs: Sequence[Run], gpu: str | None = None, *, again: bool = False) -> Pace | None:
    """The pace of a population, kept beside the runs for this machine and this code; None where it cannot be had.

    `gpu` is the one to measure on; None: the CPU. With `again` it is measured though it is known.
    """
    config = _bare(runs[0].config)
    members = len(runs) if gpu is not None else min(len(runs), CPU_MEMBERS)
    told = {"run": to_mapping(config), "members": members}
    named = json.dumps([machine(), gpu is not None, told], sort_keys=True)
    path = Path(config.outputs) / CACHE / "pace" / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}.json"
    known = _read(path)
    if known is not None and not again:
        return known
    measured = _measured(told, gpu)
    if measured is not None:
        write_json(path, {"code": environment.code(), **asdict(measured)})
    return measured


def _bare(config: RunConfig) -> RunConfig:
    """A short training of the same steps, with nothing measured, compiled, kept or published."""
    warmup = replace(config.schedule.warmup, shape="none", fraction=None, steps=None, stairs=None, beta2=None)
    warmup = replace(warmup, window=None, layers="all", start_factor=0.0)
    return replace(
        config,
        seed=0,
        study="single",
        overwrite=False,
        keep_weights=False,
        schedule=replace(config.schedule, peak_lr=1e-4, warmup=warmup, decay={"name": "constant"}),
        training=replace(config.training, steps=STEPS, validate_every=STEPS),
        probes=replace(config.probes, enabled=False, loss_only=False, curvature=False),
        tracker=replace(config.tracker, name="none"),
        hardware=replace(config.hardware, compile=False, checkpoint_seconds=None),
    )


def _read(path: Path) -> Pace | None:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("code") != environment.code():
        return None
    try:
        return Pace(float(content["seconds_per_operation"]), float(content["start_up"]))
    except (KeyError, TypeError, ValueError):
        return None


def _measured(told: dict[str, Any], gpu: str | None) -> Pace | None:
    """What the process says; None where it fails, as it does without memory: a sweep then says so itself."""
    seen = None if gpu is None else os.environ | {devices.VISIBLE: gpu}
    command = [sys.executable, "-m", "warmuplab.launch.pace"]
    text, limit = json.dumps(told), LONGEST_SECONDS
    try:
        said = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, check=True, env=seen)
        return Pace(**json.loads(said.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, IndexError):
        return None


class _EnoughError(Exception):
    """All is measured that is needed."""


def measure(config: RunConfig, members: int) -> Pace:
    """Train a population of such runs in this process for a few steps."""
    from warmuplab.base.memory import keep_freed_memory
    from warmuplab.population import precision
    from warmuplab.training import Trainer

    precision.set_up(config.hardware)
    keep_freed_memory()
    run, corpus = prepare(config), load_corpus(config)
    trainer = Trainer([run] * members, corpus)
    clock = _clock(config, trainer)
    ends = []

    def look(_: "Trainer", seconds: float) -> None:
        ends.append(clock())
        if len(ends) > WARM_UP + LEAST_STEPS and ends[-1] - ends[0] > SECONDS:
            raise _EnoughError

    with suppress(_EnoughError):
        trainer.run(lambda _: None, look)
    drawn_TxB = trainer.batches.sampler.sentences(config.seed, len(ends))
    lengths = corpus.train.source_lengths_N[drawn_TxB], corpus.train.target_lengths_N[drawn_TxB]
    operations_T = members * sentence_flops(config.model, corpus.vocabulary_size, *lengths).sum(axis=1)
    seconds_T = np.diff(ends) / operations_T[1:]  # of the second step, and so on
    return Pace(float(np.median(seconds_T[WARM_UP:])), ends[0])


def _clock(config: RunConfig, trainer: "Trainer") -> Callable[[], float]:
    """Seconds since this process began, as far as they count."""
    if trainer.population.device.type == "cuda":
        import torch

        def now() -> float:
            torch.cuda.synchronize()
            return time.monotonic() - _BEGAN

        return now
    return time.process_time if config.hardware.threads == 1 else lambda: time.monotonic() - _BEGAN


_BEGAN = time.monotonic()


def main() -> int:
    """Measure what standard input asks for, `run` and `members`, and print the fields of a `Pace`."""
    told = json.load(sys.stdin)
    print(json.dumps(asdict(measure(from_mapping(told["run"]), told["members"]))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
