"""A plain loop over `torch.nn.Transformer`, in the style of PyTorch's translation tutorial.

https://docs.pytorch.org/tutorials/beginner/translation_transformer.html: shuffled sentences, batches padded to their
longest, an output layer of its own, Adam. Without dropout, as the others.
"""

import math
import time
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from warmuplab.bench.contender import Gate
from warmuplab.bench.contenders import sentences
from warmuplab.bench.contenders.sentences import Sentence
from warmuplab.bench.protocol import Spec
from warmuplab.config.schema import ModelConfig, RunConfig
from warmuplab.data.tokens import PADDING

Padded = tuple[torch.Tensor, torch.Tensor, int]
"""Source and target `(length, B)`, and the tokens in them."""


class Seq2SeqTransformer(nn.Module):
    """The network: sequence first, sinusoidal positions."""

    def __init__(self, model: ModelConfig, vocabulary_size: int, longest: int) -> None:
        super().__init__()
        self.width = model.width
        self.transformer = nn.Transformer(
            model.width, model.heads, model.depth, model.depth, model.feed_forward, dropout=0.0
        )
        self.source = nn.Embedding(vocabulary_size, model.width)
        self.target = nn.Embedding(vocabulary_size, model.width)
        self.generator = nn.Linear(model.width, vocabulary_size)
        self.register_buffer("positions", _positions(longest, model.width))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source_SxB: torch.Tensor, input_TxB: torch.Tensor) -> torch.Tensor:
        """Logits `(T, B, V)`."""
        causal = nn.Transformer.generate_square_subsequent_mask(len(input_TxB), dtype=torch.bool)
        padding, target_padding = (source_SxB == PADDING).T, (input_TxB == PADDING).T
        state: torch.Tensor = self.transformer(
            self._embed(self.source, source_SxB),
            self._embed(self.target, input_TxB),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            tgt_key_padding_mask=target_padding,
            memory_key_padding_mask=padding,
        )
        logits: torch.Tensor = self.generator(state)
        return logits

    def _embed(self, embedding: nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
        positions: torch.Tensor = self.get_buffer("positions")[: len(ids)]
        embedded: torch.Tensor = embedding(ids) * math.sqrt(self.width) + positions
        return embedded


def train(spec: Spec, gate: Gate) -> dict[str, Any]:
    """One run."""
    torch.set_num_threads(spec.threads)
    config, corpus, pairs = sentences.load(spec)
    torch.manual_seed(config.seed)
    longest = max(len(ids) for pair in pairs for ids in pair)
    network = Seq2SeqTransformer(config.model, corpus.vocabulary_size, longest)
    step = _step(network, config)
    batches: DataLoader[Sentence] = DataLoader(
        pairs,  # type: ignore[arg-type]
        batch_size=config.training.batch_size,
        shuffle=True,
        drop_last=True,
        collate_fn=_collate,
    )
    taken, tokens, began = 0, 0, 0.0
    while True:
        for source_SxB, target_TxB, in_batch in batches:
            if taken == spec.warm_up:
                gate()
                began = time.perf_counter()
            step(source_SxB, target_TxB)
            taken += 1
            tokens += in_batch if taken > spec.warm_up else 0
            if taken == spec.warm_up + spec.steps:
                weights = sum(parameter.numel() for parameter in network.parameters())
                return {"tokens": tokens, "seconds": time.perf_counter() - began, "weights": weights}


def _step(network: nn.Module, config: RunConfig) -> Any:
    betas, eps = config.optimizer.betas or [0.9, 0.999], config.optimizer.eps or 1e-8
    rate = config.schedule.peak_lr or 1e-3
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, betas=(betas[0], betas[1]), eps=eps)
    loss_of = nn.CrossEntropyLoss(ignore_index=PADDING)

    def step(source_SxB: torch.Tensor, target_TxB: torch.Tensor) -> None:
        logits = network(source_SxB, target_TxB[:-1])
        optimizer.zero_grad()
        loss_of(logits.flatten(0, 1), target_TxB[1:].flatten()).backward()
        optimizer.step()

    return step


def _collate(pairs: list[Sentence]) -> Padded:
    source, target = (
        pad_sequence([torch.tensor(pair[side]) for pair in pairs], padding_value=PADDING) for side in (0, 1)
    )
    return source, target, sum(pair.tokens for pair in pairs)


def _positions(length: int, width: int) -> torch.Tensor:
    """`(length, 1, D)`."""
    rates = torch.exp(-torch.arange(0, width, 2) * math.log(10_000) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, None]
