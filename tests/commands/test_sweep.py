"""`warmuplab sweep STUDY`: what is trained is what is reported, and nothing is reported where training ended early."""

import sys

import pytest

from warmuplab.commands import report, sweep, train
from warmuplab.launch import launch


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that training and the report are called with."""
    lines: list[list[str]] = []

    def keep(name: str) -> int:
        lines.append([name, *sys.argv[1:]])
        return 0

    monkeypatch.setattr(train, "main", lambda _: keep("train"))
    monkeypatch.setattr(report, "main", lambda: keep("report"))
    return lines


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["warmuplab sweep", *arguments])
    return sweep.main()


def test_it_trains_the_study_and_reports_it(typed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "quick", "training.steps=5", "seed=0,1") == 0
    assert typed == [
        ["train", "-m", "+study=quick", "training.steps=5", "seed=0,1"],
        ["report", "quick", "--outputs=outputs"],
    ]


def test_the_plan_that_it_names_has_the_same_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    monkeypatch.setattr(launch, "launch", lambda *_, plan_command: named.append(plan_command))
    monkeypatch.setattr(train, "main", lambda launched: launched([], None))
    monkeypatch.setattr(report, "main", lambda: 0)
    assert run(monkeypatch, "quick") == run(monkeypatch, "quick", "training.steps=5", "seed=0,1") == 0
    assert named == ["make plan STUDY=quick", "make plan STUDY=quick ARGS='training.steps=5 seed=0,1'"]


@pytest.mark.parametrize("override", ["outputs=elsewhere", "++outputs=elsewhere", "outputs='elsewhere'"])
def test_it_reports_from_where_it_trained(
    override: str, typed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "quick", override, "seed=0,1") == 0
    assert typed[1] == ["report", "quick", "--outputs=elsewhere"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: study; see `warmuplab sweep --help`"),
        (["--nosuch"], "see `warmuplab sweep --help`"),
        (["quick", "--cfg", "job"], "see `warmuplab sweep --help`"),
        (["nosuch"], "study=nosuch: "),
        (["quick", "study=claims"], "study=claims: given twice; name one study"),
        (["quick", "+study=claims"], "study=claims: given twice; name one study"),
    ],
)
def test_wrong_arguments_are_one_line_and_nothing_is_trained(
    arguments: list[str],
    said: str,
    typed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *arguments)
    heard = capsys.readouterr()
    assert (ended.value.code, heard.out, typed) == (2, "", [])
    assert heard.err.startswith("error: ")
    assert said in heard.err
    assert heard.err.count("\n") == 1


def test_a_failed_run_ends_it_before_the_report(typed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(_: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr(train, "main", failed)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "quick")
    assert (ended.value.code, typed) == (1, [])
