"""The opening of the README and the abstract: one command writes both, between marks, and leaves the rest alone."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from support.composing import ROOT
from warmuplab.base.errors import ConfigError
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import judge_all
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.planned.confirm import LENGTH
from warmuplab.claims.registry import CLAIMS
from warmuplab.commands import report
from warmuplab.report.registry.abstract import ABOUT
from warmuplab.report.registry.opening import BEGINS, ENDS, _wrapped, write_opening

NOTHING = judge_all([claim for claim in CLAIMS if claim.registry == REGISTRY], Evidence({}))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(f"# A title\n\n{BEGINS}\nof before\n{ENDS}\n\n## Start\n\nText.\n")
    (tmp_path / "CITATION.cff").write_text("title: a\nabstract: >-\n  of before,\n\n  two\nlicense: MIT\n")
    return tmp_path


def test_what_is_between_the_marks_is_written_anew(checkout: Path) -> None:
    write_opening(NOTHING, Evidence({}), LENGTH, "results/confirmatory", checkout)
    before, opening, after = (checkout / "README.md").read_text().replace(ENDS, BEGINS).split(BEGINS)
    assert (before, after) == ("# A title\n\n", "\n\n## Start\n\nText.\n")
    assert "of before" not in opening
    assert f"{len(NOTHING)} not tested yet" in " ".join(opening.split())
    assert "](results/confirmatory/figures/forest.png)" in opening
    assert "How long to warm up" not in opening  # without ladders
    assert max(map(len, (line for line in opening.splitlines() if "](" not in line))) <= 120
    citation = yaml.safe_load((checkout / "CITATION.cff").read_text())
    assert citation == {"title": "a", "abstract": ABOUT, "license": "MIT"}
    files = {path: path.read_bytes() for path in checkout.iterdir()}
    write_opening(NOTHING, Evidence({}), LENGTH, "results/confirmatory", checkout)
    assert {path: path.read_bytes() for path in checkout.iterdir()} == files


@pytest.mark.parametrize(
    ("name", "lacking"), [("README.md", BEGINS), ("README.md", ENDS), ("CITATION.cff", "abstract")]
)
def test_a_file_without_a_place_for_it_is_refused_and_nothing_written(name: str, lacking: str, checkout: Path) -> None:
    (checkout / name).write_text((checkout / name).read_text().replace(lacking, ""))
    before = {path: path.read_bytes() for path in checkout.iterdir()}
    with pytest.raises(ConfigError, match=f"{name}: it has no"):
        write_opening(NOTHING, Evidence({}), LENGTH, "results/confirmatory", checkout)
    (checkout / name).unlink()
    with pytest.raises(ConfigError, match=name):
        write_opening(NOTHING, Evidence({}), LENGTH, "results/confirmatory", checkout)
    before.pop(checkout / name)
    assert {path: path.read_bytes() for path in checkout.iterdir()} == before


def test_no_line_begins_as_an_item_of_a_list() -> None:
    text = "the longest in 9. " * 40
    assert not [line for line in _wrapped(text, 30).splitlines() if line.startswith("9.")]
    assert " ".join(_wrapped(text, 30).split()) == text.strip()


def test_one_command_writes_report_opening_and_abstract(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "results" / "confirm_early", checkout / "results" / "confirm_early")
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(sys, "argv", ["warmuplab report", REGISTRY, "--opening"])
    assert report.main() == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["README.md", "CITATION.cff"]
    text = (checkout / "results" / REGISTRY / "report.md").read_text()
    abstract = yaml.safe_load((checkout / "CITATION.cff").read_text())["abstract"]
    assert abstract == text.split("## Abstract\n\n")[1].split("\n\n")[0]
    assert "96 runs besides the pilot" in " ".join((checkout / "README.md").read_text().split())


def test_of_another_report_there_is_no_opening(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(sys, "argv", ["warmuplab report", "quick", "--opening"])
    with pytest.raises(SystemExit) as ended:
        report.main()
    heard = capsys.readouterr().err
    assert (ended.value.code, heard.count("\n")) == (2, 1)
    assert f"STUDY=quick: the README opens with the registry {REGISTRY}" in heard
