"""Ratios, utilisation and names, on invented numbers; operations against torch's own counter."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from support.composing import SMALL, composed
from warmuplab.bench import ratios, work
from warmuplab.bench.machine import slug
from warmuplab.data.batches import Batch, BatchSampler
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population import flops
from warmuplab.population.transformer import Transformer


def test_a_ratio_is_taken_within_a_round_and_only_where_both_were_measured() -> None:
    taken = ratios.ratio({1: 30.0, 2: 10.0, 3: 8.0, 4: 9.0}, {1: 10.0, 2: 5.0, 3: 2.0})
    assert taken == ratios.Spread(3.0, 2.0, 4.0, 3)  # not the ratio of the medians, 2.0
    assert str(taken) == "3.00 (2.00-4.00)"
    assert ratios.ratio({1: 3.0}, {2: 3.0}) is None


def test_processes_count_together_until_the_last_has_finished() -> None:
    assert ratios.rate([{"tokens": 100, "seconds": 2.0}, {"tokens": 300, "seconds": 4.0}]) == 100.0


def test_a_failed_round_has_no_rate() -> None:
    good = {"round": 1, "contender": "sweep", "processes": [{"tokens": 10, "seconds": 5.0}]}
    bad = {"round": 2, "contender": "sweep", "failed": "why"}
    assert ratios.rates([good, bad], "sweep") == {1: 2.0}


def test_utilisation_is_useful_operations_over_what_could_be_done() -> None:
    assert flops.utilisation(6e9, 2.0, 10e9) == pytest.approx(0.3)


def test_operations_are_those_that_torch_counts_in_a_batch_without_padding() -> None:
    config = composed(*SMALL, "model.depth=2").model
    source, target, sentences, vocabulary = 5, 7, 3, 300
    model = Transformer(config, vocabulary)
    ids = torch.randint(3, vocabulary, (1, sentences, source))
    words = torch.randint(3, vocabulary, (1, sentences, target + 1))
    weights_MxP = model.initial_weights([0]).requires_grad_()
    # `logits` holds all products in one form that torch counts; the loss adds none.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.logits(weights_MxP, Batch(ids, words[..., :-1], words[..., 1:])).square().sum().backward()
    lengths = (np.full(sentences, n) for n in (source, target))
    assert flops.sentence_flops(config, vocabulary, *lengths).sum() == counter.get_total_flops()


def test_tokens_are_those_of_the_sentences_that_each_seed_reads(small_corpus: TokenizedCorpus) -> None:
    config = composed(*SMALL, "training.batch_size=8", "data.vocabulary_size=300")
    sampler, split = BatchSampler(small_corpus.train, 8), small_corpus.train
    expected = 0
    for seed in (0, 3):
        for i in sampler.sentences(seed, 4)[2:].flatten():
            expected += int((split.source_NxS[i] != 0).sum() + (split.target_NxT[i, 1:] != 0).sum())
    assert work.done(config, small_corpus, (0, 3), range(2, 4)).tokens == expected


@pytest.mark.parametrize(
    ("name", "cores", "expected"),
    [
        ("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", 2, "intel-xeon-platinum-8488c-2-cores"),
        ("AMD EPYC 9R14 96-Core Processor", 1, "amd-epyc-9r14-1-core"),
        ("NVIDIA H100 80GB HBM3", None, "nvidia-h100-80gb-hbm3"),
        ("", 4, "unknown-4-cores"),
    ],
)
def test_a_machine_has_a_name_that_can_be_a_folder(name: str, cores: int | None, expected: str) -> None:
    assert slug(name, cores) == expected
