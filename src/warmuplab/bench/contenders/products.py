"""The peak of matrix products: how fast they are alone, at the network's sizes and at a large one."""

import time
from typing import Any

import torch

from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import Spec
from warmuplab.bench.work import configs_of

LARGE = 1024  # a square product that reaches what the processor can do
SECONDS = 0.6  # of each size
POSITIONS_PER_SENTENCE = 16  # rows of a product are the positions of a batch: about so many in the embedded corpus


def sizes(width: int, feed_forward: int, vocabulary_size: int, batch_size: int) -> dict[str, tuple[int, int, int]]:
    """Rows, inner size and columns of the products that are measured, by what they are."""
    rows = batch_size * POSITIONS_PER_SENTENCE
    return {
        "attention's": (rows, width, width),
        "feed-forward's": (rows, width, feed_forward),
        "vocabulary's": (rows, width, vocabulary_size),
        "large": (LARGE, LARGE, LARGE),
    }


def rates(spec: Spec, gate: Gate) -> dict[str, Any]:
    """Operations per second of each size, a multiply-add as two, while the other processes do the same."""
    torch.set_num_threads(spec.threads)
    config = configs_of(spec, 1)[0]
    model, batch = config.model, config.training.batch_size
    measured = sizes(model.width, model.feed_forward, config.data.vocabulary_size, batch)
    factors = {name: (torch.randn(n, k), torch.randn(k, m)) for name, (n, k, m) in measured.items()}
    for left, right in factors.values():
        torch.mm(left, right)
    gate()
    return {"rates": {name: rate(*factors[name]) for name in measured}, "sizes": measured}


def rate(left: torch.Tensor, right: torch.Tensor, seconds: float = SECONDS) -> float:
    """Operations per second of one product, repeated for so long."""
    result, times, began = torch.mm(left, right), 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        torch.mm(left, right, out=result)
        times += 1
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] * times / taken
