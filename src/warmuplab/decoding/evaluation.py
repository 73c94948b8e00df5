"""How good a trained run is on held-out text: its loss, and the BLEU of its translations."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig
from warmuplab.data import corpora, tokens
from warmuplab.data.batches import EVALUATION_BATCH_SIZE, evaluation_batches
from warmuplab.decoding.trained import TrainedRun
from warmuplab.decoding.translation import translate
from warmuplab.population.population import mean_losses

SPLITS = ("validation", "test")
ELSEWHERE = "--data-path FOLDER names the folder where the text lies now"


@dataclass(frozen=True)
class HeldOut:
    """The sentences of a split that training could see, too: none longer than `data.max_length`."""

    split: tokens.Split
    references: list[str]
    """The targets, as the corpus has them."""
    left_out: int
    """Pairs that are too long."""


@dataclass(frozen=True)
class Evaluation:
    """What a run reaches on a split."""

    loss: float
    """In nats per token."""
    bleu: float
    """Of the whole split, from 0 to 100."""
    signature: str
    """Which BLEU it is, as sacrebleu writes it (Post 2018, A Call for Clarity in Reporting BLEU Scores)."""
    sentences: int
    left_out: int

    @property
    def perplexity(self) -> float | None:
        """Of a token; None where no number is large enough."""
        return math.exp(self.loss) if self.loss < math.log(sys.float_info.max) else None


def check_split(split: str) -> None:
    """Raise `ConfigError` for a split that there is not."""
    if split not in SPLITS:
        raise ConfigError("--split", split, "there is no such split", f"choose one of {', '.join(SPLITS)}")


def held_out(run: TrainedRun, split: str, data_path: str | None = None) -> HeldOut:
    """The sentences of a split of the run's corpus, which lies in `data_path` where that is given.

    Raises `ConfigError` where the corpus cannot be had, is another one, or has no such split.
    """
    check_split(split)
    data = run.config.data if data_path is None else replace(run.config.data, path=data_path, revision=None)
    corpus = _load(data, data_path is not None)
    told = run.summary.get("corpus") or {}
    wanted = {"fingerprint": corpus.fingerprint}
    if split == "test":
        if corpus.test is None:
            raise ConfigError(
                "--split", split, f"the corpus {data.name} has no test split here", "use --split validation"
            )
        if told.get("test_fingerprint") is not None:  # a test split may be newer than the run
            wanted["test_fingerprint"] = str(corpus.test_fingerprint)
    for name, now in wanted.items():
        if told.get(name) != now:
            field, value = ("--data-path", data_path) if data_path is not None else ("data", data.path or data.name)
            problem = f"another text than that of the run (its {name} is {now}, not {told.get(name)})"
            raise ConfigError(field, value, problem, ELSEWHERE)
    pairs = corpus.validation if split == "validation" else corpus.test or []
    encoded, kept = tokens.encode(run.tokenizer, pairs, data, split)
    return HeldOut(encoded, [pairs[i][1] for i in kept], len(pairs) - len(kept))


def _load(data: DataConfig, elsewhere: bool) -> corpora.Corpus:
    try:
        return corpora.load(data)
    except ConfigError as error:
        if elsewhere and error.field == "data.path":
            raise ConfigError(
                "--data-path", error.value, error.problem, "name another folder, or leave it out"
            ) from None
        # Where a place of the text would help: it is typed otherwise than where a run is trained.
        remedy = ELSEWHERE if "data.path" in f"{error.field} {error.remedy}" else error.remedy
        raise ConfigError(error.field, error.value, error.problem, remedy) from None


def evaluate(run: TrainedRun, text: HeldOut, beam: int = 1, max_length: int | None = None) -> Evaluation:
    """Loss and BLEU on `text`; the loss is that of training's own validation, as close as the device rounds."""
    batches = evaluation_batches(text.split, 1, EVALUATION_BATCH_SIZE, run.device)
    loss = float(mean_losses(run.losses, batches))
    lengths = text.split.source_lengths_N.tolist()
    sources = [row[:length] for row, length in zip(text.split.source_NxS.tolist(), lengths, strict=True)]
    bleu, signature = corpus_bleu(translate(run, sources, beam, max_length), text.references)
    return Evaluation(loss, bleu, signature, len(text.split), text.left_out)


def corpus_bleu(translations: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """BLEU (Papineni et al. 2002) by sacrebleu with its defaults, and its signature."""
    import sacrebleu

    metric: Any = sacrebleu.BLEU()
    found = metric.corpus_score(list(translations), [list(references)])
    return float(found.score), str(metric.get_signature())
