"""What counts as seen early was seen early, what counts as unseen never, and the losses on both are a plain model's."""

import numpy as np
import pytest

from support.short_runs import (
    PlainTransformer,
    Sentence,
    all_sentences,
    run_watched,
    sentences_at,
    sentences_of,
    trainer_of,
)
from warmuplab.data.batches import Batch, alike_in_length, lengths_of, probe_indices
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.probes.memorisation import EARLY_SHARE, GeneralisationProbe, MemorisationProbe, first_step
from warmuplab.training import Trainer

SEEDS = (0, 4, 0)
MEMBERS = (
    ("seed=0", "schedule.peak_lr=3e-3"),
    ("seed=4", "schedule.peak_lr=3e-2", "schedule.warmup.fraction=0"),
    ("seed=0", "schedule.peak_lr=3e-2"),
)
STEPS = 44  # 5 % of which are 3 batches of 8 sentences, rounded up
RUN = ("hardware.dtype=float64", f"training.steps={STEPS}", "training.validate_every=20", "probes.batch_size=12")


def probe_of(trainer: Trainer, corpus: TokenizedCorpus, sentences: int = 12, steps: int = STEPS) -> MemorisationProbe:
    return MemorisationProbe(
        trainer.population, trainer.batches, corpus, SEEDS, steps, sentences, record=lambda *_: None
    )


def lengths(sentences: list[Sentence]) -> list[tuple[int, int]]:
    """Tokens to read and tokens to predict."""
    return [(len(source), len(target) - 1) for source, target in sentences]


@pytest.mark.parametrize(("steps", "expected"), [(1, 1), (2, 1), (20, 1), (21, 2), (40, 2), (44, 3), (200, 10)])
def test_the_early_batches_are_5_percent_of_the_steps_rounded_up(steps: int, expected: int) -> None:
    assert EARLY_SHARE == 0.05
    assert first_step(steps) == expected


def test_early_sentences_were_read_before_the_first_measurement(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, *RUN)
    probe = probe_of(trainer, small_corpus)
    centre = np.median(lengths_of(small_corpus.validation), axis=0)
    for m, seed in enumerate(SEEDS):
        read = {int(i) for step in range(3) for i in trainer.batches.sampler.sentences(seed, step + 1)[step]}
        candidates = sentences_at(small_corpus.train, sorted(read))
        early = sentences_of(probe.early, m)
        assert len(set(early)) == len(early) == 12
        assert set(early) <= set(candidates)
        # Of all that were read, the ones of middling length.
        distance = sorted(abs(s - centre[0]) + abs(t - centre[1]) for s, t in lengths(candidates))
        assert sorted(abs(s - centre[0]) + abs(t - centre[1]) for s, t in lengths(early)) == distance[:12]


def test_early_sentences_are_all_that_were_read_where_there_is_room(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, *RUN)
    probe = probe_of(trainer, small_corpus, sentences=100)
    for m, seed in enumerate(SEEDS):
        batches = [sentences_of(trainer.batches.at(step), m) for step in range(3)]
        assert set(sentences_of(probe.early, m)) == {sentence for batch in batches for sentence in batch}, seed


def test_the_sets_of_a_member_depend_on_no_other(small_corpus: TokenizedCorpus) -> None:
    """Also where fewer sentences were read than are asked for."""
    trainer = trainer_of(small_corpus, MEMBERS, *RUN)
    together = probe_of(trainer, small_corpus, sentences=40)
    for m, seed in enumerate(SEEDS):
        alone = trainer_of(small_corpus, (MEMBERS[m],), *RUN)
        probe = MemorisationProbe(
            alone.population, alone.batches, small_corpus, [seed], STEPS, 40, record=lambda *_: None
        )
        assert sentences_of(probe.early, 0) == sentences_of(together.early, m)
        assert sentences_of(probe.unseen, 0) == sentences_of(together.unseen, m)


def test_early_sentences_follow_from_the_seed(small_corpus: TokenizedCorpus) -> None:
    probe = probe_of(trainer_of(small_corpus, MEMBERS, *RUN), small_corpus)
    early, unseen = ([sentences_of(batch, m) for m in range(3)] for batch in (probe.early, probe.unseen))
    assert early[0] == early[2]
    assert unseen[0] == unseen[2]
    assert set(early[0]) != set(early[1])


def test_unseen_sentences_are_never_trained_and_each_as_long_as_its_partner(small_corpus: TokenizedCorpus) -> None:
    probe = probe_of(trainer_of(small_corpus, MEMBERS, *RUN), small_corpus)
    validation, trained = all_sentences(small_corpus.validation), set(all_sentences(small_corpus.train))
    for m in range(3):
        early, unseen = sentences_of(probe.early, m), sentences_of(probe.unseen, m)
        assert len(set(unseen)) == len(unseen) == len(early)
        assert set(unseen) <= set(validation) - trained
        left = list(validation)
        for (source, target), found in zip(lengths(early), unseen, strict=True):
            distances = [abs(s - source) + abs(t - target) for s, t in lengths(left)]
            assert distances[left.index(found)] == min(distances)
            left.remove(found)
        mean_early, mean_unseen = (np.mean(lengths(sentences), axis=0) for sentences in (early, unseen))
        assert mean_unseen.tolist() == pytest.approx(mean_early.tolist(), abs=1)


def test_partners_run_out_with_the_split(small_corpus: TokenizedCorpus) -> None:
    split = small_corpus.validation
    wanted = lengths_of(split)[[3, 3, 3]]
    assert alike_in_length(split, wanted, among=np.array([5, 3])).tolist() == [3, 5]
    assert sorted(alike_in_length(split, lengths_of(small_corpus.train)).tolist()) == list(range(len(split)))
    probe = probe_of(trainer_of(small_corpus, MEMBERS, *RUN), small_corpus, sentences=10_000, steps=4000)
    assert probe.early.source_MxBxS.shape[1] == probe.unseen.source_MxBxS.shape[1] <= len(split)


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
def test_equals_the_losses_of_a_plain_model(small_corpus: TokenizedCorpus, model: str) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, f"model={model}", *RUN)
    probe = probe_of(trainer, small_corpus)
    generalisation = GeneralisationProbe(trainer.population, small_corpus, 12, lambda *_: None)
    moments = run_watched(trainer)

    def loss(row_P: object, batch: Batch, m: int) -> float:
        return PlainTransformer(trainer.population.model, row_P).loss(sentences_of(batch, m))  # type: ignore[arg-type]

    for m, (table, *_) in enumerate(trainer.results()):
        measured = np.flatnonzero(table["overfit/memorisation"].notna()).tolist()
        assert measured == [3, 8, 16, 32, 43]  # none before the early batches are complete
        for step in (3, 32):
            early, unseen = (loss(moments[step].before_MxP[m], batch, m) for batch in (probe.early, probe.unseen))
            assert table.loc[step, "overfit/early_loss"] == pytest.approx(early, rel=1e-9)
            assert table.loc[step, "overfit/unseen_loss"] == pytest.approx(unseen, rel=1e-9)
            assert table.loc[step, "overfit/memorisation"] == pytest.approx(early - unseen, rel=1e-6)
        assert np.flatnonzero(table["overfit/generalisation_gap"].notna()).tolist() == [19, 39, 43]
        for step in (19, 43):
            held_out, trained = (
                loss(moments[step].after_MxP[m], batch, m)
                for batch in (generalisation.held_out, generalisation.trained)
            )
            assert table.loc[step, "overfit/generalisation_gap"] == pytest.approx(held_out - trained, rel=1e-6)


def test_the_generalisation_gap_compares_the_probe_batch_with_trained_sentences_as_long(
    small_corpus: TokenizedCorpus,
) -> None:
    trainer = trainer_of(small_corpus, MEMBERS, *RUN)
    probe = GeneralisationProbe(trainer.population, small_corpus, 12, lambda *_: None)
    indices = probe_indices(small_corpus.validation, 12)
    for m in range(3):
        held_out, trained = sentences_of(probe.held_out, m), sentences_of(probe.trained, m)
        assert held_out == sentences_at(small_corpus.validation, indices)
        assert set(trained) <= set(all_sentences(small_corpus.train))
        assert len(set(trained)) == len(trained) == len(held_out)
        assert lengths(trained) == pytest.approx(np.array(lengths(held_out)), abs=2)
