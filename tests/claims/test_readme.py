"""The README's worked example: a study file and a claim that fit each other, as they stand there."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.composing import ROOT
from warmuplab.claims import registry, studies
from warmuplab.claims.claim import Claim

README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README[README.index("### A claim and a study of your own") :], re.S)
    assert found
    return found[1]


def test_the_example_claim_reads_the_runs_of_the_example_study() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    (made,) = names["CLAIMS"]
    assert isinstance(made, Claim)
    (grid,) = yaml.safe_load(block("yaml"))["hydra"]["sweeper"]["grids"]
    assert made.study == yaml.safe_load(block("yaml"))["study"]
    assert [arm.where for arm in made.arms] == [{"schedule.decay.name": name} for name in ("linear", "cosine")]
    for arm in made.arms:
        assert arm.study == made.study
        assert arm.where["schedule.decay.name"] in grid["schedule"]
        assert [float(grid["schedule.peak_lr"])] == list(arm.rates)
        assert grid["seed"] == list(arm.seeds)


def test_a_file_among_the_studies_registers_its_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(block("python"))
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path)])
    registered = registry.registered()
    assert [claim.id for claim in registered if claim not in registry.CLAIMS] == ["cosine-beats-line"]
    assert [claim for claim in registered if claim in registry.CLAIMS] == list(registry.CLAIMS)
    sys.modules.pop(f"{studies.__name__}.mine")
