"""The loop: step, probe, validate. Takes a population from its first step to the results of its members."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from warmuplab.base.portions import whole_portion
from warmuplab.config.schema import RunConfig
from warmuplab.data.batches import EVALUATION_BATCH_SIZE, TrainingBatches, evaluation_batches
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.checkpoint import State, part, whole
from warmuplab.population.metrics import Metrics
from warmuplab.population.population import Population
from warmuplab.population.replay import Replay
from warmuplab.population.transformer import Transformer
from warmuplab.population.update import Elsewhere
from warmuplab.probes.loss import LossProbe
from warmuplab.probes.suite import Probes
from warmuplab.probes.timetable import Due
from warmuplab.record.progress import Progress, Report
from warmuplab.record.run import Run
from warmuplab.record.summary import summarise, with_derived
from warmuplab.schedules import RunSchedule
from warmuplab.series import spikes
from warmuplab.series.catalogue import LR, LR_ELSEWHERE

WATCHED_STEPS = 100  # over which a report looks for a spike under way
SECONDS_BETWEEN_REPORTS = 2.0  # a report waits for the device, so it must be rare
LARGEST_PAUSE = 60.0  # seconds, even after a report that waited for a disk
SECONDS_OF_A_REPORT = 0.04  # where it takes longer, as it does with many members, the next comes later by that factor

Result = tuple[pd.DataFrame, pd.DataFrame | None, dict[str, Any]]
"""Metrics, metrics of the layers (None where not measured) and summary of a member."""
Outcome = Callable[[], Result]
"""A result that is still to be computed."""


class Trainer:
    """A population on its way through its steps.

    At every report `follow` is handed the step after the last one it knows, and the rows of all members since.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        corpus: TokenizedCorpus,
        follow: Callable[[int, dict[str, np.ndarray]], None] | None = None,
    ) -> None:
        config = runs[0].config
        self._follow, self._followed, self._begin = follow, 0, 0
        self.steps, self._training = config.training.steps, config.training
        self.early_steps = early_steps(config.probes.early_fraction, self.steps)
        self._unigram_entropy = corpus.unigram_entropy
        self._rates = [_rates_of(run.config.built_schedule) for run in runs]
        seeds = [run.config.seed for run in runs]
        model = Transformer(config.model, corpus.vocabulary_size)
        self.population = Population(
            model,
            config.optimizer,
            torch.from_numpy(np.stack([rates[LR] for rates in self._rates])),
            seeds,
            config.hardware,
            self._training.label_smoothing,
            self._elsewhere(runs, model),
        )
        device, members = self.population.device, len(runs)
        batch_size, order_seed = self._training.batch_size, _order_seed(config, seeds)
        self.batches = TrainingBatches(corpus.train, batch_size, seeds, device, self.steps, order_seed)
        self._replay = Replay(device, config.hardware.replay)
        self._validation = evaluation_batches(corpus.validation, members, EVALUATION_BATCH_SIZE, device)
        self._test = evaluation_batches(corpus.test, members, EVALUATION_BATCH_SIZE, device) if corpus.test else []
        self.metrics = Metrics(members, self.steps, device, self.population.weights_MxP.dtype)
        self._probes = self._make_probes(config, corpus, seeds)
        cost_T = np.ones(self.steps) if self._probes is None else self._probes.cost()
        self._work_T = cost_T.cumsum() / cost_T.sum()

    def _elsewhere(self, runs: Sequence[Run], model: Transformer) -> Elsewhere | None:
        """The second rates of the population; None where every run has one for all of its weights."""
        if not any(LR_ELSEWHERE in rates for rates in self._rates):
            return None
        lr_MxT = np.stack([rates.get(LR_ELSEWHERE, rates[LR]) for rates in self._rates])
        layers = [run.config.built_schedule.settings["warmup"]["layers"] for run in runs]
        return Elsewhere(torch.from_numpy(lr_MxT), torch.stack([model.covered(each) for each in layers]))

    def _make_probes(self, config: RunConfig, corpus: TokenizedCorpus, seeds: list[int]) -> Probes | LossProbe | None:
        if not config.probes.enabled:
            return None
        if config.probes.loss_only:
            return LossProbe(config.probes, self.population, corpus, self.steps, self.early_steps, self.metrics)
        return Probes(config, self.population, self.batches, corpus, seeds, self.early_steps, self.metrics)

    def state(self) -> State:
        """Where the training stands after a step: enough to go on as if nothing had happened."""
        probes = self._probes.state() if self._probes is not None else {}
        return whole(population=self.population.state(), metrics=self.metrics.state(), probes=probes)

    def restore(self, state: State) -> None:
        """Go on from what `state` gave of a training of the same runs."""
        self.population.restore(part(state, "population"))
        self.metrics.restore(part(state, "metrics"))
        if self._probes is not None:
            self._probes.restore(part(state, "probes"))
        self._begin = int(self.population.clock)

    def run(
        self,
        report: Report,
        between_steps: "Callable[[Trainer, float], None]" = lambda *_: None,
        before: float = 0.0,
    ) -> float:
        """Train to the end, or until every member has diverged; returns the seconds that it took in all.

        `before` of them were spent before what was restored. `between_steps` is called after every step but the last,
        with the seconds so far.
        """
        next_report = -math.inf
        began = time.perf_counter() - before
        for step in range(self._begin, self.steps):
            loss_M = self._train_step(step)
            validated = self._validate_after(step)
            ends = step == self.steps - 1 or (validated and not self.population.alive_M.any())
            if ends and self._test:
                self.metrics.record("test/loss", self.steps - 1, self.population.mean_losses(self._test))
            now = time.perf_counter()
            if step == self.steps - 1 or now > next_report:
                bool(self.population.alive_M.any())  # waits for the device: its steps are no part of a report
                reports_from = time.perf_counter()
                report(self._progress(step, loss_M, now - began))
                self._hand_over_rows(step + 1)
                next_report = _next_report(reports_from, time.perf_counter())
            if ends:
                break
            between_steps(self, now - began)
        return time.perf_counter() - began

    def results(self) -> list[Result]:
        """The result of every member."""
        return [outcome() for outcome in self.outcomes()]

    def outcomes(self) -> list[Outcome]:
        """`results`, each still to be computed, and from copies: they need neither the device nor this trainer."""
        bucket_T = [self.batches.sampler.bucket_at(step) for step in range(self.steps)]
        tables = self.metrics.tables(self._rates)
        layers = self._probes.layer_tables() if self._probes is not None else [None] * len(tables)
        diverged_at = [step if step >= 0 else None for step in self.population.diverged_at_M.tolist()]
        per_epoch = self.batches.sampler.steps_per_epoch
        return [
            partial(_result, metrics, bucket_T, self.early_steps, step, self._unigram_entropy, of_layers, per_epoch)
            for metrics, of_layers, step in zip(tables, layers, diverged_at, strict=True)
        ]

    def _train_step(self, step: int) -> torch.Tensor:
        bucket = self.batches.sampler.bucket_at(step)
        due = Due()
        if self._probes is not None:
            self._probes.beside_step(step)
            due = self._probes.due(step)
        return self._replay.run((bucket, due), partial(self._step_on, bucket, due))

    def _step_on(self, bucket: int, due: Due) -> torch.Tensor:
        """The step at the population's clock, whose sentences lie in `bucket`, and what is `due` around it.

        All else of it is on the device. Gives the loss of every member, `(M,)`.
        """
        step = self.population.clock.clone()
        if self._probes is not None:
            self._probes.before_step(due, step, bucket)
        batch = self.batches.gather(step, bucket)
        result = self.population.step(batch)
        self.metrics.record("train/loss", step, result.loss_M)
        self.metrics.record("grad/norm", step, result.grad_norm_M)
        self.metrics.record("update/relative", step, result.update_relative_M)
        if self._probes is not None:
            self._probes.after_step(due, step, bucket, batch, result)
        return result.loss_M

    def _validate_after(self, step: int) -> bool:
        """Measure `val/loss` with the weights that `step` left, where it is due."""
        if (step + 1) % self._training.validate_every and step + 1 < self.steps:
            return False
        loss_M = self.population.mean_losses(self._validation)
        if step + 1 == self.steps:
            self.population.finish(loss_M)
        self.metrics.record("val/loss", step, self.population.nan_where_diverged(loss_M))
        if self._probes is not None:
            self._probes.after_validation(step)
        return True

    def _hand_over_rows(self, stop: int) -> None:
        if self._follow is None:
            return
        new, none_T = slice(self._followed, stop), np.full(self.steps, np.nan)
        names = dict.fromkeys(name for rates in self._rates for name in rates)
        lr = {name: np.stack([rates.get(name, none_T)[new] for rates in self._rates], axis=1) for name in names}
        self._follow(self._followed, lr | self.metrics.rows(self._followed, stop))
        self._followed = stop

    def _progress(self, step: int, loss_M: torch.Tensor, seconds: float) -> Progress:
        alive = int(self.population.alive_M.sum())
        loss = float(self.population.nan_where_diverged(loss_M).nanmean()) if alive else None
        diverged, spiking, work = len(loss_M) - alive, self._spiking(step), float(self._work_T[step])
        return Progress(step + 1, self.steps, loss, diverged, len(loss_M), spiking, seconds, work)

    def _spiking(self, step: int) -> int:
        """Members in whose training loss a spike is under way after `step`."""
        recent_TxM = self.metrics.rows(max(0, step + 1 - WATCHED_STEPS), step + 1)["train/loss"]
        last = [found[-1] for found in map(spikes.find_spikes, recent_TxM.T) if found]
        return sum(not spike.recovered and spike.end == len(recent_TxM) for spike in last)


def _next_report(began: float, ended: float) -> float:
    """When the next report is due: so that reports take 2 % of the time, but for one that takes very long."""
    wanted = SECONDS_BETWEEN_REPORTS * max(1.0, (ended - began) / SECONDS_OF_A_REPORT)
    return ended + max(SECONDS_BETWEEN_REPORTS, min(wanted, LARGEST_PAUSE))


def _result(
    metrics: pd.DataFrame,
    bucket_T: list[int],
    early_steps: int,
    diverged_at: int | None,
    unigram_entropy: float,
    layers: pd.DataFrame | None,
    steps_per_epoch: int,
) -> Result:
    whole = with_derived(metrics).assign(**{"data/bucket": bucket_T})
    return whole, layers, summarise(whole, early_steps, diverged_at, unigram_entropy, layers, steps_per_epoch)


def _order_seed(config: RunConfig, seeds: Sequence[int]) -> int | None:
    """The seed that the order of buckets is drawn from; None where it is common to all seeds."""
    if config.data.order == "common":
        return None
    (seed,) = set(seeds)  # `population_key` puts no others together
    return seed


def _rates_of(schedule: RunSchedule) -> dict[str, np.ndarray]:
    """The series of learning rates in a run's record: a second one where some weights do not follow the warmup."""
    elsewhere = schedule.learning_rates_elsewhere()
    return {LR: schedule.learning_rates()} | ({} if elsewhere is None else {LR_ELSEWHERE: elsewhere})


def early_steps(early_fraction: float, steps: int) -> int:
    """Steps of the early window: the fraction of the run, rounded half up."""
    return whole_portion(early_fraction, steps)
