"""What populations cost before any of them is trained: steps x members x tokens x operations per token."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from warmuplab.base.portions import whole_portion
from warmuplab.config.schema import RunConfig
from warmuplab.data.tokens import Split, TokenizedCorpus
from warmuplab.population.flops import BACKWARD, sentence_flops
from warmuplab.probes import loss
from warmuplab.probes.timetable import make_timetable
from warmuplab.record.run import Run
from warmuplab.worker import load_corpus

FORWARD = 1 / (1 + BACKWARD)  # of the operations of a training step: what a sentence costs that is only looked at


def of_population(runs: Sequence[Run]) -> float:
    """Operations of all members together, probes and validations included; `runs` train in lockstep."""
    config = runs[0].config
    groups = [asdict(config.data), asdict(config.model), asdict(config.training), asdict(config.probes)]
    key = json.dumps([config.outputs, *groups])
    if key not in _of_members:  # a large sweep has thousands of populations and few networks
        _of_members[key] = _of_member(config, load_corpus(config))
    return len(runs) * _of_members[key]


_of_members: dict[str, float] = {}


def _of_member(config: RunConfig, corpus: TokenizedCorpus) -> float:
    training = equal_steps(config) * step_operations(config, corpus)
    return training + validations(config) * validation_operations(config, corpus)


def tokens_of(config: RunConfig) -> float:
    """About how many tokens, source and target without padding, one run trains on."""
    return config.training.steps * config.training.batch_size * _mean_tokens(load_corpus(config).train)


def equal_steps(config: RunConfig) -> float:
    """Steps without probes that take about as long as all steps of a run with its probes."""
    steps, probes = config.training.steps, config.probes
    if not probes.enabled:
        return float(steps)
    timetable = make_timetable(probes, steps, whole_portion(probes.early_fraction, steps))
    if probes.loss_only:
        return steps + loss.COST * len(timetable.due)
    return float(timetable.cost(steps, probes.curvature).sum())


def validations(config: RunConfig) -> int:
    """How often a run measures `val/loss`: the last step is always validated."""
    return -(-config.training.steps // config.training.validate_every)


def step_operations(config: RunConfig, corpus: TokenizedCorpus) -> float:
    """Operations of a training step of one member, on sentences of mean length, forward and backward."""
    return config.training.batch_size * _operations(config, corpus, corpus.train) / len(corpus.train)


def validation_operations(config: RunConfig, corpus: TokenizedCorpus) -> float:
    """Operations of one look at the whole validation split."""
    return FORWARD * _operations(config, corpus, corpus.validation)


def _operations(config: RunConfig, corpus: TokenizedCorpus, split: Split) -> float:
    lengths = split.source_lengths_N, split.target_lengths_N
    return float(sentence_flops(config.model, corpus.vocabulary_size, *lengths).sum())


def _mean_tokens(split: Split) -> float:
    return float((split.source_lengths_N + split.target_lengths_N).mean())
