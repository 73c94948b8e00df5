"""The work that every contender does: corpus, network, and how much of it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warmuplab.base.errors import ConfigError
from warmuplab.bench.protocol import Spec
from warmuplab.config.compose import compose
from warmuplab.config.mapping import from_mapping
from warmuplab.config.schema import RunConfig
from warmuplab.data.batches import BatchSampler
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.flops import sentence_flops

# A process of its own compiles for minutes: that is measured where it pays, on a GPU.
BASE = ("hardware=cpu", "hardware.compile=false")
BARE = ("probes=none", "tracker=none")
OWN_KEYS = {"seed": "leave it out", "training.steps": "use --steps", "outputs": "use --output", "study": "leave it out"}


@dataclass(frozen=True)
class Done:
    """What was done in the measured steps, by all members of a process."""

    tokens: int
    """Source tokens and target tokens to predict, end markers included; padding does not count."""
    flops: float
    """Operations of the matrix products that these tokens need, backward pass included."""


def check(overrides: Sequence[str]) -> RunConfig:
    """The run that these overrides give. Raises `ConfigError`, or what Hydra raises, for what cannot be measured."""
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key in OWN_KEYS:
            raise ConfigError(key, value, "the bench sets it itself", OWN_KEYS[key])
    return from_mapping(compose([*BASE, *overrides]))


def only_ours(config: RunConfig) -> str | None:
    """What of a run the other contenders cannot do, so that there is nothing to compare; None where they can."""
    standard = from_mapping(compose(list(BASE)))
    for name, value, theirs in (
        ("model.norm", config.model.norm, "post"),
        ("optimizer.name", config.optimizer.name, "adam"),
        ("optimizer.clip_norm", config.optimizer.clip_norm, None),
        ("optimizer.weight_decay", config.optimizer.weight_decay, 0.0),
        ("model.final_norm", config.model.final_norm, standard.model.final_norm),
        ("hardware.dtype", config.hardware.dtype, "float32"),
        ("training.label_smoothing", config.training.label_smoothing, 0.0),
    ):
        if value != theirs:
            return f"not comparable: it trains with {name}={theirs}, not with {value}"
    return None


def configs_of(spec: Spec, steps: int) -> list[RunConfig]:
    """The run of each seed, `steps` long."""
    told = [*BASE, *spec.overrides, f"training.steps={steps}", f"outputs={spec.outputs}"]
    return [from_mapping(compose([*told, f"seed={seed}"])) for seed in spec.seeds]


def done(config: RunConfig, corpus: TokenizedCorpus, seeds: Sequence[int], steps: range) -> Done:
    """What members with `seeds` do in these steps: counted from the sentences that they read."""
    sampler = BatchSampler(corpus.train, config.training.batch_size)
    read = np.concatenate([sampler.sentences(seed, steps.stop)[steps.start :].flatten() for seed in seeds])
    sources, targets = corpus.train.source_lengths_N[read], corpus.train.target_lengths_N[read]
    flops = sentence_flops(config.model, corpus.vocabulary_size, sources, targets).sum()
    return Done(int(sources.sum() + targets.sum()), float(flops))
