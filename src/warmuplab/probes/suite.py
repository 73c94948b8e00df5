"""All probes of a population: which are due, and the forward passes that they share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from warmuplab.config.schema import RunConfig
from warmuplab.data.batches import Batch, TrainingBatches
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.checkpoint import State, part, whole
from warmuplab.population.metrics import LayerMetrics, Metrics
from warmuplab.population.population import Population, Step
from warmuplab.probes.curvature import CurvatureProbe
from warmuplab.probes.depth import DepthProbe, InitialDriftProbe
from warmuplab.probes.distribution import DistributionProbe, log_unigram
from warmuplab.probes.memorisation import GeneralisationProbe, MemorisationProbe
from warmuplab.probes.observation import Observation, ProbeBatch
from warmuplab.probes.overfitting import OverfittingProbe
from warmuplab.probes.timetable import Due, make_timetable


class Probes:
    """What `probes` of a run's configuration asks for, measured around the steps of `population`."""

    def __init__(
        self,
        config: RunConfig,
        population: Population,
        batches: TrainingBatches,
        corpus: TokenizedCorpus,
        seeds: Sequence[int],
        early_steps: int,
        metrics: Metrics,
    ) -> None:
        sentences, steps = config.probes.batch_size, config.training.steps
        self._population, self._metrics, self._steps = population, metrics, steps
        self._timetable = timetable = make_timetable(config.probes, steps, early_steps)
        self._layers = LayerMetrics(
            sorted(timetable.snapshots | timetable.drifts), steps, population.model.layer_columns, population.alive_M
        )
        self._generalisation = GeneralisationProbe(population, corpus, sentences, self._record)
        self._probe_batch = ProbeBatch(population, self._generalisation.held_out)
        log_unigram_V = torch.from_numpy(log_unigram(corpus)).to(population.weights_MxP)
        self._distribution = DistributionProbe(log_unigram_V, self._record)
        self._overfitting = OverfittingProbe(population, batches, corpus, self._record)
        self._memorisation = MemorisationProbe(population, batches, corpus, seeds, steps, sentences, self._record)
        self._depth = DepthProbe(population, self._record_layer)
        self._initial_drift = InitialDriftProbe(self._record_layer)
        self._curvature = (
            CurvatureProbe(population, self._generalisation.held_out, config.optimizer, self._record)
            if config.probes.curvature
            else None
        )
        self._seen: Observation | None = None
        """Of the weights that the step under way started from; from its end on of those that the next one does."""

    def due(self, step: int) -> Due:
        """What is measured around `step`."""
        return self._timetable.at(step)

    def beside_step(self, step: int) -> None:
        """Measure curvature where it is due, with the weights that `step` starts from: no part of its graph."""
        if self._curvature is not None and step in self._timetable.curvature:
            self._curvature.before_step(step)

    def before_step(self, due: Due, step: torch.Tensor, bucket: int) -> None:
        """Measure what is `due` with the weights that `step`, 0-d, starts from; its batch lies in `bucket`."""
        if due.memorisation:
            self._memorisation.before_step(step)
        if not due.around:
            return
        seen = self._observed_before(due)
        self._record("probe/loss", step, seen.loss_M)
        self._distribution.before_step(step, seen)
        self._overfitting.before_step(bucket)
        if due.snapshot:
            self._depth.before_step(step, seen)
        if due.drift:
            self._initial_drift.before_step(step, seen)

    def after_step(self, due: Due, step: torch.Tensor, bucket: int, batch: Batch, result: Step) -> None:
        """Measure what is `due` with the weights that `step` left, trained on `batch` of `bucket` with `result`."""
        if not due.around:
            return
        after = self._probe_batch.observe(with_activations=due.drift_next)
        assert self._seen is not None
        self._distribution.after_step(step, self._seen, after)
        self._overfitting.after_step(step, bucket, batch, result.loss_M)
        if due.snapshot:
            self._depth.after_step(step, result.grad_norm_M)
        if due.carries:
            self._seen.copy_(after)

    def _observed_before(self, due: Due) -> Observation:
        """The probe batch with the weights that the step starts from, which the step before may have observed."""
        if not due.carried:
            seen = self._probe_batch.observe(with_activations=due.drift)
            if self._seen is None:  # the first step of all, which is never recorded: this stays where it is
                self._seen = seen
            else:
                self._seen.copy_(seen)
        assert self._seen is not None
        return self._seen

    def after_validation(self, step: int) -> None:
        """Measure what goes with a validation after `step`."""
        self._generalisation.after_validation(step)

    def state(self) -> State:
        """What the probes carry from step to step, and what they have measured of layers."""
        return whole(
            seen=self._seen.state() if self._seen is not None else {},
            depth=self._depth.state(),
            initial=self._initial_drift.state(),
            curvature=self._curvature.state() if self._curvature is not None else {},
            layers=self._layers.state(),
        )

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        device = self._population.device
        on_device = {name: tensor.to(device) for name, tensor in state.items()}
        seen = part(on_device, "seen")
        self._seen = Observation.of(seen) if seen else None
        self._depth.restore(part(on_device, "depth"))
        self._initial_drift.restore(part(on_device, "initial"))
        if self._curvature is not None:
            self._curvature.restore(part(on_device, "curvature"))
        self._layers.restore(part(on_device, "layers"))

    def cost(self) -> NDArray[np.float64]:
        """About how many steps without probes each step of the run takes as long as, `[T]`."""
        return self._timetable.cost(self._steps, self._curvature is not None)

    def layer_tables(self) -> Sequence[pd.DataFrame | None]:
        """Per member the metrics of its layers; see `LayerMetrics.tables`."""
        return self._layers.tables()

    def _record(self, name: str, step: int | torch.Tensor, value_M: torch.Tensor) -> None:
        self._metrics.record(name, step, self._population.nan_where_diverged(value_M))

    def _record_layer(self, name: str, step: torch.Tensor, layer: str, value_M: torch.Tensor) -> None:
        self._layers.record(name, step, layer, self._population.nan_where_diverged(value_M))
