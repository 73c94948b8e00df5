"""The overfitting drops are those of a plain model that is given the weights before and after the step."""

import numpy as np
import pytest
import torch

from support.short_runs import PlainTransformer, all_sentences, run_watched, sentences_at, sentences_of, trainer_of
from warmuplab.data.batches import TrainingBatches, held_out_like, lengths_of
from warmuplab.data.tokens import Split, TokenizedCorpus
from warmuplab.probes.overfitting import HELD_OUT_SENTENCES, OverfittingProbe

MEMBERS = (("seed=0", "schedule.peak_lr=3e-3"), ("seed=4", "schedule.peak_lr=3e-2", "schedule.warmup.fraction=0"))


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
def test_equals_a_recomputation_with_the_weights_before_and_after(small_corpus: TokenizedCorpus, model: str) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, f"model={model}", "hardware.dtype=float64", "probes.early_fraction=1")
    probe = OverfittingProbe(trainer.population, trainer.batches, small_corpus, lambda *_: None)
    moments = run_watched(trainer)
    sampler = trainer.batches.sampler
    for m, (seed, (table, *_)) in enumerate(zip((0, 4), trainer.results(), strict=True)):
        for step, moment in enumerate(moments):
            before, after = (
                PlainTransformer(trainer.population.model, row[m]) for row in (moment.before_MxP, moment.after_MxP)
            )
            own = sentences_at(small_corpus.train, sampler.sentences(seed, step + 1)[step])
            held_out = sentences_of(probe.held_out[sampler.bucket_at(step)], m)
            self_drop = before.loss(own) - after.loss(own)
            held_drop = before.loss(held_out) - after.loss(held_out)
            assert table.loc[step, "overfit/self_drop"] == pytest.approx(self_drop, rel=1e-8, abs=1e-10)
            assert table.loc[step, "overfit/held_drop"] == pytest.approx(held_drop, rel=1e-8, abs=1e-10)
            assert table.loc[step, "overfit/gap"] == pytest.approx(self_drop - held_drop, rel=1e-8, abs=1e-10)
    assert len({sampler.bucket_at(step) for step in range(len(moments))}) > 1  # else the bucket would not matter


def test_the_drops_are_without_label_smoothing_and_the_update_with_it(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(
        small_corpus, MEMBERS[:1], "hardware.dtype=float64", "training.label_smoothing=0.3", "probes.early_fraction=1"
    )
    moments = run_watched(trainer)
    table = trainer.results()[0][0]
    for step in (0, 3, 5):
        own = sentences_at(small_corpus.train, trainer.batches.sampler.sentences(0, step + 1)[step])
        before, after = (
            PlainTransformer(trainer.population.model, row[0]).loss(own)
            for row in (moments[step].before_MxP, moments[step].after_MxP)
        )
        assert table.loc[step, "overfit/self_drop"] == pytest.approx(before - after, rel=1e-8, abs=1e-10)


def test_measured_at_every_early_step_then_now_and_then(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, "training.steps=12", "probes.early_fraction=0.25", "probes.every=4")
    trainer.run(lambda _: None)
    for table, *_ in trainer.results():
        for name in ("overfit/self_drop", "overfit/held_drop", "overfit/gap"):
            assert np.flatnonzero(table[name].notna()).tolist() == [0, 1, 2, 4, 8, 11]


def test_held_out_sentences_fit_the_bucket_and_were_never_trained(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, MEMBERS)
    probe = OverfittingProbe(trainer.population, trainer.batches, small_corpus, lambda *_: None)
    trained, validation = set(all_sentences(small_corpus.train)), set(all_sentences(small_corpus.validation))
    buckets = trainer.batches.sampler.buckets
    assert len(probe.held_out) == len(buckets) > 3
    for bucket, batch in zip(buckets, probe.held_out, strict=True):
        held_out = sentences_of(batch, 0)
        assert held_out == sentences_of(batch, 1)
        assert 0 < len(held_out) == len(set(held_out)) <= HELD_OUT_SENTENCES
        assert set(held_out) <= validation - trained
        for source, target in held_out:
            assert len(source) <= bucket.source_bound
            assert len(target) - 1 <= bucket.target_bound
        fitting = (lengths_of(small_corpus.validation) <= (bucket.source_bound, bucket.target_bound)).all(1).sum()
        assert len(held_out) == min(HELD_OUT_SENTENCES, fitting)


def test_held_out_sentences_are_as_long_as_those_of_the_bucket(small_corpus: TokenizedCorpus) -> None:
    """On a split held out against itself, where partners of the very same lengths exist."""
    sampler = TrainingBatches(small_corpus.train, 32, [0], torch.device("cpu"), 100).sampler
    lengths = lengths_of(small_corpus.train)
    for bucket in sampler.buckets:
        held_out = held_out_like(bucket, small_corpus.train, small_corpus.train, 10)
        ranked = sorted(map(tuple, lengths[bucket.indices_n].tolist()), key=sum)
        evenly = [sum(ranked[round(i * (len(ranked) - 1) / 9)]) for i in range(10)]
        assert lengths[held_out].sum(1).tolist() == pytest.approx(evenly, abs=2)


def test_a_bucket_that_nothing_held_out_fits_takes_the_nearest(small_corpus: TokenizedCorpus) -> None:
    sampler = TrainingBatches(small_corpus.train, 8, [0], torch.device("cpu"), 100).sampler
    shortest = min(sampler.buckets, key=lambda bucket: bucket.source_bound + bucket.target_bound)
    far = lengths_of(small_corpus.validation)
    wanted = lengths_of(small_corpus.train)[shortest.indices_n].sum(1)
    long = np.flatnonzero((far > (shortest.source_bound, shortest.target_bound)).all(1))
    split = small_corpus.validation
    only_long = Split(
        split.source_NxS[long], split.target_NxT[long], split.source_lengths_N[long], split.target_lengths_N[long]
    )
    held_out = held_out_like(shortest, small_corpus.train, only_long, 4)
    nearest = np.sort(lengths_of(only_long).sum(1))[:4]  # all are longer than all that is wanted
    assert wanted.max() < nearest.min()
    assert sorted(lengths_of(only_long)[held_out].sum(1).tolist()) == nearest.tolist()
