"""Tokens: sentences come back whole, the cache is keyed by all that determines it."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.data import corpora, tokens


def test_sentences_end_with_the_end_marker_and_lengths_count_it(small_corpus: tokens.TokenizedCorpus) -> None:
    for split in (small_corpus.train, small_corpus.validation):
        for ids, length in zip(split.source_NxS, split.source_lengths_N, strict=True):
            assert ids[length - 1] == tokens.END
            assert (ids[length:] == tokens.PADDING).all()
            assert (ids[: length - 1] > tokens.END).all()
        for ids, length in zip(split.target_NxT, split.target_lengths_N, strict=True):
            assert ids[0] == tokens.START
            assert ids[length] == tokens.END
            assert (ids[length + 1 :] == tokens.PADDING).all()


def test_ids_decode_to_the_text(small_folder: Path, small_corpus: tokens.TokenizedCorpus) -> None:
    corpus = corpora.load(composed("data=multi30k", f"data.path={small_folder}").data)
    tokenizer = tokens._train_tokenizer(corpus.train, 300)
    from tokenizers import decoders

    tokenizer.decoder = decoders.ByteLevel()
    decoded = [tokenizer.decode(row.tolist()).strip() for row in small_corpus.validation.source_NxS]
    kept = [source for source, _ in corpus.validation]
    assert set(decoded) <= set(kept)
    assert len(decoded) > 0.5 * len(kept)


def test_the_tokenizer_is_the_same_in_another_process(small_folder: Path, small_corpus: tokens.TokenizedCorpus) -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); from support.composing import composed;"
        "from warmuplab.data import tokens;"
        "from pathlib import Path; import tempfile;"
        f"data = composed('data=multi30k', 'data.path={small_folder}', 'data.vocabulary_size=300').data;"
        "print(tokens.load(data, Path(tempfile.mkdtemp())).train.source_NxS.tobytes().hex()[:20000])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == small_corpus.train.source_NxS.tobytes().hex()[:20000]


def test_the_cache_serves_the_second_call_and_only_the_same_settings(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = composed("data=multi30k", f"data.path={small_folder}", "data.vocabulary_size=300").data
    first = tokens.load(data, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "_tokenize", lambda *_: pytest.fail("tokenized again"))
        assert np.array_equal(tokens.load(data, tmp_path).train.target_NxT, first.train.target_NxT)
    for override in ("data.vocabulary_size=310", "data.max_length=20"):
        other = composed("data=multi30k", f"data.path={small_folder}", "data.vocabulary_size=300", override).data
        tokens.load(other, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_no_sentence_exceeds_the_longest_length(small_folder: Path, tmp_path: Path) -> None:
    data = composed("data=multi30k", f"data.path={small_folder}", "data.max_length=15").data
    corpus = tokens.load(data, tmp_path)
    assert max(corpus.train.source_lengths_N.max(), corpus.train.target_lengths_N.max()) <= 15
    with pytest.raises(ConfigError, match=r"data\.max_length=2"):
        tokens.load(composed("data=multi30k", f"data.path={small_folder}", "data.max_length=2").data, tmp_path)


def test_unigram_entropy_equals_a_count_by_hand(small_corpus: tokens.TokenizedCorpus) -> None:
    counts: dict[int, int] = {}
    for row, length in zip(small_corpus.train.target_NxT, small_corpus.train.target_lengths_N, strict=True):
        for token in row[1 : length + 1]:
            counts[int(token)] = counts.get(int(token), 0) + 1
    total = sum(counts.values())
    entropy = -sum(n / total * np.log(n / total) for n in counts.values())
    assert small_corpus.unigram_entropy == pytest.approx(entropy, rel=1e-12)


def test_a_test_split_is_tokenized_and_changes_nothing_else(small_folder: Path, tmp_path: Path) -> None:
    """Nor is a cache from before it was there read as if the corpus had none."""
    folder, cache = tmp_path / "corpus", tmp_path / "cache"
    shutil.copytree(small_folder, folder)
    data = composed("data=multi30k", f"data.path={folder}", "data.vocabulary_size=300").data
    before = tokens.load(data, cache)
    assert (before.test, before.test_fingerprint) == (None, None)
    for language, text in (("en", "sources unseen\n"), ("de", "targets unseen as well\n")):
        (folder / f"test.{language}").write_text(text)
    for _ in range(2):  # tokenized, and from the cache
        after = tokens.load(data, cache)
        assert after.test is not None
        assert len(after.test) == 1
        assert after.test.target_NxT[0, 0] == tokens.START
        assert after.test.source_NxS[0, after.test.source_lengths_N[0] - 1] == tokens.END
        assert (after.fingerprint, after.vocabulary_size) == (before.fingerprint, before.vocabulary_size)
        for ours, theirs in ((after.train, before.train), (after.validation, before.validation)):
            for part in dataclasses.fields(tokens.Split):
                assert np.array_equal(getattr(ours, part.name), getattr(theirs, part.name))
    assert len(list(cache.iterdir())) == 2
