"""From a claim of one's own to its verdict: picked by keys, judged in its own family, written to file and report."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.synthetic_study import ENTROPY, leave
from warmuplab.claims import judge
from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.forms import better
from warmuplab.report import page
from warmuplab.report import verdicts as claims_in_report
from warmuplab.study import collect, results
from warmuplab.study.results import Study

RATES = (1e-3, 2e-3, 4e-3)
COSINE, LINE = (Arm(name, {"schedule.decay.name": name}, (2e-3,), study="mine") for name in ("cosine", "linear"))
MINE = Claim(
    id="cosine-beats-line",
    statement="A cosine trains better than a line.",
    source="a hunch",
    measure="Final held-out loss.",
    contrasts=(better("cosine against a line", COSINE, LINE),),
    elsewhere=(better("a line against a cosine", LINE, COSINE),),
    study="mine",
)
OTHER = dataclasses.replace(MINE, id="of-another-report", study="elsewhere")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Cosine is better by about 0.3 nats at every rate, best at the middle one."""
    folder, rng = tmp_path_factory.mktemp("mine"), np.random.default_rng(1)
    losses = {}
    for name, setting in (("cosine", {"alpha": 0.0}), ("linear", {"end_factor": 0.0})):
        for place, rate in enumerate(RATES):
            for seed in range(10):
                decay = {"name": name} | setting
                run = leave(
                    folder / "outputs",
                    study="mine",
                    probes=False,
                    seed=seed,
                    schedule__peak_lr=rate,
                    schedule__decay=decay,
                )
                bowl, better = 0.4 * abs(place - 1), 0.3 * (name == "cosine")
                losses[run.run_id] = 4.0 + bowl - better + rng.normal(0, 0.05)
    collected, _ = collect.update("mine", folder / "outputs", folder / "results")
    runs = collected.runs
    runs["val/loss"] = runs["run_id"].map(losses)
    runs.to_parquet(collected.folder / "runs.parquet", index=False)
    return results.load("mine", folder / "results")


def judged(study: Study, claims: list[Claim] | None = None) -> list[judge.Judged]:
    return judge.judge_for("mine", Evidence({"mine": study}), claims or [MINE])


def test_the_verdict_is_what_the_runs_say(study: Study) -> None:
    (one,) = judged(study)
    assert one.verdict.verdict == "supported"
    assert one.verdict.deciding.effect == pytest.approx(0.3, abs=0.06)
    assert [aside.standing for aside in one.asides] == ["is reversed"]
    said = "Shown: cosine against a line. Elsewhere, by intervals alone: reversed in a line against a cosine"
    assert judge.where(one) == said
    assert [(arm.arm.name, arm.rate, arm.runs) for arm in one.arms] == [("linear", "2e-3", 10), ("cosine", "2e-3", 10)]
    assert (one.planned, one.missing) == (20, ())


@pytest.mark.parametrize(
    ("effect", "interval", "standing"),
    [
        (0.06, (0.01, 0.11), "holds"),
        (0.05, (0.01, 0.09), "holds"),  # as large as is of interest
        (0.04, (0.01, 0.07), "is not shown"),  # above zero, but too small to matter
        (0.06, (-0.01, 0.13), "is not shown"),
        (0.06, (0.0, 0.12), "is not shown"),
        (0.0, (0.0, 0.0), "is not shown"),
        (-0.06, (-0.13, 0.01), "is not shown"),
        (-0.06, (-0.12, 0.0), "is not shown"),
        (-0.04, (-0.07, -0.01), "is not shown"),  # below zero, but too small to matter
        (-0.05, (-0.09, -0.01), "is reversed"),
        (-0.06, (-0.11, -0.01), "is reversed"),
        (math.nan, (math.nan, math.nan), "lacks runs"),
    ],
)
def test_a_described_comparison_needs_an_interval_off_zero_and_an_effect_of_interest(
    effect: float, interval: tuple[float, float], standing: str
) -> None:
    comparison = better("cosine against a line", COSINE, LINE, smallest=0.05)
    assert judge.Aside(comparison, np.full(10, effect), effect, interval).standing == standing


def test_claims_of_another_report_are_another_family(study: Study) -> None:
    """Shown beside, as they draw on the same runs; more claims there make none here harder to support."""
    family = [OTHER, *(dataclasses.replace(OTHER, id=f"more-{k}") for k in range(15))]
    alone, among = judged(study)[0], judged(study, [MINE, *family])
    assert [one.claim.id for one in among] == [claim.id for claim in [MINE, *family]]
    assert among[0].verdict.p == alone.verdict.p
    assert among[1].verdict.p == pytest.approx(16 * alone.verdict.p)
    assert [claim.id for claim in judge.claims_about("elsewhere", [MINE, *family])] == [c.id for c in family]


def test_claims_of_one_registry_are_one_family_whichever_studies_carry_them(study: Study) -> None:
    one, other = (dataclasses.replace(claim, registry="confirm") for claim in (MINE, OTHER))
    assert judged(study, [one, other])[0].verdict.p == pytest.approx(2 * judged(study)[0].verdict.p)


def test_a_missing_run_is_named_and_nothing_is_tested(study: Study) -> None:
    runs = study.runs
    gone = runs[(runs["seed"] == 3) & (runs["schedule.peak_lr"] == 2e-3) & (runs["schedule.decay.name"] == "cosine")]
    assert len(gone) == 1
    (one,) = judged(dataclasses.replace(study, runs=runs.drop(gone.index)))
    assert one.verdict.verdict == "not tested"
    assert [(absent.arm.name, absent.runs) for absent in one.missing] == [("cosine", ((3, 2e-3),))]
    text = "\n".join(claims_in_report.verdict_section([one]))
    assert "`cosine-beats-line`: 1 of 20 planned runs, in cosine (1)." in text
    assert "`make sweep STUDY=mine` trains them." in text


def test_a_diverged_run_counts_as_word_frequencies(study: Study) -> None:
    runs = study.runs.copy()
    hit = (runs["seed"] == 3) & (runs["schedule.peak_lr"] == 2e-3) & (runs["schedule.decay.name"] == "cosine")
    runs.loc[hit, ["status", "val/loss"]] = ["diverged", math.nan]
    before, after = judged(study)[0], judged(dataclasses.replace(study, runs=runs))[0]
    change = before.verdict.deciding.contrast.differences - after.verdict.deciding.contrast.differences
    lost = ENTROPY - float(study.runs.loc[hit, "val/loss"].iloc[0])
    assert change.tolist() == pytest.approx([lost if seed == 3 else 0.0 for seed in range(10)])
    assert [arm.at_ceiling for arm in after.arms] == [0, 1]
    assert after.verdict.deciding.contrast.at_ceiling == (0, 1)


def test_report_file_and_terminal_say_the_same(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "claims_about", lambda name: judge.claims_about(name, [MINE]))
    monkeypatch.setattr(page, "judge_for", lambda name, evidence: judge.judge_for(name, evidence, [MINE]))
    paths = page.write_report(study)
    names = [path.name for path in paths]
    assert names == ["report.md", "claims.json", "differences_cosine-beats-line.png"]
    text = paths[0].read_text()
    assert text.index("## Verdicts") < text.index("### cosine-beats-line") < text.index("## How to reproduce it")
    assert "![A cosine trains better than a line.](figures/differences_cosine-beats-line.png)" in text
    (written,) = json.loads(paths[1].read_text())["claims"]
    assert written["verdict"] == "supported"
    (one,) = judged(study)
    assert written["effect"] == one.verdict.deciding.effect
    assert len(written["parts"][0]["differences"]) == 10
    (line,) = claims_in_report.terminal_lines([one])
    effect = claims_in_report.value(one.verdict.deciding.effect, "+")
    assert line.split()[:3] == ["cosine-beats-line", "supported", effect]


def test_a_figure_that_the_report_of_its_own_study_has_drawn_is_not_drawn_again(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "claims_about", lambda name: judge.claims_about(name, [MINE, OTHER]))
    monkeypatch.setattr(page, "judge_for", lambda name, evidence: judge.judge_for(name, evidence, [MINE, OTHER]))
    mine, other = (f"differences_{claim.id}.png" for claim in (MINE, OTHER))
    there = study.folder.parent / OTHER.study / "figures" / other

    def written() -> tuple[set[str], list[str]]:
        text = page.write_report(study)[0].read_text()
        return {path.name for path in study.folder.glob("figures/*.png")}, re.findall(r"\]\(([^)]*png)\)", text)

    assert written() == ({mine, other}, [f"figures/{mine}", f"figures/{other}"])
    there.parent.mkdir(parents=True)
    there.touch()
    told = json.loads((study.folder / "claims.json").read_text())
    (there.parent.parent / "claims.json").write_text(json.dumps(told))
    assert written() == ({mine}, [f"figures/{mine}", f"../{OTHER.study}/figures/{other}"])
    told["claims"][1]["effect"] += 1e-3  # it was drawn from other runs
    (there.parent.parent / "claims.json").write_text(json.dumps(told))
    assert written() == ({mine, other}, [f"figures/{mine}", f"figures/{other}"])
    there.unlink()
    assert written() == ({mine, other}, [f"figures/{mine}", f"figures/{other}"])


def test_a_study_that_no_claim_is_about_has_no_file_of_claims(tmp_path: Path) -> None:
    leave(tmp_path / "outputs", seed=0)
    collected, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results")
    (collected.folder / "claims.json").write_text("{}")  # of a claim that was registered once
    assert page.write_report(collected)[0].name == "report.md"
    assert not (collected.folder / "claims.json").exists()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.2149, "+0.215"),
        (4.6, "+4.60"),
        (-0.0, "0"),
        (123.4, "+123"),
        (2e-4, "+2.0e-04"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_three_digits(number: float, text: str) -> None:
    assert claims_in_report.value(number, "+") == text


def test_an_unregistered_arm_matches_constants_of_the_manifest(study: Study) -> None:
    constants: dict[str, Any] = {"model.norm": "post", "training.steps": 20}
    runs = Evidence({"mine": study}).runs(
        Arm("cosine", {"schedule.decay.name": "cosine"} | constants, RATES, study="mine")
    )
    assert len(runs) == 30
    assert isinstance(runs, pd.DataFrame)
