"""A training from its checkpoint, where it left one, to the records of its runs."""

import gc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import torch

from warmuplab.base import interrupts
from warmuplab.base.memory import return_freed_memory
from warmuplab.base.together import do_together
from warmuplab.config.mapping import to_mapping
from warmuplab.data.corpora import CORPORA
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.keeper import Keeper
from warmuplab.population.population import Population, pick_device
from warmuplab.record import environment, writing
from warmuplab.record.leases import Leases
from warmuplab.record.progress import Follow, Progress, Report
from warmuplab.record.run import Run
from warmuplab.record.weights import Trained
from warmuplab.training import Outcome, Trainer


def train(
    runs: Sequence[Run],
    corpus: TokenizedCorpus,
    population_name: str,
    report: Report,
    follow: Follow | None = None,
    keeper: Keeper | None = None,
    wanted: Sequence[Run] | None = None,
    lease: Leases | None = None,
) -> None:
    """Train `runs`, which differ in seed and schedule only, and write the results of those `wanted`, or of all.

    A record begins before. Goes on from the checkpoint that `keeper` has, if any, and keeps one on the way: also when
    the program is asked to end, which raises `Interrupted` here. `follow` is handed the new rows of what is wanted at
    every report. The last report, `Progress.writing`, comes when the memory of the training is free again, before
    summaries and records are written. A run whose result cannot be written fails alone. Raises `BusyError`, and writes
    nothing more, where another process took over the `lease` of the runs.
    """
    wanted, keeper = runs if wanted is None else wanted, keeper or Keeper(None, None, {})
    places = [m for m, run in enumerate(runs) if run in wanted]
    found = keeper.found()
    started = str(found.facts["started"]) if found else datetime.now(UTC).isoformat(timespec="seconds")
    before = float(found.facts["seconds"]) if found else 0.0
    last: list[Progress] = []

    def reporting(progress: Progress) -> None:
        last[:] = [progress]
        report(progress)

    def following(first_step: int, series: Mapping[str, np.ndarray]) -> None:
        if follow is not None:
            follow(started, first_step, {name: values[:, places] for name, values in series.items()})

    def between_steps(trainer: Trainer, seconds: float) -> None:
        if lease is not None:
            lease.check()
        if interrupts.are_asked() or keeper.is_due():
            keeper.keep(trainer.state(), {"started": started, "seconds": seconds})
        interrupts.raise_if_asked()

    trainer = Trainer(runs, corpus, following if follow else None)
    if found:
        trainer.restore(found.state)
        found = None  # its memory is needed
    seconds = trainer.run(reporting, between_steps, before)
    facts = {
        "population": {"name": population_name, "members": [run.run_id for run in runs]},
        "corpus": {
            "name": runs[0].config.data.name,
            "licence": CORPORA[runs[0].config.data.name].licence,
            "revision": corpus.revision,
            "fingerprint": corpus.fingerprint,
            "test_fingerprint": corpus.test_fingerprint,
            "unigram_entropy": corpus.unigram_entropy,
            "sentences": len(corpus.train),
            "vocabulary_size": corpus.vocabulary_size,
            "steps_per_epoch": trainer.batches.sampler.steps_per_epoch,
        },
        "weights": trainer.population.model.size,
        "timings": {
            "started": started,
            "seconds": round(seconds, 3),
            "seconds_per_member_step": round(seconds / len(runs) / trainer.steps, 6),
        },
        **environment.commit(),
        "versions": environment.versions(),
        "hardware": environment.hardware(trainer.population.device.type),
    }
    outcomes = [outcome for run, outcome in zip(runs, trainer.outcomes(), strict=True) if run in wanted]
    kept = [_kept(trainer.population, m, runs[m], corpus) for m in places]
    del trainer
    _give_memory_back()
    if lease is not None:
        lease.check_now()
    for progress in last:
        report(progress.at_its_end())
    results = zip([runs[m] for m in places], outcomes, kept, strict=True)
    do_together([partial(_write, run, outcome, facts, trained) for run, outcome, trained in results])
    if all(run.is_complete for run in wanted):
        keeper.forget()


def identity(runs: Sequence[Run]) -> dict[str, Any]:
    """All that the bytes of the result of a population depend on: a checkpoint is used where it is the same."""
    whole = to_mapping(runs[0].config)
    return {
        "runs": [run.run_id for run in runs],
        "probes": whole["probes"],
        "hardware settings": {key: value for key, value in whole["hardware"].items() if key != "checkpoint_seconds"},
        "code": environment.code(),
        "versions": environment.versions(),
        "hardware": environment.hardware(pick_device(runs[0].config.hardware.device).type),
    }


def _give_memory_back() -> None:
    """Leave the room of what was just deleted to the population that trains next, maybe in another process."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return_freed_memory()


def _kept(population: Population, member: int, run: Run, corpus: TokenizedCorpus) -> Trained | None:
    """What is kept of a member; None where that is not wanted, or the weights are those of a run that diverged."""
    if run.config.keep_weights is not True or not population.alive_M[member]:
        return None
    weights = population.weights_of(member)
    return Trained(weights, corpus.tokenizer, run.config.model, corpus.vocabulary_size, corpus.fingerprint)


def _write(run: Run, outcome: Outcome, facts: dict[str, Any], trained: Trained | None) -> None:
    metrics, layers, summary = outcome()
    whole = {"study": run.config.study, "seed": run.config.seed} | summary | facts
    writing.attempt(run, partial(writing.finish, run, metrics, whole, layers, trained))
