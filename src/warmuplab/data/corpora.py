"""Corpora: sentence pairs in their original text, split and deduplicated.

A corpus with official splits keeps them, and its validation split is the held-out set. Any other is split by a hash of
the source sentence, so that no source text is in both.
"""

import gzip
import hashlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import reason
from warmuplab.config.schema import DataConfig

HELD_OUT_SHARE = 0.1  # of the source sentences, where a corpus has no official split
HUB_TIMEOUT_SECONDS = 5.0

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Corpus:
    """Pairs of (source, target) sentences."""

    train: Pairs
    validation: Pairs

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any sentence of either split."""
        text = json.dumps([self.train, self.validation], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


Read = Callable[[DataConfig], Corpus]


def load(data: DataConfig) -> Corpus:
    """The corpus that `data` names. Raises `ConfigError` where it cannot be had or a split of it is empty."""
    if data.name not in CORPORA:
        raise ConfigError("data.name", data.name, "there is no such corpus", f"choose one of {', '.join(CORPORA)}")
    try:
        corpus = CORPORA[data.name](data)
    except OSError as error:
        raise ConfigError("data", data.name, reason(error), "make its files readable, or use another corpus") from error
    for split, pairs in (("training", corpus.train), ("validation", corpus.validation)):
        if not pairs:
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


def _from_package(pairs: Callable[[DataConfig], Pairs]) -> Read:
    """A corpus that an installed package holds, which has no official splits and lies nowhere else."""

    def read(data: DataConfig) -> Corpus:
        if data.path is not None:
            problem = "this corpus comes from a package"
            raise ConfigError("data.path", data.path, problem, "use data=multi30k with data.path=")
        return split_by_source(pairs(data))

    return read


def _from_hub(dataset: str) -> Read:
    """A translation set of the Hugging Face Hub, or the same as line-aligned files in `data.path`."""

    def read(data: DataConfig) -> Corpus:
        return _hub(dataset, data) if data.path is None else _line_aligned(Path(data.path), data)

    return read


def _line_aligned(folder: Path, data: DataConfig) -> Corpus:
    if not folder.is_dir():
        raise ConfigError(
            "data.path", folder, "no such folder", "give the folder that holds train.en[.gz], val.en[.gz] and so on"
        )
    return Corpus(_distinct(_aligned(folder, "train", data)), _distinct(_aligned(folder, "val", data)))


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


def _lines(folder: Path, name: str) -> list[str]:
    for path, opener in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
        if path.is_file():
            try:
                with opener(path, "rt", encoding="utf-8", newline="\n") as file:
                    return [line.rstrip("\r\n") for line in file]
            except (OSError, EOFError, UnicodeDecodeError) as error:
                raise ConfigError(
                    "data.path", folder, f"{path.name} cannot be read: {error}", "repair the file"
                ) from None
    raise ConfigError(
        "data.path",
        folder,
        f"no {name} or {name}.gz in it",
        "add the file, or set data.source_language and data.target_language",
    )


def _hub(dataset: str, data: DataConfig) -> Corpus:
    """Official splits of a Hub dataset whose columns are named by language; from the local cache when offline."""
    if not _hub_answers():
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is imported
    import datasets

    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(dataset)
        columns = [
            (splits[split][data.source_language], splits[split][data.target_language])
            for split in ("train", "validation")
        ]
    except KeyError as error:
        raise ConfigError(
            "data.source_language", data.source_language, f"{dataset} has no {error}", "use the languages it has"
        ) from None
    except Exception as error:  # the library raises a dozen unrelated types for "not available"
        raise ConfigError(
            "data",
            data.name,
            f"{dataset} is neither in the local cache nor can the Hugging Face Hub be reached ({type(error).__name__})",
            "use data=jupyterlab, or data.path=FOLDER with local files",
        ) from None
    return Corpus(*(_distinct(zip(source, target, strict=True)) for source, target in columns))


def _hub_answers() -> bool:
    """Whether the Hub can be reached: asked once, since the library would retry for 23 s before it gives up."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "on", "yes"}:
        return False
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=HUB_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # it answered, if only to refuse this request
    except (OSError, ValueError):
        return False
    return True


# Every corpus, by the name that `conf/data/` gives it: how it is read.
CORPORA: dict[str, Read] = {
    "jupyterlab": _from_package(_jupyterlab),
    "multi30k": _from_hub("bentrevett/multi30k"),
}
