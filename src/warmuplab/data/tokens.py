"""From text to token ids: a byte-pair tokenizer trained on the train split, and the tokenized corpus in a cache."""

import hashlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from warmuplab.base.arguments import usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import check_folder, reason, replace_atomically
from warmuplab.config.schema import DataConfig
from warmuplab.data import corpora

PADDING, START, END = 0, 1, 2
SPECIAL_TOKENS = ("<pad>", "<start>", "<end>")
_CACHE_VERSION = 4  # raise it when the same text would yield other ids, or a file would hold something else
CHECKSUM = "checksum"
LONGEST_WORD = 1000  # characters without white space: learning pairs takes time with the square of it

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Padded sentences: `source_NxS` ends with END, `target_NxT` begins with START and ends with END.

    `source_lengths_N` counts the tokens of a source, `target_lengths_N` those to be predicted (without START).
    """

    source_NxS: Ids
    target_NxT: Ids
    source_lengths_N: Ids
    target_lengths_N: Ids

    def __len__(self) -> int:
        return len(self.source_lengths_N)


@dataclass(frozen=True)
class TokenizedCorpus:
    """What a model is trained and judged on."""

    fingerprint: str
    """Of the text; see `Corpus.fingerprint`."""
    vocabulary_size: int
    """Entries of the vocabulary, at most what the configuration asked for."""
    tokenizer: str
    """What made the ids, in JSON; `read_tokenizer` makes it usable."""
    train: Split
    validation: Split
    test: Split | None
    """For `test/loss` at the end of a run and nothing else; None where the corpus has none."""
    test_fingerprint: str | None
    """Of the text of the test split; see `Corpus.test_fingerprint`."""
    revision: str | None
    """See `Corpus.revision`."""

    @property
    def unigram_entropy(self) -> float:
        """Entropy of the training targets' tokens in nats: the loss of a model that knows their frequencies only."""
        tokens = self.train.target_NxT[:, 1:]
        counts = np.bincount(tokens[tokens != PADDING])
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log(shares)).sum())


def load(data: DataConfig, cache: Path) -> TokenizedCorpus:
    """The tokenized corpus, from the folder `cache` when it was tokenized before.

    Raises `ConfigError` where the corpus cannot be had, all of a split is longer than `data.max_length` or the cache
    cannot be written.
    """
    import tokenizers

    corpus = corpora.load(data)
    text = [corpus.fingerprint, corpus.test_fingerprint]
    key = json.dumps([_CACHE_VERSION, tokenizers.__version__, *text, data.vocabulary_size, data.max_length])
    path = cache / f"{data.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    with usable_folder("outputs", cache.parent, "outputs=FOLDER"):
        check_folder(cache)
        arrays = _read(path) if path.exists() else None
        if arrays is None:
            arrays = _tokenize(corpus, data)
            _write(path, arrays)
    return _splits(arrays, corpus)


def _read(path: Path) -> dict[str, Any] | None:
    """The arrays in `path`; None, which is said in a line on standard error, where they are not those written."""
    arrays, problem = _arrays(path.read_bytes())
    if problem is not None:
        print(f"note: {path} is damaged ({problem}); it is made again from the text", file=sys.stderr)
        return None
    return arrays


def problem_of(path: Path) -> str | None:
    """What is wrong with a file of the cache; None where it is whole."""
    try:
        return _arrays(path.read_bytes())[1]
    except OSError as error:
        return reason(error)


def _arrays(content: bytes) -> tuple[dict[str, Any], str | None]:
    """The arrays in the content of a file, and what is wrong with it."""
    try:
        with np.load(io.BytesIO(content)) as file:
            arrays = {name: file[name] for name in file.files}
        whole = str(arrays.pop(CHECKSUM)) == _checksum(arrays)
    except Exception as error:  # a damaged archive raises almost anything
        return {}, " ".join(f"{type(error).__name__}: {error}".split())
    return arrays, None if whole else "its checksum is wrong"


def _checksum(arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        values = np.ascontiguousarray(array)
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode() + values.tobytes())
    return digest.hexdigest()


def _splits(arrays: Mapping[str, Any], corpus: corpora.Corpus) -> TokenizedCorpus:
    return TokenizedCorpus(
        corpus.fingerprint,
        int(arrays["vocabulary_size"]),
        arrays["tokenizer"].tobytes().decode(),
        _split(arrays, "train"),
        _split(arrays, "validation"),
        None if corpus.test is None else _split(arrays, "test"),
        corpus.test_fingerprint,
        corpus.revision,
    )


def _split(arrays: Mapping[str, Any], name: str) -> Split:
    parts = ("source", "target", "source_lengths", "target_lengths")
    return Split(*(arrays[f"{name}_{part}"].astype(np.int64) for part in parts))


def _write(path: Path, arrays: dict[str, Any]) -> None:
    with replace_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays | {CHECKSUM: np.array(_checksum(arrays))})


def _tokenize(corpus: corpora.Corpus, data: DataConfig) -> dict[str, Any]:
    """The arrays of all splits, and the tokenizer that made them."""
    splits = {"train": corpus.train, "validation": corpus.validation} | ({"test": corpus.test} if corpus.test else {})
    # Before the tokenizer learns: an endless word would keep it busy for hours.
    short = {name: [pairs[i] for i in _usable(pairs, data, name)] for name, pairs in splits.items()}
    tokenizer = _train_tokenizer(short["train"], data.vocabulary_size)
    arrays: dict[str, Any] = {
        "vocabulary_size": np.array(tokenizer.get_vocab_size()),
        "tokenizer": np.frombuffer(tokenizer.to_str().encode(), dtype=np.uint8),
    }
    for name, pairs in short.items():
        split, _ = encode(tokenizer, pairs, data, name)
        arrays |= {
            f"{name}_source": split.source_NxS.astype(np.uint32),
            f"{name}_target": split.target_NxT.astype(np.uint32),
            f"{name}_source_lengths": split.source_lengths_N,
            f"{name}_target_lengths": split.target_lengths_N,
        }
    return arrays


def encode(tokenizer: Any, pairs: corpora.Pairs, data: DataConfig, name: str) -> tuple[Split, list[int]]:
    """The pairs of the split called `name` in token ids, and the places of those among `pairs`.

    Left out are pairs with a side of more than `data.max_length` tokens or a word of more than `LONGEST_WORD`
    characters. Raises `ConfigError` where none is left.
    """
    usable = _usable(pairs, data, name)
    sources, targets = (
        [encoding.ids for encoding in tokenizer.encode_batch([pairs[i][side] for i in usable])] for side in (0, 1)
    )
    kept = [
        i for i in range(len(usable)) if max(len(sources[i]), len(targets[i])) < data.max_length
    ]  # END takes a place
    if not kept:
        raise ConfigError(
            "data.max_length", data.max_length, f"no {name} sentence is that short", "use a larger one, such as 64"
        )
    split = Split(
        padded([[*sources[i], END] for i in kept]),
        padded([[START, *targets[i], END] for i in kept]),
        np.array([len(sources[i]) + 1 for i in kept]),
        np.array([len(targets[i]) + 1 for i in kept]),
    )
    return split, [usable[i] for i in kept]


def _usable(pairs: corpora.Pairs, data: DataConfig, name: str) -> list[int]:
    """The places of the pairs without an endless word. Raises `ConfigError` where there is none."""
    usable = [i for i, pair in enumerate(pairs) if not any(map(has_endless_word, pair))]
    if not usable:
        raise ConfigError(
            "data", data.path or data.name, f"a word of every {name} sentence has over {LONGEST_WORD} characters",
            "use text with white space between its words",
        )  # fmt: skip
    return usable


def has_endless_word(sentence: str) -> bool:
    """Whether it has a word of more than `LONGEST_WORD` characters."""
    return any(len(word) > LONGEST_WORD for word in sentence.split(" "))


def read_tokenizer(text: str) -> Any:
    """The `tokenizers.Tokenizer` in a JSON text. Raises `ValueError` for another text."""
    _keep_to_one_process()
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain ones
        raise ValueError(str(error)) from error


def _keep_to_one_process() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _train_tokenizer(pairs: corpora.Pairs, vocabulary_size: int) -> Any:
    """Byte-level pairs (Sennrich et al. 2016; Radford et al. 2019): any text can be encoded, nothing is unknown."""
    _keep_to_one_process()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((sentence for pair in pairs for sentence in pair), trainer)
    return tokenizer


def padded(sentences: Sequence[Sequence[int]]) -> Ids:
    """Token ids as one array, shorter sentences filled up with `PADDING`."""
    ids_NxL = np.full((len(sentences), max(map(len, sentences))), PADDING, dtype=np.int64)
    for row, sentence in zip(ids_NxL, sentences, strict=True):
        row[: len(sentence)] = sentence
    return ids_NxL
