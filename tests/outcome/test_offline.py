"""The W&B run of a study says what `results/<study>/` says: read back from disk, for two committed studies."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from support.composing import ROOT, composed
from support.wandb_reader import entries_of, forget_account, inspect
from warmuplab.config.overrides import flat
from warmuplab.outcome.content import outcome_of
from warmuplab.outcome.view import write
from warmuplab.study import results

RESULTS = ROOT / "results"
STUDIES = ("quick", "claims-2026-11")
EVIDENCE = ("runs.parquet", "curves.parquet", "layers.parquet", "episodes.parquet", "spikes.parquet", "manifest.json")


@dataclass(frozen=True)
class Written:
    """The W&B run of a committed study."""

    name: str
    folder: Path
    entries: dict[str, list[dict[str, Any]]]
    whole: dict[str, Any]

    @property
    def summary(self) -> dict[str, Any]:
        return self.whole["summary"]

    @property
    def results(self) -> Path:
        return RESULTS / self.name

    def file(self, value: dict[str, Any]) -> Path:
        """A file that the run shows."""
        (files,) = self.folder.glob("wandb/offline-run-*/files")
        return files / value["path"]

    def table(self, name: str) -> tuple[list[str], list[list[Any]]]:
        held = json.loads(self.file(self.summary[name]).read_text())
        return held["columns"], held["data"]

    def claims(self) -> list[dict[str, Any]]:
        path = self.results / "claims.json"
        return json.loads(path.read_text())["claims"] if path.exists() else []


@pytest.fixture(scope="module", params=STUDIES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_account(tmp_path_factory.mktemp("home"), monkeypatch)
        folder = tmp_path_factory.mktemp("outputs") / request.param
        outcome = outcome_of(results.load(request.param, RESULTS))
        write(outcome, folder, composed("tracker=wandb").tracker, "offline")
        yield Written(
            request.param, folder, entries_of(folder / "wandb"), json.loads(inspect(folder / "wandb", "--summary"))
        )


def recorded(path: Path) -> tuple[list[str], list[list[Any]]]:
    """A Parquet file as columns and rows, with null for what is no number."""
    table = pq.read_table(path)
    rows = [list(row.values()) for row in table.to_pylist()]
    return table.column_names, [[None if value != value else value for value in row] for row in rows]


def test_the_tables_equal_the_record(written: Written) -> None:
    for name in ("runs", "episodes", "spikes"):
        path = written.results / f"{name}.parquet"
        assert (name in written.summary) == path.exists()
        if path.exists():
            columns, rows = written.table(name)
            expected_columns, expected_rows = recorded(path)
            assert columns == expected_columns
            assert rows == expected_rows
    assert ("verdicts" in written.summary) == bool(written.claims())


def test_the_table_of_verdicts_equals_what_was_judged(written: Written) -> None:
    claims = written.claims()
    if not claims:
        assert written.name == "quick"
        return
    columns, rows = written.table("verdicts")
    shown = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [row["id"] for row in shown] == [claim["id"] for claim in claims]
    for row, claim in zip(shown, claims, strict=True):
        limits = [row.pop("low"), row.pop("high")]
        assert limits == claim["interval"]
        assert row == {key: claim.get(key) for key in row}
        assert {"statement", "verdict", "effect", "p", "seeds", "holds"} <= set(row)


def test_the_figures_are_those_of_the_report_with_its_captions(written: Written) -> None:
    figures = {path.stem: path for path in written.results.glob("figures/*.png")}
    shown = {name.removeprefix("figures/"): name for name in written.summary if name.startswith("figures/")}
    assert set(shown) == set(figures)
    report = (written.results / "report.md").read_text()
    for stem, path in figures.items():
        image = written.summary[shown[stem]]
        assert written.file(image).read_bytes() == path.read_bytes()
        caption = re.search(rf"!\[([^\]]+)\]\(figures/{stem}\.png\)", report)
        assert image.get("caption") == (caption[1] if caption else None)


def test_the_artifact_holds_the_files_of_the_record(written: Written) -> None:
    (artifact,) = [entry for entry in written.entries["artifact"] if entry["type"] == "results"]
    assert artifact["name"] == written.name
    held = {entry["path"]: Path(entry["local_path"]) for entry in artifact["manifest"]["contents"]}
    expected = {name for name in (*EVIDENCE, "claims.json", "report.md") if (written.results / name).exists()}
    expected |= {f"figures/{path.name}" for path in written.results.glob("figures/*.png")}
    expected |= {path.name for path in written.results.glob("dashboard.html")}
    assert set(held) == expected
    for name, copy in held.items():
        assert copy.is_relative_to(written.folder)
        assert copy.read_bytes() == (written.results / name).read_bytes()


def test_the_summary_counts_runs_and_verdicts(written: Written) -> None:
    runs = json.loads((written.results / "manifest.json").read_text())["runs"]
    assert {name: written.summary[f"runs/{name}"] for name in runs} == runs
    given = Counter(claim["verdict"].replace(" ", "_") for claim in written.claims())
    shown = {name.removeprefix("claims/"): value for name, value in written.summary.items() if "claims/" in name}
    assert shown.pop("total", 0) == given.total()
    assert {name: count for name, count in shown.items() if count} == given


def test_the_configuration_is_what_all_runs_share_and_how_they_were_obtained(written: Written) -> None:
    manifest = json.loads((written.results / "manifest.json").read_text())
    config = written.whole["config"]
    record = config.pop("record")
    assert config.pop("study") == written.name
    assert manifest["configuration"].items() <= flat(config).items()
    for key in ("commits", "command", "hardware", "versions", "corpora"):
        assert record[key] == manifest[key]
    assert flat(record["varying"]) == manifest["varying"]


def test_the_run_is_named_and_described(written: Written) -> None:
    start, end = written.entries["run"][0], written.entries["run"][-1]
    told = (start["display_name"], start["run_group"], start["job_type"], start["project"])
    assert told == (written.name, written.name, "study", "warmuplab")
    notes, report = end["notes"], (written.results / "report.md").read_text()
    assert notes.startswith(report.split("\n\n")[1])  # on what it was obtained
    assert "## How to reproduce it" in notes
    assert "](" not in notes
    assert "figures/" not in notes
    for claim in written.claims():
        assert f"| {claim['id']} | **{claim['verdict']}** |" in notes
    assert written.whole["state"] == "finished"


def test_there_is_one_row(written: Written) -> None:
    (row,) = written.entries["history"]
    assert row["item"]["_step"] == 0
    shown = {name.partition(".")[0] for name in row["item"] if not name.startswith("_")}
    media = {name for name, value in written.summary.items() if isinstance(value, dict) and not name.startswith("_")}
    assert shown == media


def lines_of(written: Written, name: str) -> dict[str, list[tuple[float, float]]]:
    """A chart as W&B draws it: the points of every line."""
    columns, rows = written.table(f"charts/{name}_table")
    assert columns == ["step", "lineKey", "lineVal"]
    lines: dict[str, list[tuple[float, float]]] = {}
    for x, line, value in rows:
        lines.setdefault(line, []).append((x, value))
    return lines


def panels(written: Written) -> dict[str, dict[str, Any]]:
    """How each chart is declared, by its name."""
    updates = [entry.get("update", {}) for entry in written.entries["config"]]
    start = "_wandb.visualize."
    return {
        key.removeprefix(start): panel["panel_config"]
        for update in updates
        for key, panel in update.items()
        if key.startswith(start)
    }


def test_every_chart_is_declared_as_lines(written: Written) -> None:
    tables = {name.removesuffix("_table") for name in written.summary if name.startswith("charts/")}
    declared = panels(written)
    assert set(declared) == tables
    assert all(panel["panelDefId"] == "wandb/lineseries/v0" for panel in declared.values())
    assert tables
    statements = {f"charts/{claim['id']}": claim["statement"] for claim in written.claims()}
    for name, panel in declared.items():
        assert panel["stringSettings"]["title"].startswith(statements.get(name, ""))


def test_the_lines_over_rates_are_means_over_seeds(written: Written) -> None:
    if written.name != "quick":
        return  # what claims compare is drawn in `test_charts`
    runs = pd.read_parquet(written.results / "runs.parquet")
    loss = runs["val/loss"].fillna(runs["unigram_entropy"])
    chosen = (runs["model.norm"] == "pre") & (runs["schedule.warmup.fraction"] == 0.1)
    shown = lines_of(written, "pre-LN")["warmup: 10 %"]
    means = loss[chosen].groupby(runs["schedule.peak_lr"]).mean()
    assert [rate for rate, _ in shown] == means.index.tolist()
    np.testing.assert_allclose([value for _, value in shown], means.to_numpy(), rtol=1e-6)
