"""What a claim compares, as lines: means over the seeds of its arms, read from committed runs."""

import numpy as np
import pandas as pd
import pytest

from support.composing import ROOT
from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.terms import Mean, Term, Value
from warmuplab.figures.claims.arms import FIRST, NONE, RADAM, TENTH, level, warmed
from warmuplab.outcome.charts import RATE_AXIS, chart_of
from warmuplab.study import results

MEMORISATION = Measure("overfit/memorisation_at_0.5_below", "memorisation", "nats", "less")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence({FIRST[0]: results.load(FIRST[0], ROOT / "results")})


def claim(plus: Term, minus: Term) -> Claim:
    return Claim("made", "Made.", "a test", "Measured.", (Comparison("x", (plus,), (minus,), 0.05),), study=FIRST[0])


def test_arms_with_several_rates_are_drawn_over_them(evidence: Evidence) -> None:
    chart = chart_of(claim(Mean(RADAM), Mean(TENTH)), evidence)
    assert chart is not None
    assert chart.axis == RATE_AXIS
    runs = evidence.studies[FIRST[0]].runs
    loss = np.minimum(runs["val/loss"].fillna(runs["unigram_entropy"]), runs["unigram_entropy"])  # as in a claim
    means = loss[runs["optimizer.name"] == "radam"].groupby(runs["schedule.peak_lr"]).mean()
    rates, values = chart.lines["no warmup, RAdam"]
    assert rates == means.index.tolist()
    np.testing.assert_allclose(values, means.to_numpy(), rtol=1e-6)


def test_arms_with_one_rate_are_drawn_over_the_steps_of_what_is_measured(evidence: Evidence) -> None:
    warm: Arm = warmed(0.1, (8e-3,))
    chart = chart_of(claim(Value(warm, MEMORISATION), Value(level(8e-3), MEMORISATION)), evidence)
    assert chart is not None
    assert chart.axis == "step"
    curves: pd.DataFrame = evidence.studies[FIRST[0]].curves
    there = curves[curves["run_id"].isin(evidence.runs(warm)["run_id"]) & (curves["metric"] == "overfit/memorisation")]
    by_step = there.groupby("step")["value"].agg(["mean", "size"])
    steps, values = chart.lines["10 % warmup"]
    assert (by_step["size"] == 10).all()
    assert steps == by_step.index.tolist()
    np.testing.assert_allclose(values, by_step["mean"].to_numpy(), rtol=1e-6)


def test_a_claim_whose_arms_cannot_be_drawn_together_has_no_chart(evidence: Evidence) -> None:
    assert chart_of(claim(Mean(NONE.at(8e-3)), Mean(TENTH.at(8e-3))), evidence) is None
