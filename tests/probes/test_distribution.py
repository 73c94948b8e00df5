"""The predictive distribution, log Z and attention logits are those that loops over sentences and tokens find."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from support.short_runs import (
    Moment,
    PlainTransformer,
    Sentence,
    all_sentences,
    run_watched,
    sentences_at,
    trainer_of,
)
from warmuplab.data.batches import probe_indices
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.probes import observation
from warmuplab.probes.distribution import kl_divergence, log_unigram
from warmuplab.training import Trainer

MEMBERS = (("seed=0", "schedule.peak_lr=3e-3"), ("seed=4", "schedule.peak_lr=3e-2", "schedule.warmup.fraction=0"))
RUN = ("hardware.dtype=float64", "probes.early_fraction=1")


def kullback_leibler(p: list[float], q: list[float]) -> float:
    return sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True))


def entropy(p: list[float]) -> float:
    return -sum(a * math.log(a) for a in p)


def softmax(row: np.ndarray) -> list[float]:
    exponentials = [math.exp(x) for x in row.tolist()]
    return [x / sum(exponentials) for x in exponentials]


def probe_sentences(corpus: TokenizedCorpus) -> list[Sentence]:
    return sentences_at(corpus.validation, probe_indices(corpus.validation, 8))


def logits_before_and_after(
    trainer: Trainer, moment: Moment, m: int, corpus: TokenizedCorpus
) -> list[list[np.ndarray]]:
    """Per token of the probe sentences the logits with the weights before a step, and with those after it."""
    models = [PlainTransformer(trainer.population.model, row[m]) for row in (moment.before_MxP, moment.after_MxP)]
    return [[row for sentence in probe_sentences(corpus) for row in plain(sentence).logits] for plain in models]


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
@pytest.mark.parametrize("kept", [observation.DISTRIBUTION_TOKENS, 9])
def test_equals_loops_over_tokens(
    small_corpus: TokenizedCorpus, model: str, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observation, "DISTRIBUTION_TOKENS", kept)
    trainer = trainer_of(small_corpus, MEMBERS, f"model={model}", *RUN)
    moments = run_watched(trainer)
    labels = [label for _, target in probe_sentences(small_corpus) for label in target[1:]]
    counts = Counter(label for _, target in all_sentences(small_corpus.train) for label in target[1:])
    vocabulary = small_corpus.vocabulary_size
    total = sum(counts.values()) + vocabulary
    unigram = [(counts[token] + 1) / total for token in range(vocabulary)]
    places = range(len(labels)) if kept > len(labels) else [round(i * (len(labels) - 1) / (kept - 1)) for i in range(9)]
    for m, (table, *_) in enumerate(trainer.results()):
        for step in (0, 1, 5):
            before, after = logits_before_and_after(trainer, moments[step], m, small_corpus)
            p, q = ([softmax(logits[i]) for i in places] for logits in (before, after))
            log_z = [math.log(sum(math.exp(x) for x in row.tolist())) for row in before]
            expected = {
                "stability/entropy": np.mean([entropy(a) for a in p]),
                "stability/distance_uniform": np.mean([kullback_leibler(a, [1 / vocabulary] * vocabulary) for a in p]),
                "stability/distance_unigram": np.mean([kullback_leibler(a, unigram) for a in p]),
                "stability/kl": np.mean([kullback_leibler(a, b) for a, b in zip(p, q, strict=True)]),
                "stability/log_z": np.mean(log_z),
                "probe/loss": np.mean([z - row[label] for z, row, label in zip(log_z, before, labels, strict=True)]),
            }
            for name, value in expected.items():
                assert table.loc[step, name] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, step)
        assert table["stability/kl"].max() > 1e-4


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
def test_the_largest_attention_logit_is_that_of_a_plain_model(small_corpus: TokenizedCorpus, model: str) -> None:
    """The plain model reads a sentence at a time, so padding and masked positions do not exist for it."""
    trainer = trainer_of(small_corpus, MEMBERS, f"model={model}", *RUN, "model.depth=2")
    moments = run_watched(trainer)
    sentences = probe_sentences(small_corpus)
    assert len({len(source) for source, _ in sentences}) > 1  # so the batch holds padding on both sides
    assert len({len(target) for _, target in sentences}) > 1
    for m, (table, layers, _) in enumerate(trainer.results()):
        assert layers is not None
        of_layer = layers.set_index(["step", "stack", "layer"])["stability/attention_logit"]
        for step in (0, 2, 5):
            plain = PlainTransformer(trainer.population.model, moments[step].before_MxP[m])
            passes = [plain(sentence).attention for sentence in sentences]
            largest = {layer: max(one[layer] for one in passes) for layer in passes[0]}
            assert table.loc[step, "stability/attention_logit"] == pytest.approx(max(largest.values()), rel=1e-9)
            for layer, value in largest.items():
                stack, number = layer.split(".")
                assert of_layer[step, stack, int(number)] == pytest.approx(value, rel=1e-9)


def test_logits_of_padding_do_not_count(small_corpus: TokenizedCorpus) -> None:
    """With an embedding that makes every key and query of padding huge, the figures stay as they were."""
    trainer = trainer_of(small_corpus, MEMBERS[:1], *RUN)
    population = trainer.population
    probes = trainer._probes
    assert probes is not None
    before = probes._probe_batch.observe(with_activations=True)
    with torch.no_grad():
        population.model.unpack(population.weights_MxP)["embedding"][:, 0] = 1e3
    after = probes._probe_batch.observe(with_activations=True)
    for layer, value_M in before.attention_logits.items():
        assert torch.equal(after.attention_logits[layer], value_M)
    for layer, state in before.activations.items():
        assert torch.equal(after.activations[layer], state)


def test_kl_of_known_distributions() -> None:
    half, quarter = math.log(0.5), math.log(0.25)
    p = torch.tensor([[[half, half]], [[half, half]]], dtype=torch.float64)
    q = torch.tensor([[[quarter, math.log(0.75)]], [[half, half]]], dtype=torch.float64)
    assert kl_divergence(p, q).tolist() == pytest.approx([0.5 * math.log(4 / 3), 0])
    assert kl_divergence(q, p).tolist() == pytest.approx([math.log(2) - entropy([0.25, 0.75]), 0])


def test_the_unigram_distribution_is_one(small_corpus: TokenizedCorpus) -> None:
    shares = np.exp(log_unigram(small_corpus))
    assert shares.sum() == pytest.approx(1)
    assert shares.shape == (small_corpus.vocabulary_size,)
    assert shares.min() > 0
    assert shares[0] == shares.min()  # padding is never predicted
