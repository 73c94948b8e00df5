"""The parameters of a member: their names, shapes and initial values. Listing them needs no torch, which is slow to
import: `parts` reads the names where runs are prepared.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warmuplab.config.schema import ModelConfig

if TYPE_CHECKING:
    import torch

Draw = Callable[["torch.Tensor", "torch.Generator"], object]


@dataclass(frozen=True)
class Parameter:
    """A named part of a member's weights."""

    name: str
    shape: tuple[int, ...]
    draw: Draw
    """Fills a tensor of `shape` with its initial value."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def parameters(config: ModelConfig, vocabulary_size: int) -> list[Parameter]:
    """Every parameter of a member, in the order of its row: embedding, encoder layers, decoder layers."""
    width = config.width
    listed = [Parameter("embedding", (vocabulary_size, width), _normal(width**-0.5))]
    for stack, attentions in (("encoder", ("self",)), ("decoder", ("self", "cross"))):
        for layer in range(config.depth):
            for attention in attentions:
                name = f"{stack}.{layer}.{attention}"
                for role in ("query", "key", "value", "output"):
                    listed += _linear_parameters(f"{name}.{role}", width, width)
                listed += _norm_parameters(name, width)
            name = f"{stack}.{layer}.feed_forward"
            listed += _linear_parameters(f"{name}.upper", width, config.feed_forward)
            listed += _linear_parameters(f"{name}.lower", config.feed_forward, width)
            listed += _norm_parameters(name, width)
        if stack in normalised_stacks(config):
            listed += _norm_parameters(stack, width)
    return listed


def normalised_stacks(config: ModelConfig) -> list[str]:
    """The stacks that end in a layer normalisation of their own.

    The encoder of pre-LN always does: attention to the raw sum of its blocks would depend on their number.
    """
    return ["encoder"] * (config.norm == "pre") + ["decoder"] * config.final_norm


def _linear_parameters(name: str, inputs: int, outputs: int) -> list[Parameter]:
    """Weight `(in, out)` drawn as `torch.nn.Linear` does, uniform within 1 / sqrt(in); bias `(1, out)` of zeros.

    Glorot's wider bounds were tried: post-LN then hardly trains at this depth, at any rate.
    """
    bound = inputs**-0.5
    return [
        Parameter(
            f"{name}.weight",
            (inputs, outputs),
            lambda part, generator: part.uniform_(-bound, bound, generator=generator),
        ),
        Parameter(f"{name}.bias", (1, outputs), _constant(0.0)),
    ]


def _norm_parameters(block: str, width: int) -> list[Parameter]:
    return [
        Parameter(f"{block}.norm.gain", (1, width), _constant(1.0)),
        Parameter(f"{block}.norm.bias", (1, width), _constant(0.0)),
    ]


def _normal(deviation: float) -> Draw:
    return lambda part, generator: part.normal_(0.0, deviation, generator=generator)


def _constant(value: float) -> Draw:
    return lambda part, generator: part.fill_(value)
