"""What every member predicts on the held-out probe batch: one forward pass that all probes share."""

import math
from dataclasses import dataclass, field

import torch

from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING
from warmuplab.population.checkpoint import State, part, whole
from warmuplab.population.population import Population

DISTRIBUTION_TOKENS = 256  # of the probe batch, evenly spaced, whose whole distribution is kept: V values each


@dataclass(frozen=True)
class Observation:
    """What the members predict on the probe batch at one point of training, N of its tokens and no padding."""

    loss_M: torch.Tensor
    """Mean cross-entropy per target token, in nats."""
    log_z_M: torch.Tensor
    """Mean over the target tokens of the logarithm of the softmax's denominator."""
    log_p_MxNxV: torch.Tensor
    """Logarithm of the predictive distribution at up to `DISTRIBUTION_TOKENS` tokens."""
    attention_logits: dict[str, torch.Tensor]
    """Per layer, such as `encoder.0`, the largest attention logit `(M,)` of its attention blocks, padding aside."""
    activations: dict[str, torch.Tensor]
    """Per layer its output `(M, N, D)` at the real tokens of its stack; empty unless asked for."""

    def copy_(self, other: "Observation") -> None:
        """Become `other`, in place; what is kept of activations goes stale where `other` has none."""
        mine = self.state()
        for name, values in other.state().items():
            mine[name].copy_(values)

    def state(self) -> State:
        """Its tensors."""
        means = {"loss": self.loss_M, "log_z": self.log_z_M, "log_p": self.log_p_MxNxV}
        return whole(means=means, attention_logits=self.attention_logits, activations=self.activations)

    @staticmethod
    def of(state: State) -> "Observation":
        """The observation with these tensors."""
        means = part(state, "means")
        logits, activations = part(state, "attention_logits"), part(state, "activations")
        return Observation(means["loss"], means["log_z"], means["log_p"], logits, activations)


class ProbeBatch:
    """The fixed held-out batch, the same sentences for all members of `population`."""

    def __init__(self, population: Population, batch: Batch) -> None:
        self._population, self.batch = population, batch
        label_N = batch.label_MxBxT[0].flatten()
        self._target_n = (label_N != PADDING).nonzero().flatten()
        self._source_n = (batch.source_MxBxS[0].flatten() != PADDING).nonzero().flatten()
        self._label_n = label_N[self._target_n]
        kept = min(DISTRIBUTION_TOKENS, len(self._target_n))
        self._kept_n = torch.linspace(0, len(self._target_n) - 1, kept).round().long().to(label_N.device)

    def observe(self, with_activations: bool) -> Observation:
        """One forward pass with the present weights."""
        watch = _Watch(self.batch, self._source_n, self._target_n, with_activations)
        logits_MxnxV = self._population.logits(self.batch, watch)[:, self._target_n]
        log_z_Mxn = logits_MxnxV.logsumexp(-1)
        label_Mxnx1 = self._label_n.expand(len(logits_MxnxV), -1)[..., None]
        return Observation(
            loss_M=(log_z_Mxn - logits_MxnxV.gather(-1, label_Mxnx1)[..., 0]).mean(1),
            log_z_M=log_z_Mxn.mean(1),
            log_p_MxNxV=logits_MxnxV[:, self._kept_n] - log_z_Mxn[:, self._kept_n, None],
            attention_logits=watch.attention_logits,
            activations=watch.activations,
        )


@dataclass
class _Watch:
    """Keeps what an observation needs of a forward pass; see `warmuplab.model.Watch`."""

    batch: Batch
    source_n: torch.Tensor
    target_n: torch.Tensor
    with_activations: bool
    attention_logits: dict[str, torch.Tensor] = field(default_factory=dict)
    activations: dict[str, torch.Tensor] = field(default_factory=dict)

    def layer(self, name: str, state: torch.Tensor) -> None:
        if self.with_activations:
            real_n = self.source_n if name.startswith("encoder") else self.target_n
            self.activations[name] = _at_least_float32(state[:, real_n])

    def attention(self, name: str, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> None:
        stack, layer, _ = name.split(".")
        ids_MxBxL = self.batch.source_MxBxS if stack == "encoder" else self.batch.label_MxBxT
        padding = (ids_MxBxL == PADDING).flatten(0, 1)[:, None, :, None]
        if mask is None:
            length = query.shape[-2]
            mask = torch.full((length, length), -torch.inf, dtype=query.dtype, device=query.device).triu(1)
        logits = (query @ key.transpose(-1, -2)).add_(mask).masked_fill_(padding, -torch.inf)
        largest_M = _at_least_float32(logits.view(len(ids_MxBxL), -1).amax(1)) / math.sqrt(query.shape[-1])
        name = f"{stack}.{layer}"
        self.attention_logits[name] = torch.maximum(self.attention_logits.get(name, largest_M), largest_M)


def _at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """What a bfloat16 forward pass computed in a precision that NumPy knows; float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
