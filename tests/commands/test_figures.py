"""Figures by name: each is drawn alone, is the report's, and says where it comes from."""

import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from support.composing import ROOT
from support.synthetic_study import small_study
from warmuplab.commands import figures
from warmuplab.figures.index import CLAIM_FIGURES, FOREST, PILOT_FIGURES, STUDY_FIGURES, names
from warmuplab.study import collect, roles
from warmuplab.study.results import Study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("figures")
    small_study(folder / "outputs")
    return collect.update("tiny", folder / "outputs", folder / "results")[0]


def test_every_figure_of_a_study_has_a_name_on_the_command_line() -> None:
    listed = subprocess.run(
        [sys.executable, "scripts/figures.py", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = [line.split()[0] for line in listed.splitlines()]
    assert named == ["all", "notes", *names()]
    drawn = {figure.name for figure in (STUDY_FIGURES | PILOT_FIGURES | CLAIM_FIGURES).values()}
    assert set(named[2:]) == drawn | {FOREST.name}


def test_a_figure_by_name_is_png_and_svg(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert figures.draw(["phase-diagram", "tiny"], study.folder.parent) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in written] == ["final_loss.png", "final_loss.svg"]
    assert all(path.exists() for path in written)


def test_a_file_in_the_place_of_the_folder_is_one_line(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(study.folder, tmp_path / "tiny", ignore=shutil.ignore_patterns("figures")))
    (folder / "figures").write_text("")
    with pytest.raises(SystemExit) as ended:
        figures.draw(["phase-diagram", "tiny"], tmp_path)
    heard = capsys.readouterr()
    assert (ended.value.code, heard.out, heard.err.count("\n")) == (2, "", 1)
    assert str(folder / "figures") in heard.err


@pytest.mark.parametrize("name", STUDY_FIGURES)
def test_every_figure_states_study_runs_and_commit(study: Study, name: str) -> None:
    figure = STUDY_FIGURES[name].draw(study, roles.arrange(study))
    if figure is None:
        pytest.skip("the invented study has no data for it")
    text = " ".join(found.get_text() for found in figure.findobj(plt.Text))
    assert "tiny" in text
    assert "16 runs" in text
    assert "1234567" in text
    plt.close(figure)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nosuch"], "nosuch: there is no such figure"),
        (["phase-diagram"], "collected of a study or registry; type python scripts/figures.py phase-diagram STUDY"),
        (["phase-diagram", "confirmatory"], "STUDY=confirmatory: a registry, which has a report and no runs; use "),
        (["phase-diagram", "a", "b"], "too many arguments; type python scripts/figures.py phase-diagram STUDY"),
        (["notes", "quick"], "it takes no study; type python scripts/figures.py notes"),
        (["forest"], "type python scripts/figures.py forest confirmatory"),
        (["forest", "quick"], "this is none; type python scripts/figures.py forest confirmatory"),
        (["phase-diagram", "nosuch"], "make sweep STUDY=nosuch"),
        (["phase-diagram", "../tiny"], "STUDY=../tiny: not the name of a study"),
        (["phase-diagram", ""], "STUDY=: not the name of a study"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/figures.py"])
    try:
        status = figures.draw(arguments, tmp_path)
    except SystemExit as ended:
        status = int(str(ended.code))
    heard = capsys.readouterr()
    assert (status, heard.out, heard.err.count("\n")) == (2, "", 1)
    assert problem in heard.err
