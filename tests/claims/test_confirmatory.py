"""The confirmatory claims: as the pilot chose, on fresh seeds, with power enough, trained in the time there is."""

import re
from functools import cache
from typing import Any

import pytest

from support.composing import ROOT
from support.costs import MEMBER_STEPS_PER_MINUTE, cost_of
from support.study_runs import grids_of, jobs_of, runs_by_grid
from support.synthetic_study import keys_of
from warmuplab.claims.arm import Arm, Not, once
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.pilot.choices import PilotChoices, choose
from warmuplab.claims.planned.claims import REGISTRY, Words, claims_of
from warmuplab.claims.planned.confirm import CHOSEN, FIRST, confirming
from warmuplab.claims.planned.place import SEEDS, STUDY
from warmuplab.claims.planned.plan import GROUPS
from warmuplab.claims.planned.rates import rate_claims
from warmuplab.claims.power import WANTED
from warmuplab.claims.registration import fixed, hash_of
from warmuplab.claims.registry import CLAIMS
from warmuplab.study import results

CONFIRMATORY = [claim for claim in CLAIMS if claim.registry == REGISTRY]
STUDIES = sorted({claim.study for claim in CONFIRMATORY})
MINUTES, MINUTES_IN_ALL = 75, 300


@cache
def pilot() -> PilotChoices:
    return choose(Evidence({STUDY: results.load(STUDY, ROOT / "results")}))


def minutes(study: str) -> float:
    """On two cores, by the costs that the pilot was planned with; what comes in two grids is trained once."""
    runs = {run.run_id: run for grid in reversed(runs_by_grid(study)) for run in grid}
    return sum(cost_of(run.config) for run in runs.values()) / MEMBER_STEPS_PER_MINUTE


def test_each_group_of_planned_claims_has_a_study_of_its_own() -> None:
    assert [f"confirm_{name}" for name in sorted(GROUPS)] == STUDIES
    assert 20 <= len(CONFIRMATORY) <= 35


def test_they_are_registered_at_what_the_pilot_chose() -> None:
    assert pilot().chosen == CHOSEN


def test_four_claims_in_five_have_the_power_wanted_and_the_others_say_what_they_lack() -> None:
    seeds = {claim.id: len(claim.arms[0].seeds) for claim in CONFIRMATORY}
    needs = {need.planned.id: need for need in pilot().needs}
    assert set(needs) == set(seeds)
    weak = [name for name, need in needs.items() if not need.power_with(seeds[name]) >= WANTED]
    assert len(weak) <= len(needs) / 5, weak
    report = (ROOT / "results" / STUDY / "report.md").read_text()
    for name in weak:
        assert needs[name].lacks
        assert f"`{name}`: {needs[name].lacks}" in report


def test_seeds_are_fresh_and_fixed_by_study() -> None:
    for study in STUDIES:
        seeds = {arm.seeds for claim in CONFIRMATORY if claim.study == study for arm in claim.arms}
        (one,) = seeds
        assert one == tuple(range(FIRST, FIRST + len(one)))
        assert 16 <= len(one) <= 32
        assert not set(one) & set(SEEDS)


@pytest.mark.parametrize("study", STUDIES)
def test_each_study_fits_into_its_time_and_says_so(study: str) -> None:
    text = (ROOT / "conf" / "study" / f"{study}.yaml").read_text(encoding="utf-8")
    ((grids, runs, steps, told),) = re.findall(
        r"^# +(\d+) grids, ([\d,]+) runs, ([\d,]+) steps: (\d+) minutes$", text, re.M
    )
    found = minutes(study)
    assert found <= MINUTES
    assert int(grids) == len(grids_of(study))
    assert int(runs.replace(",", "")) == len({run.run_id for grid in runs_by_grid(study) for run in grid})
    assert float(steps.replace(",", "")) == pytest.approx(found * MEMBER_STEPS_PER_MINUTE, abs=1000)
    assert float(told) == pytest.approx(found, abs=0.6)


def test_together_they_take_five_hours_at_most() -> None:
    assert sum(map(minutes, STUDIES)) <= MINUTES_IN_ALL


def picked(arm: Arm, keys: dict[str, Any]) -> bool:
    """Whether a run belongs to an arm."""
    told = all(keys.get(key) != w.value if isinstance(w, Not) else keys.get(key) == w for key, w in arm.where.items())
    rate = keys["schedule.peak_lr"] or keys.get("schedule.decay.values", [None])[0]
    return told and keys["seed"] in arm.seeds and (not arm.rates or rate in arm.rates)


LADDER_SEEDS = range(FIRST, FIRST + 6)


def on_a_ladder(keys: dict[str, Any]) -> bool:
    """Whether a run shows where a rule of thumb lies, and is tested by nothing."""
    of_length = keys["schedule.warmup.fraction"] in (0, 0.03, 0.1, 0.3) and keys["training.steps"] in (200, 800, 3200)
    of_400 = keys["schedule.warmup.fraction"] in (0, 0.05, 0.1, 0.25, 0.5) and keys["training.steps"] == 400
    return keys["study"] == "confirm_length" and keys["seed"] in LADDER_SEEDS and (of_length or of_400)


@pytest.mark.parametrize("study", STUDIES)
def test_every_run_is_read_by_a_claim_or_described_by_one(study: str) -> None:
    comparisons = [one for claim in CONFIRMATORY for one in (*claim.contrasts, *claim.elsewhere)]
    arms = [arm for arm in once(arm for one in comparisons for arm in one.arms) if arm.study == study]
    idle = []
    for run in (run for grid in runs_by_grid(study) for run in grid):
        keys = keys_of(run.config)
        if not any(picked(arm, keys) for arm in arms) and not on_a_ladder(keys | {"study": study}):
            idle.append(run.run_id)
    assert idle == []


@pytest.mark.parametrize("study", [study for study in STUDIES if study not in ("confirm_width", "confirm_jitter")])
def test_a_wider_network_is_asked_the_same_claims(study: str) -> None:
    """The width is no part of what is registered, and an override changes it in every run."""
    arms = once(arm for claim in CONFIRMATORY if claim.study == study for arm in claim.arms)
    assert not any("model.width" in arm.where for arm in arms)
    wider = ["model.width=128", "model.feed_forward=512", "model.heads=8"]
    jobs = jobs_of(grids_of(study), *wider)
    assert jobs
    assert all(set(wider) <= set(job) for job in jobs)


def test_the_hash_is_of_what_is_compared_and_of_no_word() -> None:
    place = confirming("confirm_rates", 16)
    planned = rate_claims(place, CHOSEN)
    told = [{one.id: Words(text, text, text, (text,)) for one in planned} for text in ("So.", "Otherwise.")]
    one, other = (claims_of("confirm_rates", planned, words) for words in told)
    assert list(map(hash_of, one)) == list(map(hash_of, other))
    longer = claims_of("confirm_rates", rate_claims(confirming("confirm_rates", 17), CHOSEN), told[0])
    assert set(map(hash_of, one)).isdisjoint(map(hash_of, longer))
    assert "So." not in str(fixed(one[0]))


def test_words_of_another_claim_are_refused() -> None:
    planned = rate_claims(confirming("confirm_rates", 16), CHOSEN)
    with pytest.raises(ValueError, match=r"confirm_rates: words and planned claims differ in .*warmup-helps"):
        claims_of("confirm_rates", planned[1:], {one.id: Words("A.", "b", "C.", "A") for one in planned})


@pytest.mark.parametrize("claim", CONFIRMATORY, ids=lambda claim: claim.id)
def test_final_losses_are_read_on_the_test_split(claim: Claim) -> None:
    losses = set(re.findall(r"'(val/loss|test/loss)'", str(fixed(claim))))
    assert losses == ({"test/loss"} if "Final loss on the test split" in claim.measure else set())
