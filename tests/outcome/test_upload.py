"""`make sync`: a study is on the server once, whatever happened on the way, also from `results/` alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.composing import ROOT
from support.synthetic_study import leave
from support.wandb_reader import KEY
from support.wandb_server import UploadedRun, WandbServer, wandb_server
from warmuplab.commands import sync as command
from warmuplab.outcome.content import outcome_of
from warmuplab.report.page import write_report
from warmuplab.study import collect, results
from warmuplab.study.results import Study

RUNS_SHOWN = 2
IMPATIENT = """
import sys
from warmuplab.outcome import sending
sending.SECONDS = 20.0
from warmuplab.commands import sync
sys.exit(sync.main())
"""


def environment(server: WandbServer) -> dict[str, str]:
    """Of a process that uses `server`."""
    account = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false"}
    return {**os.environ, **account}


def sync(server: WandbServer, folder: Path, study: str = "tiny", code: str = "") -> subprocess.CompletedProcess[str]:
    """`make sync STUDY=...` with the runs and results in `folder`."""
    program = ["-c", code] if code else ["scripts/sync.py"]
    places = ["--outputs", str(folder / "outputs"), "--results", str(folder / "results")]
    return subprocess.run(
        [sys.executable, *program, study, *places],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment(server),
    )  # fmt: skip


def only_study(server: WandbServer) -> tuple[str, UploadedRun]:
    """The one run of a study that the server knows."""
    (found,) = [(key, run) for key, run in server.runs.items() if run.fields.get("jobType") == "study"]
    return found


def check(server: WandbServer, study: Study) -> None:
    """The server has the study once and whole."""
    run_id, run = only_study(server)
    assert run_id == outcome_of(study).identity
    assert (run.fields["displayName"], run.fields["groupName"], run.exit_code) == (study.name, study.name, 0)
    assert run.summary["runs/total"] == len(study.runs)
    (row,) = run.rows
    files = server.storage.files_of(run_id)
    media = {name: value for name, value in run.summary.items() if isinstance(value, dict) and "path" in value}
    assert {"runs", "episodes", "spikes", "figures/training_loss"} <= set(media)
    assert media.keys() <= row.keys()
    for name, value in media.items():
        assert value["path"] == row[name]["path"]
        assert len(files[value["path"]]) == value["size"]
    assert {name for name in files if name.startswith("media/")} == {value["path"] for value in media.values()}
    (artifact,) = server.storage.committed("results")
    assert len([one for one in server.storage.artifacts.values() if one.type == "results"]) == 1
    held = server.storage.content(artifact)
    assert held == {name: path.read_bytes() for name, path in outcome_of(study).files()}
    assert {"runs.parquet", "curves.parquet", "manifest.json", "report.md", "figures/training_loss.png"} <= set(held)


def test_results_alone_are_uploaded_once(study: Study, tmp_path: Path) -> None:
    place = f"warmuplab/runs/{outcome_of(study).identity}"
    none = f"runs: none here, as {tmp_path / 'outputs' / 'tiny'} has no finished run\n"
    with wandb_server() as server:
        first = sync(server, tmp_path)
        assert (first.returncode, first.stdout, first.stderr) == (0, f"{none}study: uploaded to {place}\n", "")
        check(server, study)
        uploads = list(server.storage.uploads)
        second = sync(server, tmp_path)
        assert (second.returncode, second.stdout) == (0, f"{none}study: uploaded before, to {place}\n")
        assert server.storage.uploads == uploads
        shutil.rmtree(tmp_path / "outputs")  # as on another clone: the same run goes on, and nothing is there twice
        third = sync(server, tmp_path)
        assert third.stdout == first.stdout
        check(server, study)
        assert set(server.storage.uploads) == set(uploads)


@pytest.mark.parametrize("files", [0, 3, 9])
def test_an_upload_that_broke_off_ends_with_one_copy(files: int, study: Study, tmp_path: Path) -> None:
    with wandb_server() as server:
        server.uploads_left = files
        broken = sync(server, tmp_path, code=IMPATIENT)
        assert broken.returncode == 1
        assert broken.stdout.endswith("study: failed\n")
        assert broken.stderr.count("\n") == 1
        assert "warning: study tiny: not published to W&B (" in broken.stderr
        assert not server.storage.committed("results")
        server.uploads_left = None
        again = sync(server, tmp_path)
        assert (again.returncode, again.stderr) == (0, "")
        check(server, study)


def test_runs_and_study_are_uploaded_together_and_each_once(tmp_path: Path) -> None:
    for seed in range(RUNS_SHOWN):
        leave(tmp_path / "outputs", seed=seed)
    leave(tmp_path / "outputs", seed=RUNS_SHOWN, tracker__name="none")
    leave(tmp_path / "outputs", seed=RUNS_SHOWN + 1, tracker__mode="disabled")
    with wandb_server() as server:
        alone = sync(server, tmp_path)
        assert alone.returncode == 0
        runs, no_study = alone.stdout.splitlines()
        assert runs == "runs: 2 uploaded, 0 uploaded before, 0 failed, 2 trained with the tracker off"
        assert no_study.startswith("study: not uploaded, as ")
        assert "make report STUDY=tiny" in no_study
        study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
        write_report(study)
        both = sync(server, tmp_path)
        identity = outcome_of(study).identity
        assert both.stdout.splitlines() == [
            "runs: 0 uploaded, 2 uploaded before, 0 failed, 2 trained with the tracker off",
            f"study: uploaded to warmuplab/runs/{identity}",
        ]
        assert len(server.runs) == RUNS_SHOWN + 1
        assert {run.fields["groupName"] for run in server.runs.values()} == {"tiny"}
        check(server, study)
        leave(tmp_path / "outputs", seed=RUNS_SHOWN + 2)  # other content is another run
        study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
        assert f"runs/{outcome_of(study).identity}" in sync(server, tmp_path).stdout
        assert outcome_of(study).identity != identity
        assert {identity, outcome_of(study).identity} < set(server.runs)


def test_a_study_whose_tracker_is_off_stays_here(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it is an error now
    leave(tmp_path / "outputs", tracker__name="none")
    assert command.sync("tiny", tmp_path / "outputs", study.folder.parent) == 0
    assert capsys.readouterr().out.splitlines() == [
        "runs: 0 uploaded, 0 uploaded before, 0 failed, 1 trained with the tracker off",
        "study: not uploaded, as its tracker is off (tracker=none)",
    ]


@pytest.mark.parametrize(
    ("case", "line"),
    [
        ("nowhere", "error: STUDY=nosuch: no finished run in "),
        ("off", "error: WANDB_MODE=disabled: nothing is uploaded with it; unset it, then sync again"),
        ("account", "error: STUDY=tiny: "),
        ("damaged", "error: STUDY=tiny: "),
    ],
)
def test_what_cannot_be_uploaded_is_one_line(
    case: str,
    line: str,
    study: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if case == "off":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    if case == "account":
        monkeypatch.setenv("WANDB_API_KEY", "too-short")
    if case == "damaged":
        (study.folder / "curves.parquet").write_text("")
    name = "nosuch" if case == "nowhere" else "tiny"
    arguments = [name, "--outputs", str(tmp_path / "outputs"), "--results", str(study.folder.parent)]
    monkeypatch.setattr(sys, "argv", ["sync.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_the_committed_study_is_uploaded_from_a_clone_without_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "quick", tmp_path / "results" / "quick")
    quick = results.load("quick", tmp_path / "results")
    with wandb_server() as server:
        done = sync(server, tmp_path, "quick")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0].startswith("runs: none here")
        check(server, quick)
        assert only_study(server)[1].config["record"]["commits"] == quick.manifest["commits"]
