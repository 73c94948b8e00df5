"""The registered claims: well-formed, with seeds that can carry them, and every run that they read is trained."""

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.study_runs import runs_by_grid
from support.synthetic_study import keys_of
from warmuplab.claims.arm import Arm, Not, once
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.terms import AtReadRate, LargestTrained, Value
from warmuplab.claims.verdicts import fewest_seeds
from warmuplab.record.directory import RunDirectory
from warmuplab.study import collect, results

COMPARISONS = {claim.id: (*claim.contrasts, *claim.elsewhere) for claim in CLAIMS}
ARMS = once(arm for comparison in itertools.chain.from_iterable(COMPARISONS.values()) for arm in comparison.arms)
BY_CLAIM = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
NOT_OF_AN_ARM = ("seed", "schedule.peak_lr", "schedule.decay.values", "probes.")  # may differ between its runs


@dataclass(frozen=True)
class Trained:
    """What the jobs of a study leave: of those that name the same run the first."""

    keys: dict[str, dict[str, Any]]
    """Configuration by run."""
    study: results.Study


@cache
def trained(name: str) -> Trained:
    jobs = [run for grid in runs_by_grid(name) for run in grid]
    keys: dict[str, dict[str, Any]] = {}
    for run in jobs:
        keys.setdefault(run.run_id, keys_of(run.config))
    values = {"val/loss": 4.0, "test/loss": 4.0}
    summary = {"status": "finished", "values": values, "corpus": {"unigram_entropy": 5.0}}
    runs = [RunDirectory(Path(run), summary, config) for run, config in keys.items()]
    varying = collect.varying_keys(keys.values())
    shared = {key: value for key, value in runs[0].config.items() if key not in varying}
    table = collect.runs_table(runs, varying)
    return Trained(keys, results.Study(name, Path(), table, pd.DataFrame(), {"configuration": shared}))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence({name: trained(name).study for name in {arm.study for arm in ARMS}})


def is_so(told: Any, wanted: Any) -> bool:
    return told != wanted.value if isinstance(wanted, Not) else told == wanted


def rate_of(keys: dict[str, Any]) -> float | None:
    """The peak learning rate that a job is given, or the first of its rates."""
    rate = keys["schedule.peak_lr"]
    return keys["schedule.decay.values"][0] if rate is None and "schedule.decay.values" in keys else rate


def jobs_for(arm: Arm) -> dict[tuple[int, float | None], list[str]]:
    """The runs of an arm, by seed and rate."""
    found: dict[tuple[int, float | None], list[str]] = {}
    for run, keys in trained(arm.study).keys.items():
        if all(is_so(keys.get(key), wanted) for key, wanted in arm.where.items()):
            found.setdefault((keys["seed"], rate_of(keys)), []).append(run)
    return found


@BY_CLAIM
def test_every_planned_run_is_one_job_of_the_study(claim: Claim, evidence: Evidence) -> None:
    for arm in once(arm for comparison in COMPARISONS[claim.id] for arm in comparison.arms):
        jobs = jobs_for(arm)
        planned = list(itertools.product(arm.seeds, arm.rates or (None,)))
        assert {place: len(jobs.get(place, [])) for place in planned} == dict.fromkeys(planned, 1), arm
        assert set(evidence.runs(arm)["run_id"]) == {jobs[place][0] for place in planned}
        assert evidence.missing([arm]) == []


@BY_CLAIM
def test_runs_of_an_arm_differ_in_seed_and_rate_alone(claim: Claim, evidence: Evidence) -> None:
    for arm in once(arm for comparison in COMPARISONS[claim.id] for arm in comparison.arms):
        configured = [trained(arm.study).keys[run] for run in evidence.runs(arm)["run_id"]]
        common = [
            {key: value for key, value in keys.items() if not key.startswith(NOT_OF_AN_ARM)} for keys in configured
        ]
        assert all(keys == common[0] for keys in common), arm


@BY_CLAIM
def test_what_a_comparison_reads_is_measured_where_it_reads_it(claim: Claim, evidence: Evidence) -> None:
    for term in (term for one in COMPARISONS[claim.id] for term in (*one.plus, *one.minus)):
        arms, column = ((term.arm,), term.measure.column) if isinstance(term, Value) else ((), "")
        if isinstance(term, AtReadRate):
            arms, column = term.ramps, term.mark
        if isinstance(term, LargestTrained):
            arms, column = (term.arm,), term.measure.column
        for keys in (trained(arm.study).keys[run] for arm in arms for run in evidence.runs(arm)["run_id"]):
            kind = column.partition("/")[0]
            whole = keys["probes.enabled"] and not keys["probes.loss_only"]
            measured = {
                "val": True,
                "test": keys["data.name"] == "multi30k",
                "spike": keys["probes.enabled"],
                "probe": keys["probes.enabled"],
                "ramp": keys["probes.enabled"] and keys["probes.early_fraction"] == 1,
                "overfit": whole,
                "stability": whole,
                "curvature": whole and keys["probes.curvature"],
            }
            assert measured[kind], (column, keys)


@pytest.mark.parametrize("family", sorted({claim.family for claim in CLAIMS}))
def test_the_seeds_of_every_claim_carry_a_verdict_in_its_family(family: str) -> None:
    together = [claim for claim in CLAIMS if claim.family == family]
    for claim in together:
        needed = fewest_seeds(len(claim.contrasts), len(together))
        assert min(len(arm.seeds) for arm in claim.arms) >= needed


def test_ids_are_slugs_and_told_apart() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


@BY_CLAIM
def test_a_claim_says_what_is_meant_who_says_so_and_what_is_measured(claim: Claim) -> None:
    assert claim.contrasts
    assert claim.source.strip()
    for sentence in (claim.statement, claim.measure, *claim.caveats):
        assert re.fullmatch(r"[A-Z].*\.", sentence), sentence
    names = [comparison.name for comparison in COMPARISONS[claim.id]]
    assert len(set(names)) == len(names)
    assert not any(name.endswith(".") for name in names)


@BY_CLAIM
def test_what_counts_as_an_effect_is_stated(claim: Claim) -> None:
    """With a margin, none is asked for beyond it."""
    for one in COMPARISONS[claim.id]:
        assert one.smallest_effect >= 0
        assert not one.margin or one.smallest_effect <= max(one.margin, 0.0)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_rates_increase(arm: Arm) -> None:
    assert list(arm.rates) == sorted(set(arm.rates))
