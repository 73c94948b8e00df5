"""Corpora: distinct pairs, honest splits, and one clear error for what cannot be read."""

import gzip
from pathlib import Path

import pytest

from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig
from warmuplab.data import corpora


def data(folder: Path) -> DataConfig:
    return composed("data=multi30k", f"data.path={folder}").data


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_the_embedded_corpus_is_there_and_split_by_source() -> None:
    corpus = corpora.load(composed().data)
    assert 2500 < len(corpus.train) < 3500
    assert 0.05 < len(corpus.validation) / len(corpus.train) < 0.15
    assert not {source for source, _ in corpus.train} & {source for source, _ in corpus.validation}
    assert len(set(corpus.train)) == len(corpus.train)
    assert ("Close All", "Fermer tous") in corpus.train + corpus.validation


def test_a_pair_counts_once_whatever_its_white_space() -> None:
    corpus = corpora.split_by_source([("a  b", "x"), ("a b", "x "), ("a b", "y"), ("", "z"), (" ", "z")])
    assert sorted(corpus.train + corpus.validation) == [("a b", "x"), ("a b", "y")]


def test_official_splits_stay_and_compressed_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, train_en="one\ntwo\ntwo\n", val_en="three\n", val_de="drei\n")
    with gzip.open(tmp_path / "train.de.gz", "wt", encoding="utf-8") as file:
        file.write("eins\nzwei\nzwei\n")
    corpus = corpora.load(data(tmp_path))
    assert corpus.train == [("one", "eins"), ("two", "zwei")]
    assert corpus.validation == [("three", "drei")]


def test_the_fingerprint_follows_the_text(tmp_path: Path) -> None:
    write(tmp_path, train_en="one\n", train_de="eins\n", val_en="two\n", val_de="zwei\n")
    first = corpora.load(data(tmp_path)).fingerprint
    assert corpora.load(data(tmp_path)).fingerprint == first
    write(tmp_path, val_de="zwo\n")
    assert corpora.load(data(tmp_path)).fingerprint != first


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no train.en"),
        ({"train_en": "a\n", "train_de": "b\n"}, "no val.en"),
        ({"train_en": "a\nb\n", "train_de": "b\n", "val_en": "a\n", "val_de": "b\n"}, "2 lines"),
        ({"train_en": "", "train_de": "", "val_en": "a\n", "val_de": "b\n"}, "training split is empty"),
        ({"train_en": "a\n", "train_de": "b\n", "val_en": "\n", "val_de": "\n"}, "validation split is empty"),
    ],
)
def test_what_is_wrong_with_local_files_is_said(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(ConfigError, match=said) as caught:
        corpora.load(data(tmp_path))
    assert caught.value.field == "data.path"


def test_without_the_hub_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"use data=jupyterlab, or data\.path=FOLDER"):
        corpora.load(composed("data=multi30k").data)


def test_a_hub_dataset_becomes_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    splits = {
        "train": datasets.Dataset.from_list([{"en": "one", "de": "eins"}, {"en": "one", "de": "eins"}]),
        "validation": datasets.Dataset.from_list([{"en": "two", "de": "zwei"}]),
        "test": datasets.Dataset.from_list([{"en": "three", "de": "drei"}]),
    }
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {"bentrevett/multi30k": splits}[name])
    assert corpora.load(composed("data=multi30k").data) == corpora.Corpus([("one", "eins")], [("two", "zwei")])
