"""Early overfitting: does a step help the batch it was taken on more than text that was never trained on?"""

import torch

from warmuplab.batches import Batch
from warmuplab.metrics import Metrics
from warmuplab.population import Population


class OverfittingProbe:
    """Compares the loss before and after a step, on the batch just trained on and on one fixed held-out batch.

    With L the loss per token in nats, w the weights before the step and w' those after it:

    * `probe/loss`: L(w) on the held-out batch,
    * `overfit/self_drop`: L(w) - L(w') on the batch trained on,
    * `overfit/held_drop`: L(w) - L(w') on the held-out batch,
    * `overfit/gap`: the first drop minus the second, what the step learned about its batch alone.
    """

    def __init__(self, population: Population, held_out: Batch, metrics: Metrics) -> None:
        self._population, self._held_out, self._metrics = population, held_out, metrics
        self._after: tuple[int, torch.Tensor] | None = None  # the step that measured last, and what it left behind

    def before_step(self, step: int) -> None:
        """Measure with the weights that `step` starts from."""
        if self._after is None or self._after[0] != step - 1:
            self._held_before_M = self._population.losses(self._held_out)
        else:
            self._held_before_M = self._after[1]  # the weights have not changed since
        self._metrics.record("probe/loss", step, self._held_before_M)

    def after_step(self, step: int, batch: Batch, loss_M: torch.Tensor) -> None:
        """Measure with the weights that `step` left; `loss_M` is its loss on `batch` before the update."""
        held_after_M = self._population.losses(self._held_out)
        self_drop_M = loss_M - self._population.losses(batch)
        held_drop_M = self._held_before_M - held_after_M
        self._after = (step, held_after_M)
        self._metrics.record("overfit/self_drop", step, self_drop_M)
        self._metrics.record("overfit/held_drop", step, held_drop_M)
        self._metrics.record("overfit/gap", step, self_drop_M - held_drop_M)
