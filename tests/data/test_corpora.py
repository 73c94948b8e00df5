"""Corpora: distinct pairs, honest splits, and one clear error for what cannot be read."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from support.composing import ROOT, composed
from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig
from warmuplab.data import corpora


def data(folder: Path) -> DataConfig:
    return composed("data=multi30k", f"data.path={folder}").data


def write(folder: Path, **files: str) -> Path:
    """Files by their names with `_` for the dot before the language."""
    for name, text in files.items():
        (folder / ".".join(name.rsplit("_", 1))).write_text(text, encoding="utf-8")
    return folder


def written(folder: Path, **more: str) -> Path:
    """The files of a small corpus, and `more`."""
    return write(folder, **{"train_en": "one\n", "train_de": "eins\n", "val_en": "two\n", "val_de": "zwei\n"} | more)


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
    written(tmp_path)
    first = corpora.load(data(tmp_path)).fingerprint
    assert corpora.load(data(tmp_path)).fingerprint == first
    write(tmp_path, val_de="zwo\n")
    assert corpora.load(data(tmp_path)).fingerprint != first


def test_the_fingerprint_of_the_embedded_corpus_is_the_recorded_one() -> None:
    corpus = corpora.load(composed().data)
    manifest = json.loads((ROOT / "results" / "quick" / "manifest.json").read_text())
    assert corpus.fingerprint == manifest["corpora"][0]["fingerprint"]
    assert (corpus.test, corpus.test_fingerprint) == (None, None)


def test_a_test_split_leaves_the_fingerprint_and_has_one_of_its_own(tmp_path: Path) -> None:
    without = corpora.load(data(written(tmp_path)))
    assert (without.test, without.test_fingerprint) == (None, None)
    flickr = corpora.load(data(write(tmp_path, test_2016_flickr_en="a\n", test_2016_flickr_de="b\n")))
    assert flickr.test == [("a", "b")]
    plain = corpora.load(data(write(tmp_path, test_en="three\nthree\n\n", test_de="drei\ndrei\n\n")))
    assert plain.test == [("three", "drei")]  # before the other, distinct and without empty lines
    assert len({without.fingerprint, flickr.fingerprint, plain.fingerprint}) == 1
    assert len({None, flickr.test_fingerprint, plain.test_fingerprint, plain.fingerprint}) == 4


def test_a_compressed_test_split_is_read_too(tmp_path: Path) -> None:
    written(tmp_path, test_en="three\n")
    with gzip.open(tmp_path / "test.de.gz", "wt", encoding="utf-8") as file:
        file.write("drei\n")
    assert corpora.load(data(tmp_path)).test == [("three", "drei")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"test_en": "a\n"}, r"test\.en is there, test\.de\[\.gz\] is not; add the other file, or move test\.en"),
        ({"test_de": "a\n"}, r"test\.de is there, test\.en\[\.gz\] is not"),
        ({"test_2016_flickr_de": "a\n"}, r"test_2016_flickr\.de is there"),
        ({"test_en": "a\n", "test_2016_flickr_en": "a\n", "test_2016_flickr_de": "b\n"}, r"test\.en is there"),
        ({"test_en": "a\nb\n", "test_de": "b\n"}, r"test\.en has 2 lines, test\.de 1"),
        ({"test_en": "\n", "test_de": "\n"}, "test split is empty"),
    ],
)
def test_half_a_test_split_is_an_error(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        corpora.load(data(written(tmp_path, **files)))
    assert caught.value.field == "data.path"
    assert "\n" not in str(caught.value)


def test_the_licence_of_the_embedded_corpus_is_that_of_its_package() -> None:
    """BSD with three clauses: the third forbids endorsement by name."""
    package = metadata.metadata("jupyterlab-language-pack-fr-FR")
    assert "License :: OSI Approved :: BSD License" in package.get_all("Classifier", [])
    assert "3. Neither the name of the copyright holder" in package["License"]
    assert corpora.CORPORA["jupyterlab"].licence == "BSD-3-Clause"
    assert "non-commercial" in corpora.CORPORA["multi30k"].licence


@pytest.mark.parametrize("overrides", [("data=jupyterlab",), ("data=multi30k", "data.path=FOLDER")])
def test_a_revision_is_refused_where_the_text_is_not_from_the_hub(overrides: tuple[str, ...], tmp_path: Path) -> None:
    told = [override.replace("FOLDER", str(written(tmp_path))) for override in overrides]
    with pytest.raises(ConfigError, match=r"data\.revision=main: .*; use data\.revision=null"):
        corpora.load(composed(*told, "data.revision=main").data)


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


PINNED = "4589883f3d09d4ef6361784e03f0ead219836469"
SPLITS = {
    "train": [{"en": "one", "de": "eins"}, {"en": "one", "de": "eins"}],
    "validation": [{"en": "two", "de": "zwei"}],
    "test": [{"en": "three", "de": "drei"}],
}


def asked_of_the_hub(monkeypatch: pytest.MonkeyPatch, splits: dict[str, Any]) -> list[tuple[str, str]]:
    """What is asked of the Hub, which answers with `splits`, or raises them."""
    import datasets

    asked = []

    def load_dataset(name: str, revision: str) -> Any:
        asked.append((name, revision))
        return {split: datasets.Dataset.from_list(rows) for split, rows in splits.items()}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_a_hub_dataset_becomes_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of_the_hub(monkeypatch, SPLITS)
    corpus = corpora.load(composed("data=multi30k").data)
    assert corpus == corpora.Corpus([("one", "eins")], [("two", "zwei")], [("three", "drei")])
    assert corpora.load(composed("data=multi30k", "data.revision=main").data) == corpus
    assert asked == [("bentrevett/multi30k", PINNED), ("bentrevett/multi30k", "main")]


def test_a_hub_dataset_may_have_no_test_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_the_hub(monkeypatch, {name: rows for name, rows in SPLITS.items() if name != "test"})
    assert corpora.load(composed("data=multi30k").data).test is None


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_language_that_a_hub_dataset_lacks_is_named(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_the_hub(monkeypatch, SPLITS)
    with pytest.raises(ConfigError, match=rf"data\.{side}_language=fr: bentrevett/multi30k has en, de"):
        corpora.load(composed("data=multi30k", f"data.{side}_language=fr").data)


def test_a_revision_without_a_split_that_is_needed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_of_the_hub(monkeypatch, {"train": SPLITS["train"]})
    with pytest.raises(ConfigError, match=r"data\.revision=v1: .* no validation split"):
        corpora.load(composed("data=multi30k", "data.revision=v1").data)


def test_a_revision_that_the_hub_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load_dataset(name: str, revision: str) -> Any:
        raise datasets.exceptions.DatasetNotFoundError(f"Revision '{revision}' doesn't exist for dataset '{name}'.")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(ConfigError, match=r"data\.revision=v9: .* no revision v9 .*; use data\.revision=main"):
        corpora.load(composed("data=multi30k", "data.revision=v9").data)


CACHE = """
import sys
from pathlib import Path
from datasets.packaged_modules.json.json import Json
folder, commit, cache = sys.argv[1:]
files = {name: f"{folder}/{name}.jsonl" for name in ("train", "validation", "test")}
made = Json(dataset_name="multi30k", hash=commit, data_files=files, cache_dir=f"{folder}/made")
made.download_and_prepare()
place = Path(cache) / "datasets/bentrevett___multi30k/default/0.0.0" / commit  # where the library puts what it fetches
place.parent.mkdir(parents=True)
Path(made.cache_dir).rename(place)
"""
READ = """
import sys
sys.path.insert(0, "tests")
from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.data import corpora
try:
    corpus = corpora.load(composed("data=multi30k", *sys.argv[1:]).data)
    print(corpus.revision, corpus.test)
except ConfigError as error:
    print(error)
"""


def test_offline_the_cached_commit_counts_only_if_it_is_the_one_asked_for(tmp_path: Path) -> None:
    """With the real library, which offline takes whatever commit it has in its cache."""
    for name, rows in SPLITS.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    home = tmp_path / "home"

    def run(code: str, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT, capture_output=True, text=True, check=True,
            env=os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        ).stdout.strip()  # fmt: skip

    run(CACHE, str(tmp_path), PINNED, str(home))
    assert run(READ) == f"{PINNED} [('three', 'drei')]"
    shutil.rmtree(home)
    other = "0123456789" * 4
    run(CACHE, str(tmp_path), other, str(home))
    assert run(READ) == (
        f"data.revision=null: the local cache holds bentrevett/multi30k at {other}, not at {PINNED};"
        f" connect to the Hugging Face Hub, or use data.revision={other}"
    )
    assert run(READ, "data.revision=main") == f"{other} [('three', 'drei')]"
