"""Corpora: sentence pairs in their original text, split and deduplicated.

A corpus with official splits keeps them: its validation split is the held-out set, and its test split, where it has
one, is read once at the end of a run by nothing that tunes. Any other is split in two by a hash of the source sentence,
so that no source text is in both; it has no test split, since another division would rename every run on it.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import reason
from warmuplab.config.schema import DataConfig
from warmuplab.data import hub

HELD_OUT_SHARE = 0.1  # of the source sentences, where a corpus has no official split
TEST_FILES = ("test", "test_2016_flickr")  # names of a local test split without the language, the first there is

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Corpus:
    """Pairs of (source, target) sentences."""

    train: Pairs
    validation: Pairs
    test: Pairs | None = None
    """None where the corpus has no test split."""
    revision: str | None = None
    """Commit of the Hub's dataset that the text was read from; None where it is from elsewhere, or not known."""

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any sentence of the training or the validation split.

        Runs are named after it. No run learns or decides anything from the test split, so that is not in it.
        """
        return _digest([self.train, self.validation])

    @cached_property
    def test_fingerprint(self) -> str | None:
        """16 hexadecimal digits that change with any sentence of the test split; None where there is none."""
        return None if self.test is None else _digest([self.test])


@dataclass(frozen=True)
class Source:
    """Where the text of a corpus comes from."""

    read: Callable[[DataConfig], Corpus]
    licence: str
    """What the text may be used for: an SPDX identifier, or the terms where there is none."""


def _digest(splits: list[Pairs]) -> str:
    text = json.dumps(splits, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(data: DataConfig) -> Corpus:
    """The corpus that `data` names. Raises `ConfigError` where it cannot be had or a split of it is empty."""
    if data.name not in CORPORA:
        raise ConfigError("data.name", data.name, "there is no such corpus", f"choose one of {', '.join(CORPORA)}")
    try:
        corpus = CORPORA[data.name].read(data)
    except OSError as error:
        raise ConfigError("data", data.name, reason(error), "make its files readable, or use another corpus") from error
    for split, pairs in (("training", corpus.train), ("validation", corpus.validation), ("test", corpus.test)):
        if pairs is not None and not pairs:
            raise ConfigError(
                "data.path" if data.path else "data",
                data.path or data.name,
                f"its {split} split is empty",
                "use another corpus",
            )
    return corpus


def split_by_source(pairs: Iterable[tuple[str, str]]) -> Corpus:
    """Distinct pairs, about `HELD_OUT_SHARE` of the source sentences held out, the same ones on every machine."""
    train: Pairs = []
    validation: Pairs = []
    for source, target in _distinct(pairs):
        position = int.from_bytes(hashlib.sha256(source.encode()).digest()[:8]) / 2**64
        (validation if position < HELD_OUT_SHARE else train).append((source, target))
    return Corpus(train, validation)


def _distinct(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Non-empty pairs without repetition, in the order of their first appearance, white space collapsed."""
    cleaned = ((" ".join(source.split()), " ".join(target.split())) for source, target in pairs)
    return list(dict.fromkeys(pair for pair in cleaned if all(pair)))


def _jupyterlab(data: DataConfig) -> Pairs:
    """Interface messages from the installed language pack, in the order of its sorted files."""
    if (data.source_language, data.target_language) != ("en", "fr"):
        field, value = (
            ("source", data.source_language) if data.source_language != "en" else ("target", data.target_language)
        )
        raise ConfigError(
            f"data.{field}_language",
            value,
            "the embedded corpus is English-French",
            "use source_language=en, target_language=fr",
        )
    try:
        import jupyterlab_language_pack_fr_FR as pack
    except ImportError:
        raise ConfigError(
            "data",
            data.name,
            "its package is not installed",
            "run `make setup` or pip install jupyterlab-language-pack-fr-FR",
        ) from None
    pairs: Pairs = []
    for catalogue in sorted(Path(str(pack.__file__)).parent.rglob("*.json")):
        for message, translations in json.loads(catalogue.read_text(encoding="utf-8")).items():
            if message:  # the empty message holds the catalogue's header
                pairs.append((message.split("\x04")[-1], translations[0]))  # \x04 ends a disambiguating context
    return pairs


def _from_package(pairs: Callable[[DataConfig], Pairs], licence: str) -> Source:
    """A corpus that an installed package holds, which has no official splits and lies nowhere else."""

    def read(data: DataConfig) -> Corpus:
        problem = "this corpus comes from a package"
        if data.path is not None:
            raise ConfigError("data.path", data.path, problem, "use data=multi30k with data.path=")
        if data.revision is not None:
            raise ConfigError("data.revision", data.revision, problem, "use data.revision=null")
        return split_by_source(pairs(data))

    return Source(read, licence)


def _from_hub(dataset: str, revision: str, licence: str) -> Source:
    """A translation set of the Hugging Face Hub at a commit, or the same as line-aligned files in `data.path`."""

    def read(data: DataConfig) -> Corpus:
        if data.path is None:
            splits, commit = hub.read(dataset, revision, data)
            test = _distinct(splits["test"]) if "test" in splits else None
            return Corpus(_distinct(splits["train"]), _distinct(splits["validation"]), test, commit)
        if data.revision is not None:
            problem = "files in data.path have no revision"
            raise ConfigError("data.revision", data.revision, problem, "use data.revision=null")
        return _line_aligned(Path(data.path), data)

    return Source(read, licence)


def _line_aligned(folder: Path, data: DataConfig) -> Corpus:
    if not folder.is_dir():
        raise ConfigError(
            "data.path", folder, "no such folder", "give the folder that holds train.en[.gz], val.en[.gz] and so on"
        )
    train, validation = (_distinct(_aligned(folder, split, data)) for split in ("train", "val"))
    return Corpus(train, validation, _local_test(folder, data))


def _local_test(folder: Path, data: DataConfig) -> Pairs | None:
    """The first of `TEST_FILES` of which there is a file in either language; None where there is no such file."""
    languages = (data.source_language, data.target_language)
    for split in TEST_FILES:
        found = [_path_of(folder, f"{split}.{language}") for language in languages]
        if all(found):
            return _distinct(_aligned(folder, split, data))
        for path, language in zip(found, reversed(languages), strict=True):
            if path is not None:
                problem = f"{path.name} is there, {split}.{language}[.gz] is not"
                raise ConfigError("data.path", folder, problem, f"add the other file, or move {path.name} elsewhere")
    return None


def _aligned(folder: Path, split: str, data: DataConfig) -> Iterable[tuple[str, str]]:
    source, target = (
        _lines(folder, f"{split}.{language}") for language in (data.source_language, data.target_language)
    )
    if len(source) != len(target):
        raise ConfigError(
            "data.path",
            folder,
            f"{split}.{data.source_language} has {len(source)} lines, {split}.{data.target_language} {len(target)}",
            "line i of one file must translate line i of the other",
        )
    return zip(source, target, strict=True)


def _path_of(folder: Path, name: str) -> Path | None:
    """The file of that name or, else, its compressed form."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _lines(folder: Path, name: str) -> list[str]:
    path = _path_of(folder, name)
    if path is None:
        odd = next((each.name for each in (folder / name, folder / f"{name}.gz") if os.path.lexists(each)), None)
        raise ConfigError(
            "data.path",
            folder,
            f"{odd} is there, but is not a file" if odd else f"no {name} or {name}.gz in it",
            "add the file, or set data.source_language and data.target_language",
        )
    opener = gzip.open if path.name == f"{name}.gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            return [line.rstrip("\r\n") for line in file]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ConfigError("data.path", folder, f"{path.name} cannot be read: {error}", "repair the file") from None


# Every corpus, by the name that `conf/data/` gives it: how it is read, and its licence.
CORPORA: dict[str, Source] = {
    "jupyterlab": _from_package(_jupyterlab, licence="BSD-3-Clause"),
    "multi30k": _from_hub(
        "bentrevett/multi30k",
        revision="4589883f3d09d4ef6361784e03f0ead219836469",  # of 24 March 2023
        # Its README of July 2026 (github.com/multi30k/dataset) passes on the terms of Flickr30k; the Hub names none.
        licence="non-commercial research and education only (terms of Flickr30k)",
    ),
}
