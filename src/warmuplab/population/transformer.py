"""The encoder-decoder transformer (Vaswani et al. 2017) of M members at once.

All weights of a member are one row of `weights_MxP`; `Transformer.unpack` gives the named views `(M, ...)` that the
forward pass reads. Nothing mixes members: every operation is batched over the leading axis.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F

from warmuplab.config.schema import ModelConfig
from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING
from warmuplab.population import parts
from warmuplab.population.parameters import Parameter, normalised_stacks, parameters

Weights = dict[str, torch.Tensor]


class Watch(Protocol):
    """Is shown what a forward pass computes on its way, and changes nothing of it."""

    def layer(self, name: str, state: torch.Tensor) -> None:
        """The output `(M, B*length, D)` of the layer `name`, such as `encoder.0`."""

    def attention(self, name: str, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> None:
        """Queries and keys `(M*B, H, length, K)` of the block `name`, such as `decoder.0.cross`; no mask: causal."""


@dataclass(frozen=True)
class Transformer:
    """The network as a function of its weights: shapes, initial values, forward pass."""

    config: ModelConfig
    vocabulary_size: int

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter of a member, in the order of its row: embedding, encoder layers, decoder layers."""
        return tuple(parameters(self.config, self.vocabulary_size))

    @property
    def size(self) -> int:
        """P: number of weights of a member."""
        return sum(parameter.size for parameter in self.parameters)

    def initial_weights(self, seeds: Sequence[int]) -> torch.Tensor:
        """Initial `weights_MxP` in float32 on the CPU: a row is a function of its seed alone."""
        rows = {seed: self._initial_row(seed) for seed in set(seeds)}
        return torch.stack([rows[seed] for seed in seeds])

    def _initial_row(self, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for parameter in self.parameters:
            part = torch.empty(parameter.shape)
            parameter.draw(part, generator)
            parts.append(part.flatten())
        return torch.cat(parts)

    @cached_property
    def layer_columns(self) -> dict[str, slice]:
        """The columns of a layer's weights, which lie side by side: `encoder.0` first."""
        names = [f"{stack}.{layer}" for stack in ("encoder", "decoder") for layer in range(self.config.depth)]
        columns: dict[str, slice] = {}
        position = 0
        for parameter in self.parameters:
            stop = position + parameter.size
            name = ".".join(parameter.name.split(".")[:2])
            if name in names:
                columns[name] = slice(columns[name].start if name in columns else position, stop)
            position = stop
        return columns

    def covered(self, layers: str | list[str]) -> torch.Tensor:
        """The columns of the weights that `schedule.warmup.layers` names, bool `(P,)`; see `parts`."""
        named = parts.named(layers, [parameter.name for parameter in self.parameters], self.config.depth)
        sizes = torch.tensor([parameter.size for parameter in self.parameters])
        return torch.tensor([parameter.name in named for parameter in self.parameters]).repeat_interleave(sizes)

    def unpack(self, weights_MxP: torch.Tensor) -> Weights:
        """Named views `(M, *shape)` of the rows."""
        parts = weights_MxP.split([parameter.size for parameter in self.parameters], dim=1)
        return {p.name: part.unflatten(1, p.shape) for p, part in zip(self.parameters, parts, strict=True)}

    def logits(self, weights_MxP: torch.Tensor, batch: Batch, watch: Watch | None = None) -> torch.Tensor:
        """Unnormalised log-probabilities `(M, B*T, V)` of the next target token at every position."""
        weights = self.unpack(weights_MxP)
        source_mask = _padding_mask(batch.source_MxBxS)
        sentences = batch.source_MxBxS.shape[1]
        attend = _Attention(weights, self.config.heads, sentences, watch)
        memory = self._stack(weights, "encoder", self._embed(weights, batch.source_MxBxS), attend, source_mask)
        state = self._embed(weights, batch.input_MxBxT)
        state = self._stack(weights, "decoder", state, attend, source_mask, memory)
        return torch.bmm(state, weights["embedding"].transpose(1, 2))

    def losses(self, weights_MxP: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy per target token of each member, `(M,)` in nats; padding has weight 0."""
        return _cross_entropy(self.logits(weights_MxP, batch), batch.label_MxBxT)

    def objective(
        self, weights_MxP: torch.Tensor, batch: Batch, label_smoothing: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What training minimises and, beside it, `losses`, both `(M,)`; they differ where labels are smoothed.

        Label smoothing as in Szegedy et al. 2016, section 7: that share of the target is spread over the vocabulary.
        """
        logits = self.logits(weights_MxP, batch)
        loss_M = _cross_entropy(logits, batch.label_MxBxT)
        if label_smoothing == 0:
            return loss_M, loss_M
        return _cross_entropy(logits, batch.label_MxBxT, label_smoothing), loss_M

    def _embed(self, weights: Weights, ids_MxBxT: torch.Tensor) -> torch.Tensor:
        """`(M, B*T, D)`: embedding scaled by the root of the width, plus sinusoidal positions."""
        members, _, length = ids_MxBxT.shape
        table = weights["embedding"].flatten(0, 1)
        offsets_M = torch.arange(members, device=ids_MxBxT.device) * self.vocabulary_size
        embedded = F.embedding(ids_MxBxT + offsets_M[:, None, None], table) * math.sqrt(self.config.width)
        positions = _positions_on(embedded.device, embedded.dtype, length, self.config.width)
        return (embedded + positions).flatten(1, 2)

    def _stack(
        self,
        weights: Weights,
        name: str,
        state: torch.Tensor,
        attend: "_Attention",
        source_mask: torch.Tensor,
        memory: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Run the layers of the encoder (no `memory`) or of the decoder on `state` `(M, B*length, D)`."""
        for layer in range(self.config.depth):
            prefix = f"{name}.{layer}"
            if memory is None:
                state = self._block(weights, f"{prefix}.self", state, lambda x, p: attend(p, x, x, source_mask))
            else:
                state = self._block(weights, f"{prefix}.self", state, lambda x, p: attend(p, x, x, None))
                state = self._block(weights, f"{prefix}.cross", state, lambda x, p: attend(p, x, memory, source_mask))
            state = self._block(weights, f"{prefix}.feed_forward", state, lambda x, p: _feed_forward(weights, p, x))
            if attend.watch is not None:
                attend.watch.layer(prefix, state)
        return _layer_norm(weights, f"{name}.norm", state) if name in normalised_stacks(self.config) else state

    def _block(
        self, weights: Weights, name: str, state: torch.Tensor, inner: Callable[[torch.Tensor, str], torch.Tensor]
    ) -> torch.Tensor:
        """A residual block with its normalisation before (pre) or after (post) the sum."""
        if self.config.norm == "pre":
            return state + inner(_layer_norm(weights, f"{name}.norm", state), name)
        return _layer_norm(weights, f"{name}.norm", state + inner(state, name))


class _Attention:
    """Multi-head attention with members folded into the batch of `scaled_dot_product_attention`."""

    def __init__(self, weights: Weights, heads: int, sentences: int, watch: Watch | None) -> None:
        self._weights, self._heads, self._sentences, self.watch = weights, heads, sentences, watch

    def __call__(
        self, name: str, query_from: torch.Tensor, key_from: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Attend from `query_from` to `key_from`, both `(M, B*length, D)`; no mask means causal."""
        query, key, value = (
            self._split_heads(_linear(self._weights, f"{name}.{role}", state))
            for role, state in (("query", query_from), ("key", key_from), ("value", key_from))
        )
        if self.watch is not None:
            self.watch.attention(name, query, key, mask)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return _linear(self._weights, f"{name}.output", mixed.transpose(1, 2).reshape(query_from.shape))

    def _split_heads(self, state: torch.Tensor) -> torch.Tensor:
        """`(M, B*length, D)` to `(M*B, H, length, K)`."""
        members, _, width = state.shape
        return state.view(members * self._sentences, -1, self._heads, width // self._heads).transpose(1, 2)


def sinusoidal_positions(length: int, width: int) -> torch.Tensor:
    """`(length, width)`: sines, then cosines (Vaswani et al. 2017, section 3.5, with the channels reordered)."""
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@lru_cache
def _positions_on(device: torch.device, dtype: torch.dtype, length: int, width: int) -> torch.Tensor:
    """`sinusoidal_positions`, kept on the device: copying them there at every step would wait for it."""
    return sinusoidal_positions(length, width).to(device, dtype)


def _linear(weights: Weights, name: str, state: torch.Tensor) -> torch.Tensor:
    return torch.baddbmm(weights[f"{name}.bias"], state, weights[f"{name}.weight"])


def _feed_forward(weights: Weights, name: str, state: torch.Tensor) -> torch.Tensor:
    return _linear(weights, f"{name}.lower", F.relu(_linear(weights, f"{name}.upper", state)))


def _layer_norm(weights: Weights, name: str, state: torch.Tensor) -> torch.Tensor:
    normalised = F.layer_norm(state, state.shape[-1:])
    return torch.addcmul(weights[f"{name}.bias"], normalised, weights[f"{name}.gain"])


def _cross_entropy(logits: torch.Tensor, label_MxBxT: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean over each member's tokens of the cross-entropy of `logits` `(M, B*T, V)`."""
    per_token = F.cross_entropy(
        logits.flatten(0, 1),
        label_MxBxT.flatten(),
        ignore_index=PADDING,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return per_token.view(len(logits), -1).sum(1) / (label_MxBxT != PADDING).flatten(1).sum(1)


def _padding_mask(ids_MxBxS: torch.Tensor) -> torch.Tensor:
    """True where a key may be attended to, `(M*B, 1, 1, S)`."""
    return (ids_MxBxS != PADDING).flatten(0, 1)[:, None, None, :]
