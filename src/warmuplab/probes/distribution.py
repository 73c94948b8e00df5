"""Distribution stability: how far a step moves what the model predicts, and where between uniform and sharp it stands.

With p(.|i) the distribution that the model predicts at token i of the probe batch, all averaged over these tokens, in
nats (Kullback and Leibler 1951; Shannon 1948):

* `stability/kl`: KL(p before the step || p after it), the one-step change that trust-region methods bound (Schulman et
  al. 2015, section 3);
* `stability/entropy`: the entropy of p;
* `stability/distance_uniform`: KL(p || uniform) = log V - entropy, 0 for a model that knows nothing;
* `stability/distance_unigram`: KL(p || u) with u the frequencies of the training targets' tokens, each count plus one
  (Laplace): 0 for a model that knows word frequencies and nothing else;
* `stability/log_z`: the logarithm of the softmax's denominator, over all tokens of the batch. It grows without bound
  where logits diverge (Chowdhery et al. 2022, section 5; Wortsman et al. 2023, section 3.1.2);
* `stability/attention_logit`: the largest attention logit (query . key / sqrt(K)) of any layer, padding and masked
  positions aside; runs become unstable where it grows large (Wortsman et al. 2023, section 3.1.1).
"""

import math

import numpy as np
import torch

from warmuplab.data.tokens import PADDING, TokenizedCorpus
from warmuplab.probes import Record
from warmuplab.probes.observation import Observation


class DistributionProbe:
    """Records the metrics of this module from two observations of a step."""

    def __init__(self, log_unigram_V: torch.Tensor, record: Record) -> None:
        self._log_unigram_V, self._record = log_unigram_V, record

    def before_step(self, step: torch.Tensor, seen: Observation) -> None:
        """Record where the distribution stands that `step` starts from."""
        p_MxNxV = seen.log_p_MxNxV.exp()
        entropy_M = -(p_MxNxV * seen.log_p_MxNxV).sum(-1).mean(1)
        unigram_M = (p_MxNxV @ self._log_unigram_V).mean(1)
        self._record("stability/entropy", step, entropy_M)
        self._record("stability/distance_uniform", step, math.log(len(self._log_unigram_V)) - entropy_M)
        self._record("stability/distance_unigram", step, -entropy_M - unigram_M)
        self._record("stability/log_z", step, seen.log_z_M)
        self._record("stability/attention_logit", step, torch.stack(list(seen.attention_logits.values())).amax(0))

    def after_step(self, step: torch.Tensor, before: Observation, after: Observation) -> None:
        """Record how far `step` moved the distribution."""
        self._record("stability/kl", step, kl_divergence(before.log_p_MxNxV, after.log_p_MxNxV))


def kl_divergence(log_p_MxNxV: torch.Tensor, log_q_MxNxV: torch.Tensor) -> torch.Tensor:
    """KL(p || q) averaged over tokens, `(M,)` in nats; rounding can take a vanishing one just below 0."""
    return (log_p_MxNxV.exp() * (log_p_MxNxV - log_q_MxNxV)).sum(-1).mean(1)


def log_unigram(corpus: TokenizedCorpus) -> np.ndarray:
    """Logarithm `[V]` of the share of each token in the training targets, every count plus one."""
    tokens = corpus.train.target_NxT[:, 1:]
    counts = np.bincount(tokens[tokens != PADDING], minlength=corpus.vocabulary_size) + 1.0
    log_share_V: np.ndarray = np.log(counts / counts.sum())
    return log_share_V
