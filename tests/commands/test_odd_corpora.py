"""Whatever text a corpus is: a run trains on it, with all probes, or is refused in a line."""

import os
from pathlib import Path

import pytest

from support.composing import QUICK
from warmuplab.commands import train
from warmuplab.record.verifying import read_summary

LINES = 40


def lines(word: str, count: int = LINES) -> str:
    return "".join(f"{word} {number} is here{' again' * (number % 5)}\n" for number in range(count))


def written(folder: Path, source: str | bytes, target: str | bytes, splits: tuple[str, ...] = ("train", "val")) -> None:
    folder.mkdir(exist_ok=True)
    for split in splits:
        for language, text in (("en", source), ("de", target)):
            (folder / f"{split}.{language}").write_bytes(text.encode() if isinstance(text, str) else text)


def ended(folder: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    told = [*QUICK, "data=multi30k", f"data.path={folder}", f"outputs={folder / 'outputs'}", "probes=full"]
    monkeypatch.setattr("sys.argv", ["train.py", *told, "training.batch_size=1", *overrides])
    try:
        train.main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("one\n", "eins\n"),
        ("a\n", "a\n"),
        (lines("word"), lines("word")),
        ("same\n" * LINES, "gleich\n" * LINES),
        (lines("word").replace("\n", "\r\n"), lines("Wort")),
        ("\n\n" + lines("word") + "\n" * 5, "\n\n" + lines("Wort") + "\n" * 5),
        (lines("w\0rd"), lines("W\0rt")),
        ("\ufeff" + lines("word"), lines("Wort")),
        (lines("word") + "x" * 2**20 + "\n", lines("Wort") + "y\n"),
        (lines("word") + "x " * 2**18 + "\n", lines("Wort") + "y\n"),
        (lines("☃\u202e\U0001f600"), lines("وأ")),
        (lines("word").rstrip("\n"), lines("Wort").rstrip("\n")),
        ("word one\nword two three\n", "Wort\nWort zwei drei vier fünf\n"),
    ],
    ids=[
        "one sentence", "one letter", "source as target", "one sentence over and over", "crlf", "empty lines", "nul",
        "byte order mark", "a megabyte without a space", "a megabyte with spaces", "unicode", "no last newline", "two",
    ],
)  # fmt: skip
def test_a_run_trains_on_odd_text(
    tmp_path: Path, source: str, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "text", source, target)
    assert ended(tmp_path / "text", monkeypatch) == 0, capsys.readouterr().err
    assert capsys.readouterr().err == ""
    (summary,) = (tmp_path / "text" / "outputs" / "single").glob("*/summary.json")
    assert (read_summary(summary.parent) or {})["status"] == "finished"


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """The one line in which a run on the text in `folder` is refused."""
    assert ended(folder, monkeypatch, *overrides) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: data")
    assert said.count("\n") == 1
    assert not (folder / "outputs" / "single").exists() or not list((folder / "outputs" / "single").glob("*/*"))
    return said


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("", "", "its training split is empty"),
        (" \n\t\n\n", "a\nb\nc\n", "its training split is empty"),
        (lines("word"), lines("Wort") + "more\n", "train.en has 40 lines, train.de 41"),
        (lines("Wört").encode("latin-1"), lines("word"), "train.en cannot be read: 'utf-8' codec"),
        (lines("word").encode("utf-16"), lines("Wort").encode("utf-16"), "train.en cannot be read: 'utf-8' codec"),
        ("x" * 2**20 + "\n", "y\n", "a word of every train sentence has over 1000 characters"),
        ("x " * 2**18 + "\n", "y\n", "no train sentence is that short"),
    ],
    ids=["empty", "blank", "mismatched", "latin-1", "utf-16", "a megabyte without a space", "a megabyte with spaces"],
)
def test_text_that_is_no_corpus_is_refused_in_a_line(
    tmp_path: Path,
    source: str | bytes,
    target: str | bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(tmp_path / "text", source, target)
    assert said in refused(tmp_path / "text", monkeypatch, capsys)


def test_fewer_sentences_than_a_batch_are_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "text", lines("word", 7), lines("Wort", 7))
    assert ended(tmp_path / "text", monkeypatch, "training.batch_size=8") == 2
    told = "error: training.batch_size=8: the training split has 7 sentences; use training.batch_size=7 or less\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link", "link to itself"])
def test_what_is_no_file_is_refused_in_a_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "text", lines("word"), lines("Wort"))
    path = tmp_path / "text" / "train.en"
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":  # reading it would wait for ever
            os.mkfifo(path)
        case "dangling link":
            path.symlink_to(tmp_path / "nowhere")
        case "link to itself":
            path.symlink_to(path)
    assert "train.en is there, but is not a file" in refused(tmp_path / "text", monkeypatch, capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("closed", ["train.en", "."])
def test_what_may_not_be_read_is_refused_in_a_line(
    tmp_path: Path, closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "text", lines("word"), lines("Wort"))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "text" / closed
    path.chmod(0)
    try:
        assert ended(tmp_path / "text", monkeypatch, f"outputs={tmp_path / 'outputs'}") == 2
    finally:
        path.chmod(0o700)
    said = capsys.readouterr().err
    assert "Permission denied" in said
    assert said.count("\n") == 1
