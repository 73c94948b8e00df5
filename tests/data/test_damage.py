"""A damaged cache is made again, odd text is a corpus, and what is none is refused in one line."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig
from warmuplab.data import tokens

CORPUS = 60  # lines of the small corpora below


def written(folder: Path, source: str | bytes, target: str | bytes) -> DataConfig:
    """A corpus of these two texts, which are training and validation."""
    folder.mkdir()
    for split in ("train", "val"):
        for language, text in (("en", source), ("de", target)):
            (folder / f"{split}.{language}").write_bytes(text.encode() if isinstance(text, str) else text)
    return composed("data=multi30k", f"data.path={folder}", "data.vocabulary_size=300").data


def lines(word: str) -> str:
    return "".join(f"{word} {number} is here\n" for number in range(CORPUS))


def damages(content: bytes) -> Iterator[bytes]:
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        yield bytes(changed)
    for share in (0.0, 0.3, 0.9, 0.999):
        yield content[: int(share * len(content))]
    yield b"PK\x03\x04"
    yield content + content


def test_a_damaged_cache_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = written(tmp_path / "text", lines("word"), lines("Wort"))
    sound = tokens.load(data, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    content, told = path.read_bytes(), 0
    for damage in damages(content):
        path.write_bytes(damage)
        found = tokens.load(data, tmp_path / "cache")
        said = capsys.readouterr().err
        assert same(found, sound)
        if said:  # some bits of an archive mean nothing
            told += 1
            assert said.startswith(f"note: {path} is damaged (")
            assert said.count("\n") == 1
            assert tokens.load(data, tmp_path / "cache") is not None
            assert capsys.readouterr().err == ""
    assert told > 40


def test_a_cache_with_swapped_arrays_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = written(tmp_path / "text", lines("word"), lines("Wort"))
    sound = tokens.load(data, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    arrays["train_source"], arrays["train_target"] = arrays["train_target"], arrays["train_source"]
    with path.open("wb") as out:
        np.savez_compressed(out, **arrays)
    assert same(tokens.load(data, tmp_path / "cache"), sound)
    assert "its checksum is wrong" in capsys.readouterr().err


def same(one: tokens.TokenizedCorpus, other: tokens.TokenizedCorpus) -> bool:
    pairs = ((one.train, other.train), (one.validation, other.validation))
    return one.vocabulary_size == other.vocabulary_size and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in vars(a)
    )


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (lines("word").replace("\n", "\r\n"), lines("Wort").replace("\n", "\r\n")),
        (lines("wo\0rd"), lines("Wort")),
        (lines("word") + "\n\n", lines("Wort") + "\n\n"),
        (lines("word"), lines("word")),
        ("one\n", "eins\n"),
        (lines("word") + "a" * 200_000 + "\n", lines("Wort") + "b\n"),
        (lines("word \u202e \U0001f600 \ufeff"), lines("Wört")),
    ],
    ids=["crlf", "nul", "empty lines", "target as source", "one sentence", "endless word", "unicode"],
)
def test_odd_text_is_a_corpus(tmp_path: Path, source: str, target: str) -> None:
    began = time.monotonic()
    corpus = tokens.load(written(tmp_path / "text", source, target), tmp_path / "cache")
    assert len(corpus.train) in (1, CORPUS)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        (b"\xff\xfe\xfa\n", b"a\n", "train.en cannot be read: .*utf-8"),
        (lines("word"), lines("Wort") + "more\n", "train.en has 60 lines, train.de 61"),
        ("", "", "its training split is empty"),
        ("a" * 5000 + "\n", "b\n", "a word of every train sentence has over 1000 characters"),
    ],
    ids=["not utf-8", "mismatched", "empty", "endless words alone"],
)
def test_unusable_text_is_refused_in_a_line(
    tmp_path: Path, source: str | bytes, target: str | bytes, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        tokens.load(written(tmp_path / "text", source, target), tmp_path / "cache")
    assert "\n" not in str(refused.value)


def test_a_flipped_bit_of_a_compressed_corpus_is_named(tmp_path: Path) -> None:
    data = written(tmp_path / "text", lines("word"), lines("Wort"))
    plain = tmp_path / "text" / "train.en"
    whole = gzip.compress(plain.read_bytes())
    plain.unlink()
    refused = 0
    for place in range(10, len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 16
        (tmp_path / "text" / "train.en.gz").write_bytes(changed)
        try:
            tokens.load(data, tmp_path / "cache")
        except ConfigError as error:
            refused += 1
            assert "train.en.gz cannot be read" in str(error)  # noqa: PT017
    assert refused > 20
