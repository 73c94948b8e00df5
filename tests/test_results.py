"""Collecting: every run is there, with every value that it recorded, and evidence is never lost silently."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import composed
from synthetic_study import ENTROPY, configured, keys_of, leave, small_study
from warmuplab import records, reproduction, results
from warmuplab.errors import ConfigError
from warmuplab.spikes import find_spikes


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, results.Study]:
    folder = tmp_path_factory.mktemp("study")
    small_study(folder / "outputs")
    study, notes = results.update("tiny", folder / "outputs", folder / "results")
    assert notes == ["1 of 16 runs failed; the sweep's command tries them again."]
    return folder, study


def test_a_row_per_run_with_exactly_the_keys_that_vary(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    assert sorted(study.runs["run_id"]) == sorted(p.parent.name for p in folder.glob("outputs/tiny/*/config.yaml"))
    dotted = [name for name in study.runs if "." in name and "/" not in name]
    assert sorted(dotted) == ["model.norm", "schedule.peak_lr", "schedule.warmup.fraction"]
    assert study.runs["status"].value_counts().to_dict() == {"finished": 14, "diverged": 1, "failed": 1}


def test_every_value_of_every_summary_is_in_its_row(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    rows = study.runs.set_index("run_id").to_dict("index")
    for path in folder.glob("outputs/tiny/*/summary.json"):
        summary = json.loads(path.read_text())
        row = rows[summary["run_id"]]
        assert row["status"] == summary["status"]
        assert row["seed"] == summary["seed"]
        told = summary.get("values", {})
        for name in (name for name in row if "/" in name):
            recorded = told.get(name)
            assert pd.isna(row[name]) if recorded is None else row[name] == recorded, name
        for name in ("trained", "diverged_at", "early_steps", "commit", "dirty", "error", "weights"):
            assert pd.isna(row[name]) if summary.get(name) is None else row[name] == summary[name], name


def test_short_series_are_the_recorded_ones(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    for run_id, curves in study.curves.groupby("run_id", observed=True):
        metrics = pd.read_parquet(folder / "outputs" / "tiny" / str(run_id) / "metrics.parquet").set_index("step")
        assert set(curves["metric"]) == {name for name in metrics if metrics[name].notna().any()}
        for name, series in curves.groupby("metric", observed=True):
            recorded = metrics[name].dropna()
            assert series["step"].tolist() == recorded.index.tolist()
            np.testing.assert_array_equal(series["value"], recorded.astype(float))


def test_a_spike_of_a_long_run_is_kept(tmp_path: Path) -> None:
    run = leave(tmp_path / "outputs", training__steps=3000)
    path = run.directory / "metrics.parquet"
    metrics = pd.read_parquet(path)
    metrics.loc[1717, "train/loss"] = 40.0
    metrics.to_parquet(path)
    study, _ = results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    losses = study.curves[study.curves["metric"] == "train/loss"]
    assert len(losses) < 500
    assert losses.loc[losses["value"].idxmax(), ["step", "value"]].tolist() == [1717, 40.0]


def test_spikes_are_those_of_the_whole_series(tmp_path: Path) -> None:
    run, calm = (leave(tmp_path / "outputs", training__steps=3000, seed=seed) for seed in (0, 1))
    path = run.directory / "metrics.parquet"
    metrics = pd.read_parquet(path)
    metrics.loc[1717:1730, "train/loss"] += np.linspace(20, 0, 14).astype("float32")
    metrics.loc[1718, "train/loss"] += 30  # the peak; its start lies within the same bin and is not an extreme of it
    metrics.to_parquet(path)
    results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    spikes = pd.read_parquet(tmp_path / "results" / "tiny" / "spikes.parquet")
    expected = find_spikes(metrics["train/loss"])
    found = spikes[spikes["run_id"] == run.run_id]
    assert found["start"].tolist() == [spike.start for spike in expected]
    assert found["height"].tolist() == [spike.height for spike in expected]
    planted = found.iloc[found["height"].argmax()]
    assert (planted["start"], planted["peak"]) == (1717, 1718)
    assert planted["loss"] == float(metrics["train/loss"][1718])
    assert len(spikes) - len(found) == len(
        find_spikes(pd.read_parquet(calm.directory / "metrics.parquet")["train/loss"])
    )
    curves = results.load("tiny", tmp_path / "results").curves
    losses = curves[(curves["metric"] == "train/loss") & (curves["run_id"] == run.run_id)]
    assert {1717, 1718} <= set(losses["step"])
    assert len(losses) < 500


def test_layers_are_collected_as_recorded_and_are_absent_where_no_run_has_any(tmp_path: Path) -> None:
    runs = [leave(tmp_path / "outputs", seed=seed, probes=seed < 2) for seed in range(3)]
    results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    path = tmp_path / "results" / "tiny" / "layers.parquet"
    layers = pd.read_parquet(path)
    assert set(layers["run_id"]) == {run.run_id for run in runs[:2]}
    for run in runs[:2]:
        recorded = pd.read_parquet(run.directory / "layers.parquet")
        collected = layers[layers["run_id"] == run.run_id].reset_index(drop=True)[recorded.columns]
        pd.testing.assert_frame_equal(collected, recorded, check_dtype=False, check_categorical=False)
    for run in runs[:2]:
        (run.directory / "layers.parquet").unlink()
    results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert not path.exists()


def test_the_manifest_says_how_and_with_what(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    manifest = study.manifest
    assert manifest["runs"] == {"total": 16, "finished": 14, "diverged": 1, "failed": 1, "stuck": 3}
    assert manifest["seconds"] == 60.0  # two populations of 30 seconds, not fifteen runs
    assert manifest["wall_seconds"] == 90
    assert manifest["steps"] == [20]
    assert manifest["corpora"][0]["unigram_entropy"] == ENTROPY
    assert manifest["varying"]["schedule.peak_lr"] == [1e-3, 1.6e-2]
    assert manifest["configuration"]["training.batch_size"] == 64
    assert manifest["commits"] == [{"commit": "1234567890abcdef1234567890abcdef12345678", "dirty": False, "runs": 15}]
    for path in (folder / "results" / "tiny").iterdir():
        assert str(folder).encode() not in path.read_bytes()


def test_a_run_that_failed_before_its_configuration_is_listed_and_changes_no_column(tmp_path: Path) -> None:
    for seed in (0, 1):
        leave(tmp_path / "outputs", seed=seed)
    killed = configured(tmp_path / "outputs", "tiny", {"seed": 2})
    records.fail(killed, "its worker ended with status -9")
    study, _ = results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert [name for name in study.runs if "." in name and "/" not in name] == []
    row = study.runs.set_index("run_id").loc[killed.run_id]
    assert (row["status"], row["seed"]) == ("failed", 2)


def test_lists_and_absent_knobs_become_columns(tmp_path: Path) -> None:
    leave(tmp_path / "outputs", optimizer__betas=[0.9, 0.98])
    leave(tmp_path / "outputs", optimizer__betas=[0.9, 0.999])
    leave(tmp_path / "outputs", schedule__decay={"name": "cosine", "alpha": 0.1})
    study, _ = results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert set(study.runs["optimizer.betas"]) == {"[0.9,0.98]", "[0.9,0.999]"}
    assert study.runs["schedule.decay.alpha"].dropna().tolist() == [0.1]
    assert set(study.runs["schedule.decay.name"]) == {"cosine", "linear"}


def test_without_run_directories_the_results_serve(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    again, notes = results.update("tiny", folder / "nowhere", folder / "results")
    assert notes == []
    pd.testing.assert_frame_equal(again.runs, study.runs)
    pd.testing.assert_frame_equal(again.curves, study.curves)


def test_less_never_replaces_more_and_a_whole_sweep_replaces_old_evidence(tmp_path: Path) -> None:
    outputs, evidence = tmp_path / "outputs", tmp_path / "results"
    runs = [leave(outputs, seed=seed) for seed in range(3)]
    results.update("tiny", outputs, evidence)
    shutil.rmtree(runs[0].directory)
    kept, notes = results.update("tiny", outputs, evidence)
    assert len(kept.runs) == 3
    assert len(notes) == 1
    assert "2 complete runs" in notes[0]
    leave(outputs, seed=7)
    replaced, _ = results.update("tiny", outputs, evidence)
    assert sorted(replaced.runs["seed"]) == [1, 2, 7]


def test_runs_that_have_not_ended_are_left_out_and_mentioned(tmp_path: Path) -> None:
    leave(tmp_path / "outputs")
    records.begin(configured(tmp_path / "outputs", "tiny", {"seed": 1}))
    study, notes = results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert len(study.runs) == 1
    assert len(notes) == 1
    assert "killed: 1 of" in notes[0]


@pytest.mark.parametrize("study", ["nosuch", "../tiny", "."])
def test_a_study_that_is_nowhere_is_one_line_with_the_remedy(tmp_path: Path, study: str) -> None:
    with pytest.raises(ConfigError) as error:
        results.update(study, tmp_path / "outputs", tmp_path / "results")
    assert f"STUDY={study}" in str(error.value)
    assert "\n" not in str(error.value)
    if study == "nosuch":
        assert "make sweep STUDY=nosuch" in str(error.value)


def test_incomplete_results_are_one_line(tmp_path: Path) -> None:
    leave(tmp_path / "outputs")
    results.update("tiny", tmp_path / "outputs", tmp_path / "results")
    (tmp_path / "results" / "tiny" / "curves.parquet").unlink()
    with pytest.raises(ConfigError, match=r"curves\.parquet"):
        results.update("tiny", tmp_path / "nowhere", tmp_path / "results")


QUICK = {
    "seed": [0, 1],
    "model.norm": ["post", "pre"],
    "schedule.peak_lr": [1e-3, 4e-3, 8e-3, 1.6e-2],
    "schedule.warmup.fraction": [0.0, 0.1, 0.3],
}


@pytest.mark.parametrize(
    ("overrides", "varying"),
    [
        ([], {}),
        (["training.steps=60", "model.width=32", "optimizer.betas=[0.9,0.999]"], {}),
        ([], {"seed": [0, 1, 2]}),
        (["optimizer.clip_norm=1.0"], {"schedule.peak_lr": [1e-3, 2e-3]}),
    ],
)
def test_the_command_gives_the_runs_back(overrides: list[str], varying: dict[str, list[float]]) -> None:
    shared = keys_of(composed("+study=quick", *overrides))
    changed = QUICK | varying
    shared = {key: value for key, value in shared.items() if key not in changed}
    ignored = ("study", "outputs", "overwrite", "tracker.name")
    shared = {key: value for key, value in shared.items() if key not in ignored and not key.startswith("tracker.")}
    make, sweep, study, *rest = shlex.split(reproduction.command("quick", shared, changed) or "")
    assert (make, sweep, study) == ("make", "sweep", "STUDY=quick")
    expected = [*overrides, *(f"{key}={','.join(map(str, values))}" for key, values in varying.items())]
    typed = rest[0].removeprefix("ARGS=").split() if rest else []
    assert sorted(typed) == sorted(expected)


def test_a_study_without_a_file_has_no_command(collected: tuple[Path, results.Study]) -> None:
    assert collected[1].manifest["command"] is None


def test_analysis_imports_neither_the_trainer_nor_matplotlib() -> None:
    modules = "results, manifest, reproduction, claims.arms, claims.tables, claims.statements, claims.report"
    imports = "; ".join(f"import warmuplab.{name}" for name in modules.split(", "))
    check = "import sys; assert not {'torch', 'matplotlib', 'wandb', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{imports}; {check}"], check=True)
