"""How many members of a population fit into the memory of this machine, or of its GPU, and what never will."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from warmuplab.base.errors import ConfigError
from warmuplab.base.words import amount
from warmuplab.config.compiling import estimated_weights
from warmuplab.config.schema import RunConfig
from warmuplab.data.batches import lengths_of
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.series.catalogue import SERIES

USABLE = 0.8  # of what is available: the estimate is coarse, and others take memory too
PROCESS_BYTES = 450e6  # a worker before its first member: Python, torch, the corpus; on a GPU: CUDA's own
WEIGHT_COPIES = 8  # weights, move, two moments, the gradient in its parts, in one piece and masked, one to spare
STREAM_COPIES, HIDDEN_COPIES = 20, 3  # tensors of a layer that its backward pass needs, of width D and of width F
LOGIT_COPIES = 2  # of the probe batch: logits of all its tokens, and of those that are no padding
# Of every step, by the peak of runs of 400,000 steps: drawing which sentences come, and a metric on its way from the
# buffer of the training to the record.
DRAWN_BYTES, RECORDED_BYTES = 16, 54

HOPELESS = 2.0  # times what is free: the estimate gives up to twice what is taken, and what fits is never refused
LEAST_FREE = 1e9  # less is not counted on being all there is: the system can give up caches, or swap
REFERENCE: Mapping[str, int] = {
    "training.steps": 200,
    "training.batch_size": 64,
    "model.width": 64,
    "model.depth": 4,
    "model.feed_forward": 256,
    "probes.batch_size": 64,
    "data.max_length": 64,
    "data.vocabulary_size": 2000,
}
"""What memory grows with, and a value of it that needs little."""


class TextSize(NamedTuple):
    """What memory depends on of a tokenized corpus."""

    vocabulary_size: int
    longest: int
    """Tokens of its longest sentence."""
    held_out: int
    """Sentences of its validation split, from which the probe batch comes."""


def size_of(corpus: TokenizedCorpus) -> TextSize:
    """The size of `corpus`."""
    return TextSize(corpus.vocabulary_size, int(lengths_of(corpus.train).max()), len(corpus.validation))


def member_bytes(config: RunConfig, text: TextSize) -> float:
    """About what a member takes at most: its state, a step on the longest sentences, and what it records.

    Where the probes run, what they predict lies beside the state; then no step is under way.

    Width 64, depth 4 and batch 64 on the embedded corpus took 160 MB a member, by the peak of a worker of eight; this
    gives more.
    """
    model, training, bytes_each = config.model, config.training, 8 if config.hardware.dtype == "float64" else 4
    longest = min(text.longest, config.data.max_length)
    vocabulary_size = min(text.vocabulary_size, config.data.vocabulary_size)
    layer = training.batch_size * longest * (STREAM_COPIES * model.width + HIDDEN_COPIES * model.feed_forward)
    observed = config.probes.enabled and not config.probes.loss_only
    logits = LOGIT_COPIES * min(config.probes.batch_size, text.held_out) * longest * vocabulary_size if observed else 0
    numbers = WEIGHT_COPIES * estimated_weights(model, vocabulary_size) + max(2 * model.depth * layer, logits)
    of_a_step = DRAWN_BYTES * training.batch_size + RECORDED_BYTES * len(SERIES) * bytes_each / 4
    return bytes_each * numbers + of_a_step * training.steps


def members_that_fit(config: RunConfig, text: TextSize, available: int | None, workers: int) -> int | None:
    """How many members each of `workers` processes has room for, at least 1; None where `available` is not known."""
    if available is None:
        return None
    room = available * USABLE / workers - PROCESS_BYTES
    return max(1, int(room // member_bytes(config, text)))


def workers_that_fit(config: RunConfig, text: TextSize, available: int | None, cores: int) -> int:
    """How many workers, one on each of `cores` at most and at least 1, have room for a member."""
    if available is None:
        return cores
    return max(1, min(cores, int(available * USABLE // (PROCESS_BYTES + member_bytes(config, text)))))


def check(config: RunConfig, text: TextSize, available: int | None) -> None:
    """Raise `ConfigError` where a single member needs far more than the `available` memory; None: not known."""
    needed = member_bytes(config, text)
    if available is None or needed <= HOPELESS * max(available, LEAST_FREE):
        return
    names, room = _too_large(config, text, max(available, LEAST_FREE)), max(available, LEAST_FREE)
    others = [f"{name}={_value(config, name)}" for name in names[1:]]
    what = f"with {' and '.join(others)} a member" if others else "a member"
    problem = f"{what} takes about {amount(needed)} of memory, {amount(available)} are free"
    if others:
        remedy = " and ".join(f"{name}={REFERENCE[name]}" for name in names)
        raise ConfigError(names[0], _value(config, names[0]), problem, f"use smaller ones, such as {remedy}")
    largest = _largest(config, text, names[0], room)
    raise ConfigError(names[0], _value(config, names[0]), problem, f"use {names[0]}={largest} or less")


def _too_large(config: RunConfig, text: TextSize, room: float) -> list[str]:
    """The settings without whose size it would fit, the one that matters most first."""
    names: list[str] = []
    while member_bytes(config, text) > room and len(names) < len(REFERENCE):
        smaller = {name: _with(config, name, min(_value(config, name), value)) for name, value in REFERENCE.items()}
        name = min(smaller, key=lambda name: member_bytes(smaller[name], text))
        names.append(name)
        config = smaller[name]
    return names


def _largest(config: RunConfig, text: TextSize, name: str, room: float) -> int:
    """The largest value of a setting that fits, rounded down to two digits."""
    low, high = REFERENCE[name], _value(config, name)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if member_bytes(_with(config, name, middle), text) <= room else (low, middle)
    unit = int(f"1{'0' * max(0, len(str(low)) - 2)}")
    return low // unit * unit


def _value(config: RunConfig, name: str) -> int:
    group, _, key = name.partition(".")
    value: int = getattr(getattr(config, group), key)
    return value


def _with(config: RunConfig, name: str, value: int) -> RunConfig:
    group, _, key = name.partition(".")
    changed: Any = replace(getattr(config, group), **{key: value})
    return replace(config, **{group: changed})
