"""When a study's W&B run is written: with its report, once for its content, never where the tracker is off."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import ROOT
from support.synthetic_study import leave
from support.wandb_reader import entries_of
from warmuplab.base.files import write_json
from warmuplab.commands import report
from warmuplab.config.compose import compose
from warmuplab.outcome import publishing
from warmuplab.outcome.content import outcome_of
from warmuplab.outcome.publishing import publish, tracker_of_study
from warmuplab.study.results import Study

CLAIM: dict[str, Any] = {
    "id": "less", "statement": "Less.", "verdict": "supported", "effect": 0.123456789, "interval": [0.1, 0.2]
}  # fmt: skip


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def runs_in(outputs: Path) -> list[str]:
    return sorted(path.name for path in outputs.glob("tiny/wandb/*run-*-*"))


def test_it_is_written_once_for_its_content_and_leaves_the_results_alone(study: Study, tmp_path: Path) -> None:
    before, outputs = files_in(study.folder), tmp_path / "outputs"
    assert publish(study, outputs) == outputs / "tiny" / "wandb"
    (first,) = runs_in(outputs)
    assert first.endswith(outcome_of(study).identity)
    assert len(entries_of(outputs / "tiny" / "wandb")["history"]) == 1
    assert files_in(study.folder) == before
    written = files_in(outputs)
    assert publish(study, outputs) == outputs / "tiny" / "wandb"
    assert files_in(outputs) == written
    (study.folder / "spikes.parquet").unlink()  # other content
    publish(study, outputs)
    (second,) = runs_in(outputs)
    assert second.rpartition("-")[2] != first.rpartition("-")[2]


def test_a_writing_that_was_interrupted_is_repeated(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("warmuplab.outcome.view._artifact", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish(study, tmp_path)
    assert publish(study, tmp_path) is not None
    assert len(runs_in(tmp_path)) == 1
    assert any(entry["type"] == "results" for entry in entries_of(tmp_path / "tiny" / "wandb")["artifact"])


def test_what_it_is_known_by_follows_from_the_evidence_and_the_verdicts(study: Study) -> None:
    def identity(*claims: dict[str, Any]) -> str:
        write_json(study.folder / "claims.json", {"claims": list(claims)})
        return outcome_of(study).identity

    known = identity(CLAIM)
    assert identity(CLAIM) == known
    assert identity(CLAIM | {"effect": 0.12345678}) == known  # of another make of processor
    for changed in (
        {"verdict": "refuted"},
        {"effect": 0.2},
        {"effect": None},
        {"interval": None},
        {"statement": "More."},
    ):
        assert identity(CLAIM | changed) != known
    assert identity(CLAIM, CLAIM | {"id": "more"}) != known
    assert identity(CLAIM) == known
    for derived in ("report.md", "dashboard.html", "figures/final_loss.png", "figures/new.png"):
        (study.folder / derived).write_bytes(b"drawn anew")
        assert outcome_of(study).identity == known
    manifest = json.loads((study.folder / "manifest.json").read_text())
    write_json(study.folder / "manifest.json", manifest | {"seconds": 1.0})
    other = outcome_of(study).identity
    assert other != known
    runs = pd.read_parquet(study.folder / "runs.parquet")
    runs.iloc[::-1].to_parquet(study.folder / "runs.parquet")
    assert outcome_of(study).identity not in (known, other)
    assert outcome_of(Study("other", study.folder, study.runs, study.curves, study.manifest)).identity != known


@pytest.mark.parametrize("off", ["tracker.name=none", "tracker.mode=disabled", "WANDB_MODE=disabled"])
def test_nothing_is_written_where_the_tracker_is_off(
    off: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it is an error now
    key, _, value = off.partition("=")
    outputs = tmp_path / "outputs"
    if key == "WANDB_MODE":
        monkeypatch.setenv(key, value)
    else:
        for seed in (0, 1):
            leave(outputs, seed=seed, **{key.replace(".", "__"): value})
    assert publish(study, outputs) is None
    assert not list(outputs.glob("tiny/wandb"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("broken", ["no wandb", "outputs is a file", "WANDB_MODE"])
def test_a_failure_is_one_warning_and_the_report_is_unharmed(
    broken: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = tmp_path / "outputs"
    if broken == "no wandb":
        monkeypatch.setitem(sys.modules, "wandb", None)
    elif broken == "WANDB_MODE":
        monkeypatch.setenv("WANDB_MODE", "onlin")
    else:
        outputs.write_text("")
    before = files_in(study.folder)
    if broken == "outputs is a file":
        assert publish(study, outputs) is None
    else:
        report.report("tiny", outputs, study.folder.parent)
    captured = capfd.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("warning: study tiny: not published to W&B (")
    assert "make report STUDY=tiny" in captured.err
    assert set(files_in(study.folder)) == set(before)


def test_the_tracker_of_a_study_is_that_of_its_runs_then_of_its_file_then_the_default(tmp_path: Path) -> None:
    assert tracker_of_study("tiny", tmp_path).name == compose([]).tracker.name == "wandb"
    of_its_file = compose(["+study=quick"]).tracker
    assert (tracker_of_study("quick", tmp_path).name, of_its_file.name) == ("wandb", "wandb")
    leave(tmp_path, seed=0, tracker__name="none")
    assert tracker_of_study("tiny", tmp_path).name == "none"
    leave(tmp_path, seed=1, tracker__project="elsewhere")
    assert (tracker_of_study("tiny", tmp_path).name, tracker_of_study("tiny", tmp_path).project) == (
        "wandb",
        "elsewhere",
    )
    for path in tmp_path.glob("tiny/*/config.yaml"):
        path.write_text("- 3")
    assert tracker_of_study("tiny", tmp_path).project == "warmuplab"


def test_online_runs_do_not_make_a_report_send_anything(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    monkeypatch.setattr(publishing, "write", lambda outcome, folder, tracker, mode: modes.append(mode))
    monkeypatch.setattr(publishing, "_mark", lambda *_: None)
    leave(tmp_path / "outputs", tracker__mode="online")
    monkeypatch.setenv("WANDB_MODE", "online")
    publish(study, tmp_path / "outputs")
    assert modes == ["offline"]


def test_the_report_of_a_committed_study_writes_it_where_git_does_not_look(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "results" / "quick", tmp_path / "results" / "quick")
    report.report("quick", tmp_path / "outputs", tmp_path / "results")
    said = capfd.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[-1] == str(tmp_path / "outputs" / "quick" / "wandb")
    assert not list((tmp_path / "results").rglob("*wandb*"))
    assert "/outputs/" in (ROOT / ".gitignore").read_text().splitlines()
