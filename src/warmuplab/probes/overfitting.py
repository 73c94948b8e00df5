"""Early overfitting: does a step help the batch it was taken on more than text that was never trained on?

With L the loss per token in nats, w the weights before a step and w' those after it:

* `overfit/self_drop`: L(w) - L(w') on the batch trained on,
* `overfit/held_drop`: L(w) - L(w') on held-out sentences of the same length bucket,
* `overfit/gap`: the first drop minus the second, what the step learned about its batch alone. A difference and no
  ratio: the drops come near 0 and change sign.

The held-out sentences of a bucket are fixed, `HELD_OUT_SENTENCES` of the validation split, and the same for all seeds.
The gap is the one-step form of the generalisation gap; it relates to the alignment of gradients between batches
("stiffness", Fort et al. 2019, section 2: first order, L(w) - L(w') = -update . gradient).
"""

import torch

from warmuplab.data.batches import Batch, DeviceSplit, TrainingBatches, held_out_like, shared_batch
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.population import Population
from warmuplab.probes import Record

HELD_OUT_SENTENCES = 16  # per bucket: a quarter of a batch, since they are read twice a step


class OverfittingProbe:
    """Records the metrics of this module around a step."""

    def __init__(
        self, population: Population, batches: TrainingBatches, corpus: TokenizedCorpus, record: Record
    ) -> None:
        self._population, self._record = population, record
        validation = DeviceSplit(corpus.validation, population.device)
        members = len(population.weights_MxP)
        self.held_out: list[Batch] = [
            shared_batch(
                validation, held_out_like(bucket, corpus.train, corpus.validation, HELD_OUT_SENTENCES), members
            )
            for bucket in batches.sampler.buckets
        ]
        """A batch per bucket."""

    def before_step(self, bucket: int) -> None:
        """Measure with the weights that a step on the length `bucket` starts from."""
        self._held_before_M = self._population.losses(self.held_out[bucket])

    def after_step(self, step: torch.Tensor, bucket: int, batch: Batch, loss_M: torch.Tensor) -> None:
        """Measure with the weights that `step` left; `loss_M` is its loss on `batch` before the update."""
        self_drop_M = loss_M - self._population.losses(batch)
        held_drop_M = self._held_before_M - self._population.losses(self.held_out[bucket])
        self._record("overfit/self_drop", step, self_drop_M)
        self._record("overfit/held_drop", step, held_drop_M)
        self._record("overfit/gap", step, self_drop_M - held_drop_M)
