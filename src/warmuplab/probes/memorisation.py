"""Early-batch memorisation and the generalisation gap: loss on what was trained on against loss on what was not.

* `overfit/early_loss`: loss on sentences trained on in the first `EARLY_SHARE` of the steps;
* `overfit/unseen_loss`: loss on never-trained sentences, each as long as its early partner on both sides;
* `overfit/memorisation`: the first minus the second. What was remembered makes it more negative; a constant offset, by
  which the early sentences are easier or harder, is the same for all schedules of a seed.
* `overfit/generalisation_gap`: loss on the held-out probe batch minus loss on a fixed sample of the training split,
  alike in length, whenever the run is validated. Positive where the training split is fitted better.

All in nats per token. The comparison of examples seen early with examples never seen follows the measure of
memorisation by Feldman and Zhang (2020), with held-out sentences in place of retraining without them.
"""

from collections.abc import Sequence

import numpy as np
import torch

from warmuplab.base.portions import whole_portion_up
from warmuplab.data.batches import (
    DeviceSplit,
    Indices,
    TrainingBatches,
    alike_in_length,
    lengths_of,
    probe_indices,
    shared_batch,
)
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.population import Population
from warmuplab.probes import Record

EARLY_SHARE = 0.05  # of the steps: their sentences are the ones that may be remembered


class MemorisationProbe:
    """Follows the loss on `sentences` of the earliest sentences and on as many unseen ones."""

    def __init__(
        self,
        population: Population,
        batches: TrainingBatches,
        corpus: TokenizedCorpus,
        seeds: Sequence[int],
        steps: int,
        sentences: int,
        record: Record,
    ) -> None:
        self._population, self._record = population, record
        self.first_step = first_step(steps)
        centre_2 = np.median(lengths_of(corpus.validation), axis=0)
        early = {seed: early_sentences(batches, corpus, seed, self.first_step, centre_2) for seed in set(seeds)}
        size = min(sentences, len(corpus.validation))
        # A tiny run has read fewer and counts them more than once: its members must not depend on each other's sets.
        early_MxB = np.stack([np.resize(early[seed], size) for seed in seeds])
        unseen_MxB = np.stack(
            [alike_in_length(corpus.validation, lengths_of(corpus.train)[indices]) for indices in early_MxB]
        )
        self.early = DeviceSplit(corpus.train, population.device).gather(early_MxB)
        self.unseen = DeviceSplit(corpus.validation, population.device).gather(unseen_MxB)

    def before_step(self, step: torch.Tensor) -> None:
        """Measure with the weights that `step` starts from."""
        early_M, unseen_M = self._population.losses(self.early), self._population.losses(self.unseen)
        self._record("overfit/early_loss", step, early_M)
        self._record("overfit/unseen_loss", step, unseen_M)
        self._record("overfit/memorisation", step, early_M - unseen_M)


class GeneralisationProbe:
    """Compares the probe batch with a sample of the training split that is as long, sentence by sentence."""

    def __init__(self, population: Population, corpus: TokenizedCorpus, sentences: int, record: Record) -> None:
        self._population, self._record = population, record
        members = len(population.weights_MxP)
        held_out = probe_indices(corpus.validation, sentences)
        alike = alike_in_length(corpus.train, lengths_of(corpus.validation)[held_out])
        self.held_out = shared_batch(DeviceSplit(corpus.validation, population.device), held_out, members)
        self.trained = shared_batch(DeviceSplit(corpus.train, population.device), alike, members)

    def after_validation(self, step: int) -> None:
        """Measure with the weights that `step` left."""
        held_out_M, trained_M = self._population.losses(self.held_out), self._population.losses(self.trained)
        self._record("overfit/generalisation_gap", step, held_out_M - trained_M)


def first_step(steps: int) -> int:
    """The first step behind the early batches: `EARLY_SHARE` of `steps`, rounded up."""
    return max(1, whole_portion_up(EARLY_SHARE, steps))


def early_sentences(
    batches: TrainingBatches, corpus: TokenizedCorpus, seed: int, stop: int, centre_2: np.ndarray
) -> Indices:
    """Indices of the training sentences that `seed` reads before step `stop`, those nearest `centre_2` in length first.

    Sentences of like length need little padding, and the order of the buckets is the same for all seeds.
    """
    read = np.unique(batches.sampler.sentences(seed, stop))
    distance = np.abs(lengths_of(corpus.train)[read] - centre_2).sum(axis=1)
    indices: Indices = read[np.argsort(distance, kind="stable")]
    return indices
