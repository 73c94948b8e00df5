"""All probes of a population: which are due, and the forward passes that they share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from warmuplab.config.schema import RunConfig
from warmuplab.data.batches import Batch, TrainingBatches
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.metrics import LayerMetrics, Metrics
from warmuplab.population.population import Population, Step
from warmuplab.probes.curvature import CurvatureProbe
from warmuplab.probes.depth import DepthProbe, InitialDriftProbe
from warmuplab.probes.distribution import DistributionProbe, log_unigram
from warmuplab.probes.memorisation import GeneralisationProbe, MemorisationProbe
from warmuplab.probes.observation import Observation, ProbeBatch
from warmuplab.probes.overfitting import OverfittingProbe
from warmuplab.probes.timetable import make_timetable


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
        self._population, self._metrics, self._layers = population, metrics, LayerMetrics()
        sentences, steps = config.probes.batch_size, config.training.steps
        self._steps = steps
        self._timetable = make_timetable(config.probes, steps, early_steps)
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
        self._before: Observation | None = None
        self._after: tuple[int, Observation] | None = None  # the step that observed last, and what it left behind

    def before_step(self, step: int) -> None:
        """Measure what is due with the weights that `step` starts from."""
        if step in self._timetable.memorisation:
            self._memorisation.before_step(step)
        if self._curvature is not None and step in self._timetable.curvature:
            self._curvature.before_step(step)
        if step not in self._timetable.due:
            return
        if self._after is None or self._after[0] != step - 1:
            self._before = self._probe_batch.observe(with_activations=step in self._timetable.drifts)
        else:
            self._before = self._after[1]  # the weights have not changed since
        self._record("probe/loss", step, self._before.loss_M)
        self._distribution.before_step(step, self._before)
        self._overfitting.before_step(step)
        if step in self._timetable.snapshots:
            self._depth.before_step(step, self._before)
        if step in self._timetable.drifts:
            self._initial_drift.before_step(step, self._before)

    def after_step(self, step: int, batch: Batch, result: Step) -> None:
        """Measure what is due with the weights that `step` left, trained on `batch` with `result`."""
        if step not in self._timetable.due:
            return
        after = self._probe_batch.observe(with_activations=step + 1 in self._timetable.drifts)
        assert self._before is not None
        self._distribution.after_step(step, self._before, after)
        self._overfitting.after_step(step, batch, result.loss_M)
        if step in self._timetable.snapshots:
            self._depth.after_step(step, result.grad_norm_M)
        self._before, self._after = None, (step, after)

    def after_validation(self, step: int) -> None:
        """Measure what goes with a validation after `step`."""
        self._generalisation.after_validation(step)

    def cost(self) -> NDArray[np.float64]:
        """About how many steps without probes each step of the run takes as long as, `[T]`."""
        return self._timetable.cost(self._steps, self._curvature is not None)

    def layer_tables(self) -> Sequence[pd.DataFrame | None]:
        """Per member the metrics of its layers; see `LayerMetrics.tables`."""
        return self._layers.tables(len(self._population.weights_MxP))

    def _record(self, name: str, step: int, value_M: torch.Tensor) -> None:
        self._metrics.record(name, step, self._population.nan_where_diverged(value_M))

    def _record_layer(self, name: str, step: int, layer: str, value_M: torch.Tensor) -> None:
        self._layers.record(name, step, layer, self._population.nan_where_diverged(value_M))
