"""The loss on the probe batch alone: what a learning-rate range test reads, at a fifth of the cost of all probes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from warmuplab.config.schema import ProbesConfig
from warmuplab.data.batches import Batch, DeviceSplit, probe_indices, shared_batch
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.checkpoint import State
from warmuplab.population.metrics import Metrics
from warmuplab.population.population import Population, Step
from warmuplab.probes.timetable import Due, make_timetable

COST = 0.3  # of a step without probes


class LossProbe:
    """Measures `probe/loss` before every step that is due; used as `warmuplab.probes.suite.Probes` is."""

    def __init__(
        self,
        probes: ProbesConfig,
        population: Population,
        corpus: TokenizedCorpus,
        steps: int,
        early_steps: int,
        metrics: Metrics,
    ) -> None:
        self._population, self._metrics, self._steps = population, metrics, steps
        self._timetable = make_timetable(probes, steps, early_steps)
        held_out = probe_indices(corpus.validation, probes.batch_size)
        self._batch = shared_batch(
            DeviceSplit(corpus.validation, population.device), held_out, len(population.weights_MxP)
        )

    def due(self, step: int) -> Due:
        """What is measured around `step`."""
        return Due(around=step in self._timetable.due)

    def beside_step(self, step: int) -> None:
        """Nothing is measured beside a step."""

    def before_step(self, due: Due, step: torch.Tensor, bucket: int) -> None:
        """Measure with the weights that `step`, 0-d, starts from."""
        if due.around:
            self._metrics.record("probe/loss", step, self._population.losses(self._batch))

    def after_step(self, due: Due, step: torch.Tensor, bucket: int, batch: Batch, result: Step) -> None:
        """Nothing is measured after a step."""

    def after_validation(self, step: int) -> None:
        """Nothing goes with a validation."""

    def state(self) -> State:
        """It carries nothing."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing is carried."""

    def cost(self) -> NDArray[np.float64]:
        """About how many steps without probes each step of the run takes as long as, `[T]`."""
        cost_T = np.ones(self._steps)
        cost_T[list(self._timetable.due)] += COST
        return cost_T

    def layer_tables(self) -> Sequence[pd.DataFrame | None]:
        """No member has metrics of its layers."""
        return [None] * len(self._population.weights_MxP)
