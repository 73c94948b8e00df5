"""The pace of a population on a GPU, in one of three precisions, and what the device itself can do in it."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from warmuplab import training, worker
from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import FailedError, Spec
from warmuplab.bench.work import BARE, configs_of, done
from warmuplab.population.precision import set_up

PRECISIONS = {
    "float32": ("hardware.tf32=false",),
    "tf32": ("hardware.tf32=true",),
    "bfloat16": ("hardware.dtype=bfloat16",),
}
"""Of matrix products, with the settings that a run needs for it."""
MOST_STEPS, FEWEST_STEPS = 3000, 300  # the clock ends a measurement; what many members read is drawn before it
FEW = 5
"""Steps from whose pace the number of those to measure follows."""
LARGE = {"cuda": 8192, "cpu": 1024}  # rows of a square product that reaches what the device can do
COUNTED_SEEDS = 8  # the work of more members is taken to be as much, which saves the host's time


class _EnoughError(Exception):
    """Ends a training when its pace is known."""


class Pace:
    """Steps after the warm-up, and the seconds that they take, called after every step.

    Waits for the device three times: when the warm-up is over, after `FEW` more steps, which say how many are to be
    measured, and after those. In between, the host launches ahead of the device, as in a training.
    """

    def __init__(self, spec: Spec, wait: Callable[[], object], most: int) -> None:
        self._warm_up, self._wanted, self._wait, self._most = spec.warm_up, seconds_of(spec), wait, most
        self._taken, self._began = 0, 0.0
        self._last: int | None = None
        self.steps, self.seconds = 0, 0.0

    def __call__(self, *_: object) -> None:
        """Count a step. Raises `_EnoughError` when the pace is known."""
        self._taken += 1
        if self._taken == self._warm_up:
            self._wait()
            self._began = time.perf_counter()
        elif self._taken == self._warm_up + FEW or self._taken == self._last:
            self._take()

    def _take(self) -> None:
        self._wait()
        self.steps, self.seconds = self._taken - self._warm_up, time.perf_counter() - self._began
        if self._last is None:
            self._last = min(self._most, self._warm_up + round(self.steps * self._wanted / self.seconds))
        if self._taken >= self._last:
            raise _EnoughError


def measure(precision: str, spec: Spec, gate: Gate) -> dict[str, Any]:
    """Steps after the warm-up, their seconds and useful operations; `spec.steps` are tenths of a second here."""
    steps = max(FEWEST_STEPS, min(MOST_STEPS, 16 * MOST_STEPS // len(spec.seeds)))
    never = f"training.validate_every={steps}"
    told = Spec(spec.kind, (*BARE, never, *PRECISIONS[precision], *spec.overrides), spec.seeds, outputs=spec.outputs)
    shared = configs_of(Spec(**vars(told) | {"seeds": spec.seeds[:1]}), steps)[0]
    set_up(shared.hardware)  # as a worker does
    runs = [worker.prepare(replace(shared, seed=seed)) for seed in spec.seeds]
    trainer = training.Trainer(runs, worker.load_corpus(shared))
    gate()
    pace = Pace(spec, _wait_for(trainer.population.device), steps - 1)  # after the last there is a validation
    training.SECONDS_BETWEEN_REPORTS = math.inf  # what a report costs is no part of a step
    with suppress(_EnoughError):
        trainer.run(lambda _: None, pace)
    if not pace.steps:
        raise FailedError(f"{steps} steps were over before {FEW} were measured after the warm-up")
    few, measured = spec.seeds[:COUNTED_SEEDS], range(spec.warm_up, spec.warm_up + pace.steps)
    work, times = done(shared, worker.load_corpus(shared), few, measured), len(spec.seeds) / len(few)
    return {
        "precision": precision,
        "steps": pace.steps,
        "seconds": pace.seconds,
        "tokens": work.tokens * times,
        "flops": work.flops * times,
        "device_memory": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        "peak": peak(trainer.population.device, torch.bfloat16 if precision == "bfloat16" else torch.float32),
    }


def seconds_of(spec: Spec) -> float:
    """How long to measure: the clock, not the number of steps, keeps a check of a GPU short."""
    return spec.steps / 10


def _wait_for(device: torch.device) -> Callable[[], object]:
    """Waits until the device has done what it was asked for."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.5) -> float:
    """Operations per second of a large square product on the device, a multiply-add as two."""
    rows = LARGE[device.type]
    factor = torch.randn(rows, rows, device=device, dtype=dtype)
    wait = _wait_for(device)
    product = torch.mm(factor, factor)
    wait()
    times, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        torch.mm(factor, factor, out=product)
        wait()
        times += 1
    return float(2 * rows**3 * times / taken)


float32, tf32, bfloat16 = (partial(measure, precision) for precision in PRECISIONS)
