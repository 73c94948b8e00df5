"""Measurements of the arms: means of what their runs hold, read at a stated level, with what is missing said."""

import statistics
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from support.synthetic_study import leave, small_study
from warmuplab.base.words import MISSING
from warmuplab.report import measures
from warmuplab.study import collect, roles
from warmuplab.study.roles import Arms


@pytest.fixture(scope="module")
def arranged(tmp_path_factory: pytest.TempPathFactory) -> Arms:
    folder = tmp_path_factory.mktemp("measures")
    small_study(folder / "outputs")
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    return roles.arrange(study)


def table_of(arranged: Arms) -> list[dict[str, str]]:
    table = measures.measure_tables(arranged)["Early training"]
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def test_the_level_is_the_deepest_that_three_in_four_trained_runs_reach(arranged: Arms) -> None:
    trained = arranged.runs[arranged.runs["outcome"] == "trained"]
    reached = {
        column.removeprefix("probe/reached_"): trained[column].mean()
        for column in trained
        if column.startswith("probe/reached_")
    }
    level = measures.common_level(arranged)
    assert level is not None
    depth = {name: float(name.removesuffix("_below")) for name in reached}
    assert reached[level] >= 0.75
    assert all(reached[name] < 0.75 for name in reached if depth[name] > depth[level])


def test_every_number_is_the_mean_of_the_runs_that_have_one(arranged: Arms) -> None:
    level, rows = measures.common_level(arranged), table_of(arranged)
    assert [(row["Setting"], row["Peak lr"], row["Warmup"]) for row in rows] == arranged.keys
    columns = {"log KL path": f"stability/log_kl_path_to_{level}", "Early − unseen": f"overfit/memorisation_at_{level}"}
    for row in rows:
        runs = arranged.of(row["Setting"], row["Peak lr"], row["Warmup"])
        for title, column in columns.items():
            there = [value for value in runs[column] if not pd.isna(value)]
            count = "" if len(there) == len(runs) else f" ({len(there)})"
            assert row[title] == (f"{statistics.fmean(there):.2f}{count}" if there else MISSING)
        failed = runs["status"].eq("failed").all()
        never = (runs[f"probe/reached_{level}"] == 0).any()
        assert row["Steps"].startswith("≥ ") == never
        if never and len(runs) == 2 and not failed:
            assert float(row["Steps"].removeprefix("≥ ")) <= 20
    assert any(row["Steps"].startswith("≥ ") for row in rows)


def test_the_path_to_the_level_is_shown_where_most_trained_runs_have_one(arranged: Arms) -> None:
    level = measures.common_level(arranged)
    path = f"stability/log_kl_path_to_{level}"
    trained = arranged.runs["outcome"] == "trained"
    for share, title in ((0.4, "log early KL path"), (0.6, "log KL path")):
        known = trained & (trained.cumsum() <= share * trained.sum())
        runs = arranged.runs.assign(**{path: known.map({True: 1.5, False: float("nan")})})
        header = measures.measure_tables(replace(arranged, runs=runs))["Early training"].header
        assert [name for name in header if "KL path" in name] == [title]


def test_at_how_many_passes_memorisation_was_read_is_said(arranged: Arms) -> None:
    level = measures.common_level(arranged)
    runs = arranged.runs.assign(**{f"overfit/passes_at_{level}": [float(n) for n in range(len(arranged.runs))]})
    said = " ".join(measures.legend(replace(arranged, runs=runs), "Early training"))
    assert f"after {(len(runs) - 1) / 2:.2f} passes over the training data" in said
    assert f"from 0.00 to {len(runs) - 1:.2f}" in said
    unknown = arranged.runs.drop(columns=f"overfit/passes_at_{level}")
    assert "passes" not in " ".join(measures.legend(replace(arranged, runs=unknown), "Early training"))


def test_curvature_and_drift_have_tables_of_their_own(arranged: Arms) -> None:
    level = measures.common_level(arranged)
    values = {
        "curvature/sharpness_mean": 12.34,
        "curvature/preconditioned_edge_first": 14.5678,
        f"stability/decoder_log_drift_last_minus_first_at_{level}": 0.755,
    }
    tables = measures.measure_tables(replace(arranged, runs=arranged.runs.assign(**values)))
    row = dict(zip(tables["Curvature"].header, tables["Curvature"].rows[0], strict=True))
    assert (row["Sharpness"], row["Preconditioned edge at start"]) == ("12.3", "14.568")
    drift = tables["Drift of the layers from before training, at the same held-out loss"]
    assert drift.header[-2:] == ["Steps", "decoder, last − first"]
    assert "Curvature" not in measures.measure_tables(arranged)


def test_pairs_are_counted_in_the_direction_of_the_measure(tmp_path: Path) -> None:
    for seed in range(3):
        for fraction in (0.0, 0.1):
            leave(tmp_path / "outputs", seed=seed, schedule__warmup__fraction=fraction)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    with_warmup = study.runs["schedule.warmup.fraction"] > 0
    level = measures.common_level(roles.arrange(study))
    study.runs.loc[with_warmup, [f"overfit/memorisation_at_{level}", "stability/kl_max"]] = [-0.1, 0.5]
    study.runs.loc[~with_warmup, [f"overfit/memorisation_at_{level}", "stability/kl_max"]] = [-0.3, 0.9]
    said = list(measures.shows(roles.arrange(study)))
    assert any("memorised less of its first batches at the level in 3 of 3 pairs" in line for line in said)
    assert any("smaller largest move" in line and "(median difference -0.4)" in line for line in said)


def test_what_is_missing_is_said(arranged: Arms) -> None:
    said = " ".join(measures.does_not_show(arranged))
    level = measures.common_level(arranged)
    never = int((arranged.runs[f"probe/reached_{level}"] == 0).sum())
    assert never > 0
    assert f"{never} runs that never reached it" in said
    assert "Sharpness was not measured" in said


def test_a_study_without_probes_has_no_such_table(tmp_path: Path) -> None:
    leave(tmp_path / "outputs", probes=False)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    arranged = roles.arrange(study)
    assert "Early training" not in measures.measure_tables(arranged)
    assert all("jitter" in said for said in measures.shows(arranged))
