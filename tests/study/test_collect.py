"""Collecting: every run is there, with every value that it recorded, and evidence is never lost silently."""

import json
import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from support.composing import ROOT, composed
from support.records import reseal
from support.synthetic_study import ENTROPY, configured, keys_of, leave, replace_metrics, small_study
from warmuplab.base.arguments import Parser, check_study
from warmuplab.base.errors import ConfigError
from warmuplab.config import rerun
from warmuplab.record import writing
from warmuplab.series.spikes import find_spikes
from warmuplab.study import collect, results
from warmuplab.tracking import sync as sync_module

SCRIPTS = ("report", "dashboard", "sync")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, results.Study]:
    folder = tmp_path_factory.mktemp("study")
    small_study(folder / "outputs")
    study, notes = collect.update("tiny", folder / "outputs", folder / "results")
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
            np.testing.assert_array_equal(series["value"], recorded.astype("float32").astype(float))


def test_a_spike_of_a_long_run_is_kept(tmp_path: Path) -> None:
    run = leave(tmp_path / "outputs", training__steps=3000)
    path = run.directory / "metrics.parquet"
    metrics = pd.read_parquet(path)
    metrics.loc[1717, "train/loss"] = 40.0
    metrics.to_parquet(path)
    reseal(run.directory)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    losses = study.curves[study.curves["metric"] == "train/loss"]
    assert len(losses) < 500
    assert losses.loc[losses["value"].idxmax(), ["step", "value"]].tolist() == [1717, 40.0]


@pytest.mark.parametrize("older", [False, True], ids=["as recorded", "of a record that lists none"])
def test_spikes_are_those_of_the_whole_series(tmp_path: Path, older: bool) -> None:
    run, calm = (leave(tmp_path / "outputs", training__steps=3000, seed=seed) for seed in (0, 1))
    path = run.directory / "metrics.parquet"
    metrics = pd.read_parquet(path)
    metrics.loc[1717:1730, "train/loss"] += np.linspace(20, 0, 14).astype("float32")
    metrics.loc[1718, "train/loss"] += 30  # the peak; its start lies within the same bin and is not an extreme of it
    replace_metrics(run, metrics)
    if older:
        reseal(run.directory, lambda summary: summary.pop("spikes"))
    collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
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
    collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    path = tmp_path / "results" / "tiny" / "layers.parquet"
    layers = pd.read_parquet(path)
    assert set(layers["run_id"]) == {run.run_id for run in runs[:2]}
    for run in runs[:2]:
        recorded = pd.read_parquet(run.directory / "layers.parquet")
        collected = layers[layers["run_id"] == run.run_id].reset_index(drop=True)[recorded.columns]
        pd.testing.assert_frame_equal(collected, recorded, check_dtype=False, check_categorical=False)
    for run in runs[:2]:
        (run.directory / "layers.parquet").unlink()
        reseal(run.directory)
    collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert not path.exists()


def test_the_manifest_says_how_and_with_what(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    manifest = study.manifest
    assert manifest["runs"] == {"total": 16, "finished": 14, "diverged": 1, "failed": 1, "stuck": 3}
    assert manifest["seconds"] == 60.0  # two populations of 30 seconds, not fifteen runs
    assert manifest["wall_seconds"] == 90
    assert manifest["steps"] == [20]
    assert manifest["corpora"][0]["unigram_entropy"] == ENTROPY
    assert manifest["corpora"][0]["licence"] == "BSD-3-Clause"
    assert manifest["corpora"][0]["test_fingerprint"] == "fedcba9876543210"
    assert manifest["varying"]["schedule.peak_lr"] == [1e-3, 1.6e-2]
    assert manifest["configuration"]["training.batch_size"] == 64
    assert manifest["commits"] == [{"commit": "1234567890abcdef1234567890abcdef12345678", "dirty": False, "runs": 15}]
    for path in (folder / "results" / "tiny").iterdir():
        assert str(folder).encode() not in path.read_bytes()


def test_a_run_that_failed_before_its_configuration_is_listed_and_changes_no_column(tmp_path: Path) -> None:
    for seed in (0, 1):
        leave(tmp_path / "outputs", seed=seed)
    killed = configured(tmp_path / "outputs", "tiny", {"seed": 2})
    writing.fail(killed, "its worker ended with status -9")
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert [name for name in study.runs if "." in name and "/" not in name] == []
    row = study.runs.set_index("run_id").loc[killed.run_id]
    assert (row["status"], row["seed"]) == ("failed", 2)


def test_lists_and_absent_knobs_become_columns(tmp_path: Path) -> None:
    leave(tmp_path / "outputs", optimizer__betas=[0.9, 0.98])
    leave(tmp_path / "outputs", optimizer__betas=[0.9, 0.999])
    leave(tmp_path / "outputs", schedule__decay={"name": "cosine", "alpha": 0.1})
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert set(study.runs["optimizer.betas"]) == {"[0.9,0.98]", "[0.9,0.999]"}
    assert study.runs["schedule.decay.alpha"].dropna().tolist() == [0.1]
    assert set(study.runs["schedule.decay.name"]) == {"cosine", "linear"}


def test_without_run_directories_the_results_serve(collected: tuple[Path, results.Study]) -> None:
    folder, study = collected
    again, notes = collect.update("tiny", folder / "nowhere", folder / "results")
    assert notes == []
    pd.testing.assert_frame_equal(again.runs, study.runs)
    pd.testing.assert_frame_equal(again.curves, study.curves)


def test_less_never_replaces_more_and_a_whole_sweep_replaces_old_evidence(tmp_path: Path) -> None:
    outputs, evidence = tmp_path / "outputs", tmp_path / "results"
    runs = [leave(outputs, seed=seed) for seed in range(3)]
    collect.update("tiny", outputs, evidence)
    shutil.rmtree(runs[0].directory)
    kept, notes = collect.update("tiny", outputs, evidence)
    assert len(kept.runs) == 3
    assert len(notes) == 1
    assert "2 complete runs" in notes[0]
    leave(outputs, seed=7)
    replaced, _ = collect.update("tiny", outputs, evidence)
    assert sorted(replaced.runs["seed"]) == [1, 2, 7]


def test_runs_that_have_not_ended_are_left_out_and_mentioned(tmp_path: Path) -> None:
    leave(tmp_path / "outputs")
    writing.begin(configured(tmp_path / "outputs", "tiny", {"seed": 1}))
    study, notes = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert len(study.runs) == 1
    assert notes == ["left out, still training or killed: 1 run."]


NO_NAMES = ["", ".", "..", "../tiny", "/etc", "tiny/", "a b", "a\nb", ".hidden", "a" * 101, "a" * 300]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_study_is_one_line_everywhere(tmp_path: Path, name: str) -> None:
    for use in (
        lambda: check_study(name),
        lambda: collect.update(name, tmp_path, tmp_path),
        lambda: results.load(name, tmp_path),
        lambda: sync_module.sync(name, tmp_path),
    ):
        with pytest.raises(ConfigError, match=r"^STUDY=.*not the name of a study; use letters, digits") as error:
            use()
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 300


def test_names_of_studies() -> None:
    for name in ("quick", "warmup-2.1_b", "7", "a" * 100):
        check_study(name)


@pytest.mark.parametrize("study", ["nosuch", "../tiny", "."])
def test_a_study_that_is_nowhere_is_one_line_with_the_remedy(tmp_path: Path, study: str) -> None:
    with pytest.raises(ConfigError) as error:
        collect.update(study, tmp_path / "outputs", tmp_path / "results")
    assert f"STUDY={study}" in str(error.value)
    assert "\n" not in str(error.value)
    if study == "nosuch":
        assert "make sweep STUDY=nosuch" in str(error.value)


def test_incomplete_results_are_one_line(tmp_path: Path) -> None:
    leave(tmp_path / "outputs")
    collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    (tmp_path / "results" / "tiny" / "curves.parquet").unlink()
    with pytest.raises(ConfigError, match=r"curves\.parquet"):
        collect.update("tiny", tmp_path / "nowhere", tmp_path / "results")


def test_a_manifest_that_is_none_is_one_line(collected: tuple[Path, results.Study], tmp_path: Path) -> None:
    folder = copied(collected, tmp_path)
    whole = json.loads((folder / "manifest.json").read_text())
    without = [{key: value for key, value in whole.items() if key != left_out} for left_out in ("varying", "corpora")]
    wrong = [whole | {"runs": {}}, whole | {"varying": {"seed": 3}}, whole | {"steps": 1}, whole | {"commits": [None]}]
    for content in ("", "{", "[]", "{}", "\0", *map(json.dumps, [*without, *wrong])):
        (folder / "manifest.json").write_text(content)
        assert_damaged(tmp_path, "manifest.json")


@pytest.mark.parametrize("name", ["runs.parquet", "curves.parquet"])
def test_a_damaged_table_is_one_line(collected: tuple[Path, results.Study], tmp_path: Path, name: str) -> None:
    path = copied(collected, tmp_path) / name
    whole, table = path.read_bytes(), pd.read_parquet(path)
    for part in (b"", whole[:1000], whole[-1000:]):
        path.write_bytes(part)
        assert_damaged(tmp_path, name)
    for lost in {"run_id", "trained", "value", "unigram_entropy"} & set(table):
        table.drop(columns=lost).to_parquet(path)
        assert_damaged(tmp_path, name, lost)
    if name == "runs.parquet":
        table.iloc[:0].to_parquet(path)
        assert_damaged(tmp_path, name, "no rows")


def test_damaged_results_beside_run_directories_are_never_taken_for_none(
    collected: tuple[Path, results.Study], tmp_path: Path
) -> None:
    (copied(collected, tmp_path) / "runs.parquet").write_text("")
    with pytest.raises(ConfigError, match=r"runs\.parquet is damaged .* remove it and make report STUDY=tiny"):
        collect.update("tiny", collected[0] / "outputs", tmp_path)


def copied(collected: tuple[Path, results.Study], to: Path) -> Path:
    return Path(shutil.copytree(collected[1].folder, to / "tiny"))


def assert_damaged(evidence: Path, name: str, said: str = "") -> None:
    with pytest.raises(ConfigError) as error:
        results.load("tiny", evidence)
    text = str(error.value)
    assert text.startswith(f"STUDY=tiny: {evidence / 'tiny' / name} is damaged (")
    assert said in text
    assert "restore" in text
    assert "make report STUDY=tiny" in text


@pytest.mark.parametrize("name", ["metrics.parquet", "layers.parquet"])
def test_a_damaged_record_of_a_run_is_left_out_and_mentioned(tmp_path: Path, name: str) -> None:
    run, whole = (leave(tmp_path / "outputs", seed=seed) for seed in range(2))
    pd.DataFrame({"nothing": [1]}).to_parquet(run.directory / name)
    study, (note,) = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    assert study.runs["run_id"].tolist() == [whole.run_id]
    assert note.startswith(f"left out, damaged: 1 run, first {run.directory} ({name} is not as it was written")
    assert "make verify STUDY=tiny" in note
    shutil.rmtree(whole.directory)
    shutil.rmtree(tmp_path / "results")
    with pytest.raises(ConfigError, match="no whole record, 1 damaged"):
        collect.update("tiny", tmp_path / "outputs", tmp_path / "results")


@pytest.mark.parametrize("wrong", [[], ["--nosuch", "tiny"], ["tiny", "more"], ["tiny", "--results"]])
@pytest.mark.parametrize("script", SCRIPTS)
def test_wrong_arguments_are_one_line(
    script: str, wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(script, wrong, monkeypatch, capsys)
    assert f"python scripts/{script}.py --help" in line


def test_help_still_helps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Parser("What it does.").parse_args(["--help"])
    assert ended.value.code == 0
    assert "What it does." in capsys.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_path_as_study_is_one_line(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "error: STUDY=../quick: " in refused(script, ["../quick"], monkeypatch, capsys)


@pytest.mark.parametrize("script", ["report", "dashboard"])
@pytest.mark.parametrize("taken", ["results", "results/tiny"])
def test_a_file_in_the_place_of_a_folder_is_one_line(
    script: str, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("")
    line = refused(script, ["tiny"], monkeypatch, capsys)
    assert line.startswith("error: --results=results/tiny: a file is in the way")
    leave(tmp_path / "outputs")
    assert line == refused(script, ["tiny"], monkeypatch, capsys)


def test_files_in_the_place_of_what_is_written_are_one_line(
    collected: tuple[Path, results.Study],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = copied(collected, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    (folder / "dashboard.html").mkdir()
    assert "error: --results=results: " in refused("dashboard", ["tiny"], monkeypatch, capsys)
    (folder / "figures").write_text("")
    line = refused("report", ["tiny"], monkeypatch, capsys)
    assert "error: --results=results: " in line
    assert "tiny/figures" in line


def refused(
    script: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """The line with which a script refuses its arguments."""
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / f"{script}.py"), run_name="__main__")
    heard = capsys.readouterr()
    assert (ended.value.code, heard.out, heard.err.count("\n")) == (2, "", 1)
    assert heard.err.startswith("error: ")
    return heard.err


QUICK = {
    "seed": [0, 1],
    "model.norm": ["post", "pre"],
    "schedule.peak_lr": [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2],  # of both grids
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
    make, sweep, study, *rest = shlex.split(rerun.sweep_command("quick", shared, changed) or "")
    assert (make, sweep, study) == ("make", "sweep", "STUDY=quick")
    expected = [*overrides, *(f"{key}={','.join(map(str, values))}" for key, values in varying.items())]
    typed = shlex.split(rest[0].removeprefix("ARGS=")) if rest else []
    assert sorted(typed) == sorted(expected)


@pytest.mark.parametrize(
    "value", ["two words", "a'b", 'a "b"', "$HOME ${seed} $(id)", "a,b [c] {d: e}", "x\\", "#1; echo `id` & *", "é=1"]
)
def test_the_command_can_be_typed_whatever_a_value_contains(value: str) -> None:
    shared = {"data.name": value, "optimizer.betas": [0.9, 0.999]}
    command = rerun.sweep_command("quick", shared, {"seed": [0, 1], "optimizer.name": [value, "sgd"]})
    assert command is not None
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(
        f"{command} --dry-run --no-print-directory",
        shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    python, script, study, *arguments = shlex.split(printed.splitlines()[-1])
    assert (Path(python).name, script, study) == ("python", "scripts/sweep.py", "$STUDY")
    parsed = {override.key_or_group: override for override in OverridesParser.create().parse_overrides(arguments)}
    assert parsed["data.name"].value() == value
    assert parsed["optimizer.betas"].value() == [0.9, 0.999]
    names = parsed["optimizer.name"].value()
    assert [getattr(name, "text", name) for name in names.list] == [value, "sgd"]


def test_a_study_without_a_file_has_no_command(collected: tuple[Path, results.Study]) -> None:
    assert collected[1].manifest["command"] is None


def test_analysis_imports_neither_the_trainer_nor_matplotlib() -> None:
    modules = "study.collect, study.results, study.manifest, study.roles, config.rerun, claims.judge, report.tables,"
    modules += " report.sentences, report.page"
    imports = "; ".join(f"import warmuplab.{name}" for name in modules.split(", "))
    check = "import sys; assert not {'torch', 'matplotlib', 'wandb', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{imports}; {check}"], check=True)
