"""The encoder-decoder transformer (Vaswani et al. 2017) of M members at once.

All weights of a member are one row of `weights_MxP`; `Transformer.unpack` gives the named views `(M, ...)` that the
forward pass reads. Nothing mixes members: every operation is batched over the leading axis.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from warmuplab.config.schema import ModelConfig
from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING
from warmuplab.population import parts
from warmuplab.population.cross_entropy import cross_entropy, whole_cross_entropy
from warmuplab.population.parameters import Parameter, normalised_stacks, parameters

LONGEST_UNFUSED, FEWEST_UNFUSED = 32, 2**13
"""A GPU's fused attention works on tiles of 64 x 64, which short sentences leave almost empty. Plain products took 0.7
to 0.9 of its time with 16 and 24 keys, 1.4 to 1.8 with 64 (an H200): they are used up to so many keys, and from so many
heads of all sentences on, below which the time is that of launching their many kernels."""

Weights = dict[str, torch.Tensor]


class Watch(Protocol):
    """Is shown what a forward pass computes on its way, and changes nothing of it."""

    def layer(self, name: str, state: torch.Tensor) -> None:
        """The output `(M, B*length, D)` of the layer `name`, such as `encoder.0`."""

    def attention(self, name: str, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> None:
        """Queries and keys `(M*B, H, length, K)` of the block `name`, such as `decoder.0.cross`.

        `mask` is added to their products: 0 where a key may be attended to, else minus infinity; none: causal.
        """


@dataclass(frozen=True)
class Transformer:
    """The network as a function of its weights: shapes, initial values, forward pass."""

    config: ModelConfig
    vocabulary_size: int
    products: torch.dtype | None = None
    """Precision of the matrix products, such as bfloat16; None: that of the weights. The rest keeps theirs."""
    parameters: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)
    """Every parameter of a member, in the order of its row: embedding, encoder layers, decoder layers."""

    def __post_init__(self) -> None:
        # At once: a compiler that reads it for the first time inside the forward pass cannot follow.
        object.__setattr__(self, "parameters", tuple(parameters(self.config, self.vocabulary_size)))

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

    def states(self, weights_MxP: torch.Tensor, batch: Batch, watch: Watch | None = None) -> "States":
        """What the decoder ends in for every position of the batch, before the product with the embedding."""
        stacks = self._stacks(weights_MxP, batch.source_MxBxS, watch)
        embedding = stacks.weights["embedding"]
        memory = stacks.encoder(self._embed(embedding, batch.source_MxBxS))
        return States(stacks.decoder(self._embed(embedding, batch.input_MxBxT), memory), stacks.factors["embedding"])

    def memory(self, weights_MxP: torch.Tensor, source_MxBxS: torch.Tensor) -> torch.Tensor:
        """What the encoder ends in, `(M, B, S, D)`: what decoding step by step needs to compute only once."""
        stacks = self._stacks(weights_MxP, source_MxBxS)
        members, sentences, length = source_MxBxS.shape
        encoded = stacks.encoder(self._embed(stacks.weights["embedding"], source_MxBxS))
        return encoded.view(members, sentences, length, self.config.width)

    def next_logits(
        self,
        weights_MxP: torch.Tensor,
        source_MxBxS: torch.Tensor,
        memory_MxBxSxD: torch.Tensor,
        input_MxBxT: torch.Tensor,
    ) -> torch.Tensor:
        """`logits` after the last position of the decoder's input alone, `(M, B, V)`, with the sources' `memory`."""
        stacks = self._stacks(weights_MxP, source_MxBxS)
        decoded = stacks.decoder(self._embed(stacks.weights["embedding"], input_MxBxT), memory_MxBxSxD.flatten(1, 2))
        last_MxBxD = decoded.unflatten(1, input_MxBxT.shape[1:])[:, :, -1]
        return States(last_MxBxD, stacks.factors["embedding"]).logits()

    def _stacks(self, weights_MxP: torch.Tensor, source_MxBxS: torch.Tensor, watch: Watch | None = None) -> "_Stacks":
        weights = self.unpack(weights_MxP)
        # One cast of all weights, whose views the products read; norms and the look-up keep their precision.
        factors = weights if self.products is None else self.unpack(weights_MxP.to(self.products))
        attend = _Attention(factors, self.config.heads, source_MxBxS.shape[1], watch)
        mask = _padding_mask(source_MxBxS, weights["embedding"].dtype)
        return _Stacks(self.config, weights, factors, attend, mask)

    def logits(self, weights_MxP: torch.Tensor, batch: Batch, watch: Watch | None = None) -> torch.Tensor:
        """Unnormalised log-probabilities `(M, B*T, V)` of the next target token at every position."""
        return self.states(weights_MxP, batch, watch).logits()

    def losses(self, weights_MxP: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy per target token of each member, `(M,)` in nats; padding has weight 0.

        Can be differentiated once.
        """
        states = self.states(weights_MxP, batch)
        return cross_entropy(states.state_MxNxD, states.embedding_MxVxD, batch.label_MxBxT.flatten(1))[0]

    def smooth_losses(self, weights_MxP: torch.Tensor, batch: Batch) -> torch.Tensor:
        """`losses` in a form that can be differentiated more than once; holds all logits."""
        return whole_cross_entropy(self.logits(weights_MxP, batch), batch.label_MxBxT.flatten(1))

    def objective(
        self, weights_MxP: torch.Tensor, batch: Batch, label_smoothing: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What training minimises and, beside it, `losses`, both `(M,)`; they differ where labels are smoothed."""
        states = self.states(weights_MxP, batch)
        label_MxN = batch.label_MxBxT.flatten(1)
        return cross_entropy(states.state_MxNxD, states.embedding_MxVxD, label_MxN, label_smoothing)

    def _embed(self, embedding_MxVxD: torch.Tensor, ids_MxBxT: torch.Tensor) -> torch.Tensor:
        """`(M, B*T, D)`: embedding scaled by the root of the width, plus sinusoidal positions."""
        members, _, length = ids_MxBxT.shape
        offsets_M = torch.arange(members, device=ids_MxBxT.device) * self.vocabulary_size
        embedded = F.embedding(ids_MxBxT + offsets_M[:, None, None], embedding_MxVxD.flatten(0, 1))
        positions = sinusoidal_positions(length, self.config.width, embedded.device).to(embedded.dtype)
        return (embedded * math.sqrt(self.config.width) + positions).flatten(1, 2)


class States(NamedTuple):
    """What the logits are made of, both in the precision in which they are multiplied."""

    state_MxNxD: torch.Tensor
    embedding_MxVxD: torch.Tensor

    def logits(self) -> torch.Tensor:
        """`(M, N, V)`, in the precision of the state."""
        state_MxNxD, embedding_MxVxD = self
        product = torch.bmm(state_MxNxD.to(embedding_MxVxD.dtype), embedding_MxVxD.transpose(1, 2))
        return product.to(state_MxNxD.dtype)


@dataclass(frozen=True)
class _Stacks:
    """The layers of a forward pass: `weights` for norms, `factors` for matrix products."""

    config: ModelConfig
    weights: Weights
    factors: Weights
    attend: "_Attention"
    source_mask: torch.Tensor

    def encoder(self, state: torch.Tensor) -> torch.Tensor:
        """Run the encoder on embedded sources `(M, B*S, D)`."""
        for layer in range(self.config.depth):
            name = f"encoder.{layer}"
            state = self._block(f"{name}.self", state, lambda x, p: self.attend(p, x, x, self.source_mask))
            state = self._feed_forward(name, state)
        return self._end("encoder", state)

    def decoder(self, state: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Run the decoder on embedded targets `(M, B*T, D)` and what the encoder ended in."""
        for layer in range(self.config.depth):
            name = f"decoder.{layer}"
            state = self._block(f"{name}.self", state, lambda x, p: self.attend(p, x, x, None))
            state = self._block(f"{name}.cross", state, lambda x, p: self.attend(p, x, memory, self.source_mask))
            state = self._feed_forward(name, state)
        return self._end("decoder", state)

    def _feed_forward(self, layer: str, state: torch.Tensor) -> torch.Tensor:
        """The last block of a layer."""

        def inner(x: torch.Tensor, name: str) -> torch.Tensor:
            # In place: nothing else reads what the activation is taken of.
            return _linear(self.factors, f"{name}.lower", F.relu_(_linear(self.factors, f"{name}.upper", x)))

        state = self._block(f"{layer}.feed_forward", state, inner)
        if self.attend.watch is not None:
            self.attend.watch.layer(layer, state)
        return state

    def _block(
        self, name: str, state: torch.Tensor, inner: Callable[[torch.Tensor, str], torch.Tensor]
    ) -> torch.Tensor:
        """A residual block with its normalisation before (pre) or after (post) the sum."""
        if self.config.norm == "pre":
            return state + inner(_layer_norm(self.weights, f"{name}.norm", state), name)
        return _layer_norm(self.weights, f"{name}.norm", state + inner(state, name))

    def _end(self, stack: str, state: torch.Tensor) -> torch.Tensor:
        return _layer_norm(self.weights, f"{stack}.norm", state) if stack in normalised_stacks(self.config) else state


class _Attention:
    """Multi-head attention with members folded into the batch of `scaled_dot_product_attention`."""

    def __init__(self, weights: Weights, heads: int, sentences: int, watch: Watch | None) -> None:
        self._weights, self._heads, self._sentences, self.watch = weights, heads, sentences, watch

    def __call__(
        self, name: str, query_from: torch.Tensor, key_from: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Attend from `query_from` to `key_from`, both `(M, B*length, D)`; no mask means causal."""
        query, key, value = (
            self._split_heads(self._precise(_linear(self._weights, f"{name}.{role}", state), query_from.dtype))
            for role, state in (("query", query_from), ("key", key_from), ("value", key_from))
        )
        mask = None if mask is None else mask.to(query.dtype)
        if self.watch is not None:
            self.watch.attention(name, query, key, mask)
        mixed = _attend(query, key, value, mask)
        return _linear(self._weights, f"{name}.output", mixed.transpose(1, 2).reshape(query_from.shape))

    @staticmethod
    def _precise(product: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
        """On a CPU, whose attention is slow in bfloat16, the product of two such factors in full `precision`."""
        return product.to(precision) if product.device.type == "cpu" else product

    def _split_heads(self, state: torch.Tensor) -> torch.Tensor:
        """`(M, B*length, D)` to `(M*B, H, length, K)`."""
        members, _, width = state.shape
        return state.view(members * self._sentences, -1, self._heads, width // self._heads).transpose(1, 2)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Scaled dot-product attention `(M*B, H, length, K)`; no mask means causal."""
    heads, length = query.shape[0] * query.shape[1], key.shape[2]
    if query.device.type == "cuda" and length <= LONGEST_UNFUSED and heads >= FEWEST_UNFUSED:
        with sdpa_kernel(SDPBackend.MATH):
            return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)


def sinusoidal_positions(length: int, width: int, device: torch.device | None = None) -> torch.Tensor:
    """`(length, width)`: sines, then cosines (Vaswani et al. 2017, section 3.5, with the channels reordered).

    Made on the device: a copy from the host would wait for it.
    """
    frequencies = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(length, device=device)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _linear(factors: Weights, name: str, state: torch.Tensor) -> torch.Tensor:
    weight = factors[f"{name}.weight"]
    return torch.baddbmm(factors[f"{name}.bias"], state.to(weight.dtype), weight)


def _layer_norm(weights: Weights, name: str, state: torch.Tensor) -> torch.Tensor:
    normalised = F.layer_norm(state, state.shape[-1:])
    return torch.addcmul(weights[f"{name}.bias"], normalised, weights[f"{name}.gain"])


def _padding_mask(ids_MxBxS: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """0 where a key may be attended to, minus infinity where it may not, `(M*B, 1, 1, S)`."""
    padding = (ids_MxBxS == PADDING).flatten(0, 1)[:, None, None, :]
    return torch.zeros(padding.shape, dtype=dtype, device=padding.device).masked_fill_(padding, -torch.inf)
