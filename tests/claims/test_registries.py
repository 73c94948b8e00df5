"""A name is that of a registry or of a study, never of both: each is refused in one line in the other's place."""

import dataclasses
import sys
from pathlib import Path

import pytest

from support.composing import QUICK, composed
from warmuplab.base.errors import ConfigError
from warmuplab.claims import registries
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.registry import CLAIMS
from warmuplab.commands import report
from warmuplab.launch.launch import LauncherConfig, launch
from warmuplab.record.verifying import SUMMARY


def test_the_committed_registry_has_a_name_of_its_own() -> None:
    assert registries.registries() == [REGISTRY]


@pytest.mark.parametrize("study", ["quick", "confirm_early", "mine"])
def test_a_registry_named_like_a_study_is_refused(study: str) -> None:
    """Like one of a file, one that claims are about, and one that a claim of another registry is about."""
    claims = [dataclasses.replace(CLAIMS[0], registry=study), dataclasses.replace(CLAIMS[1], study="mine")]
    with pytest.raises(ConfigError, match=f"^registry={study}: the name of a study"):
        registries.registries(claims)


def test_a_registry_is_not_taken_for_a_study() -> None:
    with pytest.raises(ConfigError, match="a registry, which has a report and no runs; use confirm_"):
        registries.check_is_study(REGISTRY)
    registries.check_is_study("quick")


def test_a_study_named_like_a_registry_is_not_trained(tmp_path: Path) -> None:
    config = dataclasses.replace(composed(*QUICK, f"outputs={tmp_path}"), study=REGISTRY)
    with pytest.raises(ConfigError, match=f"^study={REGISTRY}: the name of a registry"):
        launch([config], LauncherConfig("debug", None, None), lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["outputs", "results"])
def test_runs_under_the_name_of_a_registry_keep_its_report_from_being_written(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / folder / REGISTRY
    (there / "a-run").mkdir(parents=True)
    (there / ("a-run" if folder == "outputs" else "") / (SUMMARY if folder == "outputs" else "runs.parquet")).touch()
    before = sorted(tmp_path.rglob("*"))
    places = [f"--outputs={tmp_path / 'outputs'}", f"--results={tmp_path / 'results'}"]
    monkeypatch.setattr(sys, "argv", ["warmuplab report", REGISTRY, *places])
    with pytest.raises(SystemExit) as ended:
        report.main()
    heard = capsys.readouterr().err
    assert (ended.value.code, heard.count("\n")) == (2, 1)
    assert f"{there} has runs of a study of that name" in heard
    assert sorted(tmp_path.rglob("*")) == before
