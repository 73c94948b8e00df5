"""Batches: a pure function of (seed, step), without repetition, without much padding."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.composing import composed
from warmuplab.data import batches, tokens
from warmuplab.data.batches import BatchSampler, TrainingBatches, make_buckets
from warmuplab.data.tokens import PADDING, Split, TokenizedCorpus

CPU = torch.device("cpu")


def split_of(lengths: list[tuple[int, int]]) -> Split:
    source, target = np.array(lengths).T
    return Split(
        np.ones((len(source), source.max()), int), np.ones((len(source), target.max() + 1), int), source, target
    )


lengths_st = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None)
@given(lengths=lengths_st, smallest=st.integers(1, 50))
def test_buckets_partition_the_split_and_bound_their_sentences(lengths: list[tuple[int, int]], smallest: int) -> None:
    split = split_of(lengths)
    buckets = make_buckets(split, smallest)
    assert sorted(np.concatenate([bucket.indices_n for bucket in buckets])) == list(range(len(lengths)))
    for bucket in buckets:
        assert split.source_lengths_N[bucket.indices_n].max() == bucket.source_bound
        assert split.target_lengths_N[bucket.indices_n].max() == bucket.target_bound
        assert len(bucket.indices_n) >= min(smallest, len(lengths))
        positions = len(bucket.indices_n) * (bucket.source_bound + bucket.target_bound)
        used = (split.source_lengths_N + split.target_lengths_N)[bucket.indices_n].sum()
        assert used >= (1 - batches.MAX_PADDING) * positions or len(bucket.indices_n) < 2 * smallest


@settings(max_examples=40, deadline=None)
@given(lengths=lengths_st, batch_size=st.integers(1, 30), seed=st.integers(0, 5))
def test_no_sentence_repeats_within_a_pass(lengths: list[tuple[int, int]], batch_size: int, seed: int) -> None:
    sampler = BatchSampler(split_of(lengths), batch_size)
    read: dict[int, list[int]] = defaultdict(list)
    for step in range(3 * sampler.steps_per_epoch):
        read[sampler.bucket_at(step)] += sampler.sentences(seed, step + 1)[step].tolist()
    for number, stream in read.items():
        members = sampler.buckets[number].indices_n.tolist()
        for first in range(0, len(stream), len(members)):
            a_pass = stream[first : first + len(members)]
            assert len(set(a_pass)) == len(a_pass)
            assert set(a_pass) <= set(members)
            if len(a_pass) == len(members):
                assert set(a_pass) == set(members)


def test_a_batch_depends_on_seed_and_step_alone(small_corpus: TokenizedCorpus) -> None:
    one, other = (BatchSampler(small_corpus.train, 8) for _ in range(2))
    forward = [one.sentences(3, step + 1)[step].tolist() for step in range(100)]
    backward = [other.sentences(3, step + 1)[step].tolist() for step in reversed(range(100))]
    assert forward == backward[::-1]
    assert forward != [one.sentences(4, step + 1)[step].tolist() for step in range(100)]


def test_every_bucket_comes_as_often_as_its_size_asks(small_corpus: TokenizedCorpus) -> None:
    sampler = BatchSampler(small_corpus.train, 8)
    for epoch in range(3):
        steps = range(epoch * sampler.steps_per_epoch, (epoch + 1) * sampler.steps_per_epoch)
        visits = Counter(sampler.bucket_at(step) for step in steps)
        assert visits == {n: max(1, round(len(b.indices_n) / 8)) for n, b in enumerate(sampler.buckets)}


def test_the_order_of_buckets_is_common_or_drawn_from_a_seed(small_corpus: TokenizedCorpus) -> None:
    samplers = [BatchSampler(small_corpus.train, 8, order_seed) for order_seed in (None, 0, 1, 1)]
    orders = [[sampler.bucket_at(step) for step in range(3 * sampler.steps_per_epoch)] for sampler in samplers]
    common, zero, one, again = orders
    assert one == again
    assert len({tuple(order) for order in (common, zero, one)}) == 3
    assert Counter(common) == Counter(zero) == Counter(one)


def test_every_epoch_has_an_order_of_buckets_of_its_own(small_corpus: TokenizedCorpus) -> None:
    sampler = BatchSampler(small_corpus.train, 8)
    assert len(sampler.buckets) > 3
    per_epoch = sampler.steps_per_epoch
    orders = {tuple(sampler.bucket_at(epoch * per_epoch + place) for place in range(per_epoch)) for epoch in range(6)}
    assert len(orders) == 6


def test_every_pass_through_a_bucket_has_an_order_of_its_own(small_corpus: TokenizedCorpus) -> None:
    sampler = BatchSampler(small_corpus.train, 8)
    read: dict[int, list[int]] = defaultdict(list)
    for step in range(8 * sampler.steps_per_epoch):
        read[sampler.bucket_at(step)] += sampler.sentences(1, step + 1)[step].tolist()
    for number, bucket in enumerate(sampler.buckets):
        size = len(bucket.indices_n)
        assert size >= 8  # so that two equal orders are no chance
        passes = [tuple(read[number][first : first + size]) for first in range(0, len(read[number]) - size + 1, size)]
        assert len(set(passes)) == len(passes) > 3


def test_members_with_one_seed_read_the_same_and_all_share_their_shapes(small_corpus: TokenizedCorpus) -> None:
    training = TrainingBatches(small_corpus.train, 8, seeds=[5, 7, 5], device=CPU, steps=100)
    alone = TrainingBatches(small_corpus.train, 8, seeds=[7], device=CPU, steps=100)
    differ = False
    for step in range(60):
        batch = training.at(step)
        for part in ("source_MxBxS", "input_MxBxT", "label_MxBxT"):
            ids = getattr(batch, part)
            assert torch.equal(ids[0], ids[2])
            assert torch.equal(ids[1], getattr(alone.at(step), part)[0])
            differ |= not torch.equal(ids[0], ids[1])
    assert differ


def test_a_batch_holds_its_sentences_whole(small_corpus: TokenizedCorpus) -> None:
    training = TrainingBatches(small_corpus.train, 8, seeds=[2], device=CPU, steps=100)
    split = small_corpus.train
    for step in range(40):
        batch = training.at(step)
        for row, index in enumerate(training.sampler.sentences(2, step + 1)[step]):
            source = batch.source_MxBxS[0, row]
            label = batch.label_MxBxT[0, row]
            assert (
                source[source != PADDING].tolist() == split.source_NxS[index, : split.source_lengths_N[index]].tolist()
            )
            target = split.target_NxT[index, : split.target_lengths_N[index] + 1].tolist()
            assert label[label != PADDING].tolist() == target[1:]
            assert batch.input_MxBxT[0, row, : len(target) - 1].tolist() == target[:-1]


def test_validation_reads_every_sentence_once(small_corpus: TokenizedCorpus) -> None:
    read = batches.evaluation_batches(small_corpus.validation, members=2, batch_size=16, device=CPU)
    sentences = [row[row != PADDING].tolist() for batch in read for row in batch.label_MxBxT[1]]
    expected = [
        row[1 : n + 1].tolist()
        for row, n in zip(small_corpus.validation.target_NxT, small_corpus.validation.target_lengths_N, strict=True)
    ]
    assert sorted(sentences) == sorted(expected)


@pytest.mark.parametrize("size", [8, 10_000])
def test_the_probe_batch_is_fixed_and_within_the_split(small_corpus: TokenizedCorpus, size: int) -> None:
    first = batches.probe_indices(small_corpus.validation, size)
    assert first.tolist() == batches.probe_indices(small_corpus.validation, size).tolist()
    assert len(set(first)) == len(first) > 0
    assert len(first) <= min(size, len(small_corpus.validation))


def test_padding_of_the_embedded_corpus_stays_small(tmp_path) -> None:  # type: ignore[no-untyped-def]
    config = composed()
    split = tokens.load(config.data, tmp_path).train
    buckets = make_buckets(split, config.training.batch_size)
    positions = sum(len(b.indices_n) * (b.source_bound + b.target_bound) for b in buckets)
    assert (split.source_lengths_N + split.target_lengths_N).sum() / positions > 0.87
