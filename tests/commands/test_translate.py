"""The commands of a trained run: what they print, and that wrong input is one line with exit status 2."""

import io
import json
import sys
from pathlib import Path

import pytest

from warmuplab.commands import evaluate, translate
from warmuplab.record.run import Run

Command = tuple[str, ...]


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `translate ...` or `evaluate ...`."""
    monkeypatch.setattr(sys, "argv", [f"warmuplab {words[0]}", *words[1:]])
    try:
        status: object = {"translate": translate, "evaluate": evaluate}[words[0]].main()
    except SystemExit as ended:
        status = ended.code
    heard = capsys.readouterr()
    assert isinstance(status, int)
    return status, heard.out, heard.err


def with_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_sentences_and_lines_of_input_are_translated_alike(
    trained_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = ["the red boat sails", "at dawn", "the red boat sails"]
    search = ("--beam", "2", "--max-length", "8")
    status, printed, said = call(monkeypatch, capsys, "translate", str(trained_run.directory), *sentences, *search)
    assert (status, said) == (0, "")
    first, other, again = printed.splitlines()
    assert first == again
    assert first != "" != other
    with_input(monkeypatch, "\r\n".join(sentences).encode() + b"\n")
    outputs = str(trained_run.directory.parents[1])
    piped = call(monkeypatch, capsys, "translate", trained_run.run_id, "--outputs", outputs, *search)
    assert piped == (0, printed, "")


def test_each_line_of_input_is_one_line_of_output(
    trained_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever else Python takes for the end of a line."""
    with_input(monkeypatch, "a boat\u2028sails\x0bat\x85dawn\nthe sea".encode())
    status, printed, _ = call(monkeypatch, capsys, "translate", str(trained_run.directory), "--max-length", "3")
    assert (status, printed.count("\n")) == (0, 2)


def test_an_evaluation_in_words_and_as_json(
    trained_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("evaluate", str(trained_run.directory), "--max-length", "5", "--beam", "2")
    status, printed, said = call(monkeypatch, capsys, *command, "--json")
    assert (status, said) == (0, "")
    found = json.loads(printed)
    assert found["loss"] == pytest.approx(found["recorded_loss"], abs=1e-5)
    assert (found["split"], found["beam"], found["max_length"]) == ("validation", 2, 5)
    status, printed, _ = call(monkeypatch, capsys, *command)
    assert status == 0
    head, loss, bleu = printed.splitlines()
    assert head.startswith(f"{trained_run.directory}: validation split, {found['sentences']} sentences")
    recorded = f"{found['recorded_loss']:.5f}"
    assert loss == f"loss {recorded} nats per token ({recorded} in its record), perplexity {found['perplexity']:.2f}"
    assert bleu == f"BLEU {found['bleu']:.2f} by beam of 2 ({found['bleu_signature']})"


WRONG: list[tuple[Command, str]] = [
    (("translate", "nosuch", "a boat"), "RUN=nosuch: there is no such run"),
    (("translate", "RUN", ""), "TEXT=: sentence 1 is empty"),
    (("translate", "RUN", "a boat", "--beam", "0"), "--beam=0: not a number from 1"),
    (("translate", "RUN", "a boat", "--beam", "two"), "argument --beam: invalid int value: 'two'"),
    (("translate", "RUN", "a boat", "--max-length", "0"), "--max-length=0: not a number from 1"),
    (("translate",), "the following arguments are required: run"),
    (("evaluate", "RUN", "--split", "train"), "--split=train: there is no such split"),
    (("evaluate", "RUN", "--split", "test"), "--split=test: the corpus multi30k has no test split"),
    (("evaluate", "RUN", "--beam", "0"), "--beam=0: not a number from 1"),
    (("evaluate", "RUN", "--data-path", "nowhere"), "--data-path=nowhere: no such folder"),
    (("evaluate", "."), "RUN=.: no summary.json that can be read"),
]


@pytest.mark.parametrize(("words", "wrong"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_input_is_one_line(
    words: Command,
    wrong: str,
    trained_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    named = (str(trained_run.directory) if word == "RUN" else word for word in words)
    status, printed, said = call(monkeypatch, capsys, *named)
    assert (status, printed) == (2, "")
    assert said.startswith(f"error: {wrong}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "TEXT=: no sentence to translate"),
        (b"a boat\n\nat dawn\n", "TEXT=: sentence 2 is empty"),
        (b"a boat\n\xff\n", "TEXT=standard input: line 2 is not text in UTF-8"),
    ],
)
def test_wrong_lines_of_input_are_refused(
    content: bytes,
    wrong: str,
    trained_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_input(monkeypatch, content)
    status, printed, said = call(monkeypatch, capsys, "translate", str(trained_run.directory))
    assert (status, printed, said.count("\n")) == (2, "", 1)
    assert said.startswith(f"error: {wrong}")
