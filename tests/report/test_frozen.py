"""The first generation of the evidence: frozen as it was judged, and still drawn, shown and told in the README."""

import hashlib
import json
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from support.composing import ROOT
from warmuplab.commands.report import report
from warmuplab.figures.claims.arms import FIRST as STUDIES
from warmuplab.report.page import draw_figures, judged_of
from warmuplab.study import results
from warmuplab.study.frozen import FROZEN, frozen

COMMITTED = ROOT / "results"
NUMBER = r"[+-]?\d[\d.]*(?:e[+-]?\d+)?"
JUDGED = {  # `claims.json` as it was written then
    "claims-2026-11": "c54006a5640ece42",
    "schedules-2026-11": "a38b04158ce50cc8",
}


def rows_of(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def numbers(text: str) -> list[float]:
    return [float(found.rstrip(".")) for found in re.findall(NUMBER, text)]


def close(shown: float, exact: float) -> bool:
    """Equal to the three digits that are printed."""
    return math.isclose(shown, exact, rel_tol=6e-3, abs_tol=6e-4) or shown == round(exact)


@pytest.mark.parametrize("study", STUDIES)
def test_its_verdicts_are_those_of_then_and_the_report_says_that_it_is_exploratory(study: str) -> None:
    because = frozen(COMMITTED / study)
    assert because is not None
    assert because.startswith("Exploratory")
    assert hashlib.sha256((COMMITTED / study / "claims.json").read_bytes()).hexdigest()[:16] == JUDGED[study]
    assert (COMMITTED / study / "report.md").read_text().split("\n\n")[1].startswith("> **Exploratory.**")


def test_make_report_says_in_a_line_that_it_is_frozen_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = STUDIES[1]
    shutil.copytree(COMMITTED / name, tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report(name, tmp_path / "outputs", tmp_path)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert f"{tmp_path / name} is frozen" in said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert frozen(tmp_path) is None
    assert FROZEN in {path.name for path in before}


def test_its_figures_are_drawn_again_and_nothing_is_judged(tmp_path: Path) -> None:
    name = STUDIES[1]
    shutil.copytree(COMMITTED / name, tmp_path / name)
    study = results.load(name, tmp_path)
    assert judged_of(study)[0] == []
    (drawn,) = draw_figures(study)
    assert drawn == tmp_path / name / "figures/schedule_ranking.png"
    assert drawn.with_suffix(".svg").exists()


def test_the_table_of_verdicts_is_that_of_the_file() -> None:
    written = json.loads((COMMITTED / "claims-2026-11/claims.json").read_text())["claims"]
    text = (COMMITTED / "claims-2026-11/report.md").read_text()
    rows = rows_of(text[: text.index("## The claims one by one")])[2:]
    assert len(rows) == len(written)
    for row, claim in zip(rows, written, strict=True):
        assert row[0] == f"[{claim['id']}](#{claim['id']})"
        assert row[1] == f"**{claim['verdict']}**"
        assert row[3] == str(claim["seeds"])
        if claim["effect"] is not None:
            effect, low, high = numbers(row[2].replace(claim["unit"], ""))
            assert close(effect, claim["effect"])
            assert close(low, claim["interval"][0])
            assert close(high, claim["interval"][1])


def test_the_first_sentence_counts_the_runs_of_the_table() -> None:
    for study in STUDIES:
        runs = pd.read_parquet(COMMITTED / study / "runs.parquet")
        first = (COMMITTED / study / "report.md").read_text().split("\n\n")[2]
        assert f"in {len(runs):,} run" in first
        for weights in sorted(runs["weights"].unique()):
            assert f"{weights:,}" in first
