"""Translations: each as if it were alone, in the order asked for; wrong sentences are refused."""

from pathlib import Path

import pytest
import torch

from warmuplab.base.errors import ConfigError
from warmuplab.data import tokens
from warmuplab.data.batches import Batch
from warmuplab.decoding import trained, translation
from warmuplab.decoding.trained import TrainedRun
from warmuplab.record.run import Run


@pytest.fixture(scope="module")
def run(trained_run: Run) -> TrainedRun:
    return trained.load(trained_run.directory)


@pytest.fixture(scope="module")
def sources(run: TrainedRun, small_folder: Path) -> list[list[int]]:
    sentences = (small_folder / "val.en").read_text().splitlines()[:12]
    return translation.check_sentences(run, sentences)


def greedily(run: TrainedRun, source: list[int], length: int) -> str:
    """By the whole network at every step: no beam, no batch, no memory."""
    target = [tokens.START]
    for _ in range(length):
        ids = (torch.tensor([[source]]), torch.tensor([[target]]))
        logits = run.model.logits(run.weights_1xP, Batch(*ids, ids[1]))[0, -1]
        logits[[tokens.PADDING, tokens.START]] = -torch.inf
        target.append(int(logits.argmax()))
        if target[-1] == tokens.END:
            break
    return run.decode(target)


def test_a_beam_of_one_is_greedy_whatever_is_translated_beside(run: TrainedRun, sources: list[list[int]]) -> None:
    expected = [greedily(run, source, 12) for source in sources]
    assert translation.translate(run, sources, beam=1, max_length=12) == expected
    assert any(expected)


def test_batches_change_no_translation(
    run: TrainedRun, sources: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = translation.translate(run, sources, beam=3, max_length=9)
    monkeypatch.setattr(translation, "HYPOTHESES", 1)
    assert translation.translate(run, sources, beam=3, max_length=9) == together
    assert translation.translate(run, sources[::-1], beam=3, max_length=9) == together[::-1]


def test_no_translation_is_longer_than_asked_for(run: TrainedRun, sources: list[list[int]]) -> None:
    for length in (1, 4):
        translated = translation.translate(run, sources, max_length=length)
        assert all(len(run.encode([each])[0]) - 1 <= length for each in translated if each)


WRONG = [
    ([], "TEXT=: no sentence to translate;"),
    (["a red boat", " \t"], "TEXT=: sentence 2 is empty; leave it out"),
    (
        ["a " * 100],
        "TEXT=a a a a a a a a a a a a a a a a a a a a ...: sentence 1 has 101 tokens, and the run was trained on",
    ),
    (["x" * 2000], f"TEXT={'x' * 40}...: a word of sentence 1 has over 1000 characters; put white space"),
    (["a \udcff"], "TEXT='a \\udcff': sentence 1 is not UTF-8;"),
]


@pytest.mark.parametrize(("sentences", "said"), WRONG, ids=["none", "empty", "long", "endless", "bytes"])
def test_wrong_sentences_are_refused(run: TrainedRun, sentences: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        translation.check_sentences(run, sentences)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(("beam", "length", "said"), [
    (0, None, "--beam=0: not a number from 1 to 100"), (101, None, "--beam=101"), (-1, 5, "--beam=-1"),
    (1, 0, "--max-length=0: not a number from 1 to 1000"), (1, 1001, "--max-length=1001"),
])  # fmt: skip
def test_a_search_that_there_is_not_is_refused(beam: int, length: int | None, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        translation.check_search(beam, length)
    assert str(refused.value).startswith(said)
