"""Short trainings whose weights are kept at every step, and a plain model to compute anew what was measured on them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from support.composing import QUICK, composed
from warmuplab.data.batches import Batch
from warmuplab.data.tokens import PADDING, Split, TokenizedCorpus
from warmuplab.population.population import Step
from warmuplab.population.transformer import Transformer, sinusoidal_positions
from warmuplab.record.run import Run
from warmuplab.training import Trainer

Floats = NDArray[np.float64]
Sentence = tuple[tuple[int, ...], tuple[int, ...]]
"""Source ids, and target ids from the start marker to the end marker."""


def trainer_of(corpus: TokenizedCorpus, members: Sequence[tuple[str, ...]], *overrides: str) -> Trainer:
    """A trainer of a tiny population: a tuple of overrides per member, after those that all share."""
    configs = [composed(*QUICK, "hardware=cpu", *overrides, *own) for own in members]
    return Trainer([Run(config, f"member-{m}") for m, config in enumerate(configs)], corpus)


@dataclass(frozen=True)
class Moment:
    """A training step: the weights `(M, P)` that it started from and left, its batch and what it reported."""

    before_MxP: torch.Tensor
    after_MxP: torch.Tensor
    batch: Batch
    result: Step


def run_watched(trainer: Trainer) -> list[Moment]:
    """Train to the end; what every step did."""
    population, moments = trainer.population, []
    really_step = population.step

    def step(batch: Batch) -> Step:
        before_MxP = population.weights_MxP.detach().clone()
        result = really_step(batch)
        moments.append(Moment(before_MxP, population.weights_MxP.detach().clone(), batch, result))
        return result

    population.step = step  # type: ignore[method-assign]
    trainer.run(lambda _: None)
    return moments


def sentences_of(batch: Batch, member: int) -> list[Sentence]:
    """The sentences of a member's batch, without padding."""
    found = []
    for source, given, label in zip(
        *(ids[member].tolist() for ids in (batch.source_MxBxS, batch.input_MxBxT, batch.label_MxBxT)), strict=True
    ):
        words = [i for i in label if i != PADDING]
        found.append((tuple(i for i in source if i != PADDING), (given[0], *words)))
    return found


def sentences_at(split: Split, indices: Iterable[int]) -> list[Sentence]:
    """The sentences of a split at these indices, without padding."""
    return [
        (
            tuple(split.source_NxS[i, : split.source_lengths_N[i]].tolist()),
            tuple(split.target_NxT[i, : split.target_lengths_N[i] + 1].tolist()),
        )
        for i in indices
    ]


def all_sentences(split: Split) -> list[Sentence]:
    return sentences_at(split, range(len(split)))


@dataclass(frozen=True)
class Pass:
    """What a forward pass over one sentence yields: logits `[T, V]`, outputs and largest attention logit of layers."""

    logits: Floats
    outputs: dict[str, Floats]
    attention: dict[str, float]


class PlainTransformer:
    """The network of one member in NumPy: a sentence and a head at a time, so without padding, masks and members."""

    def __init__(self, model: Transformer, row_P: torch.Tensor) -> None:
        self.config = model.config
        self.weights = {name: part[0].double().numpy() for name, part in model.unpack(row_P[None]).items()}

    def loss(self, sentences: Iterable[Sentence]) -> float:
        """Cross-entropy per target token, in nats."""
        of_tokens = [value for sentence in sentences for value in self._token_losses(sentence)]
        return sum(of_tokens) / len(of_tokens)

    def _token_losses(self, sentence: Sentence) -> list[float]:
        logits = self(sentence).logits
        return [
            float(np.log(np.exp(row).sum()) - row[label]) for row, label in zip(logits, sentence[1][1:], strict=True)
        ]

    def __call__(self, sentence: Sentence) -> Pass:
        self._outputs: dict[str, Floats] = {}
        self._attention: dict[str, float] = {}
        memory = self._stack("encoder", self._embed(sentence[0]), None)
        state = self._stack("decoder", self._embed(sentence[1][:-1]), memory)
        return Pass(state @ self.weights["embedding"].T, self._outputs, self._attention)

    def _embed(self, ids: Sequence[int]) -> Floats:
        width = self.config.width
        return self.weights["embedding"][list(ids)] * math.sqrt(width) + sinusoidal_positions(len(ids), width).numpy()

    def _stack(self, stack: str, state: Floats, memory: Floats | None) -> Floats:
        for number in range(self.config.depth):
            layer = f"{stack}.{number}"
            state = self._block(layer, "self", state, None)
            if memory is not None:
                state = self._block(layer, "cross", state, memory)
            state = self._block(layer, "feed_forward", state, None)
            self._outputs[layer] = state
        ends_in_norm = self.config.final_norm if stack == "decoder" else self.config.norm == "pre"
        return self._norm(f"{stack}.norm", state) if ends_in_norm else state

    def _block(self, layer: str, kind: str, state: Floats, memory: Floats | None) -> Floats:
        name = f"{layer}.{kind}"
        x = self._norm(f"{name}.norm", state) if self.config.norm == "pre" else state
        if kind == "feed_forward":
            new = state + self._linear(f"{name}.lower", np.maximum(self._linear(f"{name}.upper", x), 0))
        else:
            new = state + self._attend(layer, kind, x, x if memory is None else memory)
        return new if self.config.norm == "pre" else self._norm(f"{name}.norm", new)

    def _attend(self, layer: str, kind: str, queries_from: Floats, keys_from: Floats) -> Floats:
        size = self.config.width // self.config.heads
        query = self._linear(f"{layer}.{kind}.query", queries_from)
        key, value = (self._linear(f"{layer}.{kind}.{role}", keys_from) for role in ("key", "value"))
        mixed = np.zeros_like(query)
        for head in (slice(i, i + size) for i in range(0, self.config.width, size)):
            for place in range(len(query)):
                seen = place + 1 if kind == "self" and layer.startswith("decoder") else len(key)
                logits = key[:seen, head] @ query[place, head] / math.sqrt(size)
                self._attention[layer] = max(self._attention.get(layer, -math.inf), float(logits.max()))
                shares = np.exp(logits - logits.max())
                mixed[place, head] = shares / shares.sum() @ value[:seen, head]
        return self._linear(f"{layer}.{kind}.output", mixed)

    def _linear(self, name: str, x: Floats) -> Floats:
        y: Floats = x @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return y

    def _norm(self, name: str, x: Floats) -> Floats:
        centred = x - x.mean(1, keepdims=True)
        normalised = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        y: Floats = normalised * self.weights[f"{name}.gain"] + self.weights[f"{name}.bias"]
        return y
