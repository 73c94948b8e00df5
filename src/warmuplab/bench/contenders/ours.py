"""This project's training: bare, and as users run it."""

import time
from typing import Any

import torch

from warmuplab import worker
from warmuplab.base.memory import keep_freed_memory
from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import FailedError, Spec
from warmuplab.bench.work import BARE, configs_of, done
from warmuplab.population.population import Population
from warmuplab.record import writing
from warmuplab.record.progress import Progress
from warmuplab.record.run import Run
from warmuplab.training import Trainer


class Timed:
    """In place of `population.step`: waits at the gate after the warm-up and takes the time of the steps after it."""

    def __init__(self, population: Population, spec: Spec, gate: Gate) -> None:
        self._step, self._spec, self._gate = population.step, spec, gate
        self._on_gpu = population.device.type == "cuda"
        self._taken, self._began, self.seconds = 0, 0.0, 0.0
        self._processor_began, self.processor = 0.0, 0.0

    def __call__(self, *arguments: Any) -> Any:
        """One step."""
        if self._taken == self._spec.warm_up:
            self._wait()
            self._gate()
            self._began, self._processor_began = time.perf_counter(), time.process_time()
        result = self._step(*arguments)
        self._taken += 1
        if self._taken == self._spec.warm_up + self._spec.steps:
            self._wait()
            self.seconds = time.perf_counter() - self._began
            self.processor = time.process_time() - self._processor_began
        return result

    def _wait(self) -> None:
        """Until a GPU has done what it was asked for: a step returns before."""
        if self._on_gpu:
            torch.cuda.synchronize()


def bare(spec: Spec, gate: Gate) -> dict[str, Any]:
    """A population without probes and tracker: its steps, and nothing before or after them."""
    steps = spec.warm_up + spec.steps
    runs = _runs(spec, (*BARE, f"training.validate_every={steps}"), steps)
    torch.set_num_threads(spec.threads)
    keep_freed_memory()
    config = runs[0].config
    corpus = worker.load_corpus(config)
    trainer = Trainer(runs, corpus)
    timed = Timed(trainer.population, spec, gate)
    trainer.population.step = timed  # type: ignore[method-assign, assignment]
    trainer.run(lambda _: None)
    if not timed.seconds:
        raise FailedError("every member diverged before the last step; measure at a lower rate (schedule.peak_lr=1e-3)")
    work = done(config, corpus, spec.seeds, range(spec.warm_up, steps))
    return {
        "tokens": work.tokens,
        "flops": work.flops,
        "seconds": timed.seconds,
        "processor": timed.processor,
        "weights": trainer.population.model.size,
    }


def as_used(spec: Spec, gate: Gate) -> dict[str, Any]:
    """A population from its second step until its records and offline W&B runs are written, validation included."""
    runs, began = _runs(spec, ("overwrite=true", "tracker.mode=offline"), 1 + spec.steps), 0.0

    def report(progress: Progress) -> None:
        nonlocal began
        if not began:  # after the first step
            gate()
            began = time.perf_counter()

    if not worker.train_population(runs, "bench", report):
        raise FailedError(writing.failures(runs)[0])
    seconds = time.perf_counter() - began
    work = done(runs[0].config, worker.load_corpus(runs[0].config), spec.seeds, range(1, 1 + spec.steps))
    return {"tokens": work.tokens, "flops": work.flops, "seconds": seconds}


def _runs(spec: Spec, overrides: tuple[str, ...], steps: int) -> list[Run]:
    told = Spec(spec.kind, (*overrides, *spec.overrides), spec.seeds, spec.threads, outputs=spec.outputs)
    return [worker.prepare(config) for config in configs_of(told, steps)]
