"""The pace of a population on a GPU, in one of three precisions, and what the device itself can do in it."""

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
from warmuplab.record.progress import Progress

PRECISIONS = {"float32": (), "tf32": (), "bfloat16": ("hardware.dtype=bfloat16",)}
"""Of matrix products, with the settings that a run needs for it."""
MOST_STEPS, FEWEST_STEPS = 3000, 300  # the clock ends a measurement; what many members read is drawn before it
LARGE = {"cuda": 8192, "cpu": 1024}  # rows of a square product that reaches what the device can do
COUNTED_SEEDS = 8  # the work of more members is taken to be as much, which saves the host's time


class _EnoughError(Exception):
    """Ends a training when its pace is known."""


class Pace:
    """Where a training is at its reports, each of which has waited for the device."""

    def __init__(self, spec: Spec) -> None:
        self._warm_up, self._seconds = spec.warm_up, seconds_of(spec)
        self.reports: list[tuple[int, float]] = []

    def __call__(self, progress: Progress) -> None:
        """Keep it from the end of the warm-up on."""
        if self._warm_up < progress.step < progress.steps:  # after the last step there is a validation
            self.reports.append((progress.step, time.perf_counter()))
        if len(self.reports) > 1 and self.reports[-1][1] - self.reports[0][1] >= self._seconds:
            raise _EnoughError


def measure(precision: str, spec: Spec, gate: Gate) -> dict[str, Any]:
    """Steps, seconds and useful operations between two reports; `spec.steps` are tenths of a second here."""
    set_precision(precision)
    steps = max(FEWEST_STEPS, min(MOST_STEPS, 16 * MOST_STEPS // len(spec.seeds)))
    never = f"training.validate_every={steps}"
    told = Spec(spec.kind, (*BARE, never, *PRECISIONS[precision], *spec.overrides), spec.seeds, outputs=spec.outputs)
    shared = configs_of(Spec(**vars(told) | {"seeds": spec.seeds[:1]}), steps)[0]
    runs = [worker.prepare(replace(shared, seed=seed)) for seed in spec.seeds]
    trainer = training.Trainer(runs, worker.load_corpus(shared))
    gate()
    pace = Pace(spec)
    training.SECONDS_BETWEEN_REPORTS = seconds_of(spec) / 25
    with suppress(_EnoughError):
        trainer.run(pace)
    if len(pace.reports) < 2:
        raise FailedError("the measurement was over before its second report; measure longer")
    (first, began), (last, ended) = pace.reports[0], pace.reports[-1]
    few = spec.seeds[:COUNTED_SEEDS]
    work, times = done(shared, worker.load_corpus(shared), few, range(first, last)), len(spec.seeds) / len(few)
    return {
        "precision": precision,
        "steps": last - first,
        "seconds": ended - began,
        "tokens": work.tokens * times,
        "flops": work.flops * times,
        "device_memory": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        "peak": peak(trainer.population.device, torch.bfloat16 if precision == "bfloat16" else torch.float32),
    }


def seconds_of(spec: Spec) -> float:
    """How long to measure: the clock, not the number of steps, keeps a check of a GPU short."""
    return spec.steps / 10


def set_precision(precision: str) -> None:
    """Of a GPU's products of float32: as they are, or rounded to TF32 first."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.5) -> float:
    """Operations per second of a large square product on the device, a multiply-add as two."""
    rows = LARGE[device.type]
    factor = torch.randn(rows, rows, device=device, dtype=dtype)
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    product = torch.mm(factor, factor)
    wait()
    times, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        torch.mm(factor, factor, out=product)
        wait()
        times += 1
    return float(2 * rows**3 * times / taken)


float32, tf32, bfloat16 = (partial(measure, precision) for precision in PRECISIONS)
