"""What the tests of a study's W&B run share: nobody is logged in, and a small study is collected."""

import shutil
from pathlib import Path

import pytest

from support.synthetic_study import small_study
from support.wandb_reader import forget_account
from warmuplab.report.page import write_report
from warmuplab.study import collect, results
from warmuplab.study.results import Study


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account of this machine is known to W&B."""
    forget_account(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a study, whose runs are gone."""
    folder = tmp_path_factory.mktemp("study")
    small_study(folder / "outputs")
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    write_report(study)
    shutil.rmtree(folder / "outputs")
    return folder / "results"


@pytest.fixture
def study(collected: Path, tmp_path: Path) -> Study:
    """A copy of it, to be changed."""
    shutil.copytree(collected, tmp_path / "results")
    return results.load("tiny", tmp_path / "results")
