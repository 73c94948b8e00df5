"""The README's worked example: a study file and a claim that fit each other, as they stand there."""

import re
from typing import Any

import yaml

from support.composing import ROOT
from warmuplab.claims import registry
from warmuplab.claims.claim import Claim

README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README[README.index("### A claim and a study of your own") :], re.S)
    assert found
    return found[1]


def test_the_example_claim_reads_the_runs_of_the_example_study() -> None:
    names: dict[str, Any] = vars(registry).copy()  # it goes into that file
    arms, claim = block("python").split("\n\nClaim(")
    exec(arms, names)
    made: Any = eval(f"Claim({claim}", names)
    assert isinstance(made, Claim)
    (grid,) = yaml.safe_load(block("yaml"))["hydra"]["sweeper"]["grids"]
    assert made.study == yaml.safe_load(block("yaml"))["study"]
    assert [arm.where for arm in made.arms] == [{"schedule.decay.name": name} for name in ("linear", "cosine")]
    for arm in made.arms:
        assert arm.study == made.study
        assert arm.where["schedule.decay.name"] in grid["schedule"]
        assert [float(rate) for rate in grid["schedule.peak_lr"]] == list(arm.rates)
        assert grid["seed"] == list(arm.seeds)
