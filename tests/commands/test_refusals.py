"""What wild command lines found, each refused in one line now (`tests/soak/test_fuzz.py` looks for more)."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from warmuplab.base.arguments import Parser
from warmuplab.base.errors import ConfigError, in_one_line
from warmuplab.commands import report, train


def refused(main: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("option", ["--results", "--outputs"])
def test_two_dashes_are_no_folder(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's argparse makes an empty list of them."""
    monkeypatch.setattr(sys, "argv", ["report.py", "single", f"{option}=--"])
    assert f"argument {option}: -- is not a value" in refused(report.main, capsys)


@pytest.mark.parametrize("option", ["--results", "--outputs"])
def test_a_folder_whose_name_is_no_text_is_refused(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """W&B could not take it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report.py", "single", f"{option}=\udcff"])
    assert "its name is not text in UTF-8 (\\udcff" in refused(report.main, capsys)
    monkeypatch.setattr(sys, "argv", ["train.py", "outputs='\udcff'"])
    assert "its name is not text in UTF-8 (\\udcff" in refused(train.main, capsys)


def test_a_list_that_may_be_empty_stays_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Parser("")
    parser.add_argument("study")
    parser.add_argument("overrides", nargs="*", default=[])
    assert parser.parse_args(["quick"]).overrides == []


@pytest.mark.parametrize("group", ["tracker", "schedule/warmup", "hydra/launcher"])
def test_the_name_of_an_option_may_be_too_long_for_a_file(
    group: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", f"{group}={'b' * 5000}"])
    assert refused(train.main, capsys).startswith(f"error: {group}={'b' * 60}...: no such option; ")


def test_a_folder_with_too_long_a_name_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", f"outputs={tmp_path / ('b' * 5000)}"])
    assert "File name too long" in refused(train.main, capsys)


def test_shell_completion_must_be_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--shell-completion"])
    assert "--shell-completion: it is not said what to do; type" in refused(train.main, capsys)


def test_no_error_steers_the_terminal() -> None:
    said = str(ConfigError("study", "\x1b[31mred\x1b]0;title\x07\u202eabc\n  ü", "not a\tname", "use another"))
    assert said == "study=\\x1b[31mred\\x1b]0;title\\x07\\u202eabc ü: not a name; use another"
    assert in_one_line("\udcff \x9b2J") == "\\udcff \\x9b2J"
