"""The committed results of the confirmatory studies: every number of their reports, from the tables anew.

Differences and p-values are those of `support.claims_again`, which shares no code with the project beyond what a
comparison is; verdicts follow from them by Holm's rule, written out here.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from support.claims_again import Tables, loss_of, sign_flip_p
from support.composing import ROOT
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged, collected, judge_all, studies_of
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.registry import CLAIMS
from warmuplab.study.results import Study

RESULTS = ROOT / "results"
REGISTERED = [claim for claim in CLAIMS if claim.registry == REGISTRY]
STUDIES = [study for study in studies_of(REGISTERED) if (RESULTS / study / "claims.json").exists()]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables.of(RESULTS, STUDIES)


@pytest.fixture(scope="module")
def again(tables: Tables) -> dict[str, list[list[float]]]:
    """The differences of every part of the claims that have all their runs, by claim."""
    whole = [claim for claim in REGISTERED if all(tables.complete(part) for part in claim.contrasts)]
    return {claim.id: [tables.difference(part) for part in claim.contrasts] for claim in whole}


def told(place: str) -> dict[str, Any]:
    """What `claims.json` of a study or of the registry says, by claim."""
    claims = json.loads((RESULTS / place / "claims.json").read_text())["claims"]
    return {claim["id"]: claim for claim in claims}


@pytest.mark.parametrize("place", [*STUDIES, REGISTRY])
def test_differences_and_effects_are_those_of_the_tables(place: str, again: dict[str, list[list[float]]]) -> None:
    checked = 0
    for name, claim in told(place).items():
        assert (claim["verdict"] == "not tested") == (name not in again), name
        for part, differences in zip(claim["parts"], again.get(name, []), strict=name in again):
            np.testing.assert_allclose(part["differences"], differences, rtol=1e-9, atol=1e-12)
            assert part["effect"] == pytest.approx(np.mean(differences))
            checked += len(differences)
    assert checked


def test_p_values_are_shares_of_sign_patterns(again: dict[str, list[list[float]]]) -> None:
    parts = [
        (name, part, differences)
        for name, claim in told(REGISTRY).items()
        for part, differences in zip(claim["parts"], again.get(name, []), strict=name in again)
    ]
    for name, part, differences in parts:
        up, down = part["at_ceiling"]
        expected = 1.0 if down and not up else sign_flip_p(differences, part["margin"])
        assert part["p_for"] == pytest.approx(expected, rel=0.05, abs=2.0**-31), (name, part["name"])
        low, high = part["interval"]
        for limit, side in ((low, 1), (high, -1)):  # an interval ends where a test at 0.025 begins to reject
            rejected = [sign_flip_p([side * d for d in differences], side * limit - moved) for moved in (0.002, -0.002)]
            assert min(rejected) <= 0.0265, (name, part["name"])
            assert max(rejected) >= 0.0235, (name, part["name"])


def test_verdicts_follow_by_the_stated_rules(again: dict[str, list[list[float]]]) -> None:
    claims = told(REGISTRY)
    p = {
        name: [(part["p_for"], part["p_against"], part["p_equivalent"]) for part in claims[name]["parts"]]
        for name in again
    }
    largest = sorted(max(one[0] for one in parts) for parts in p.values())
    supported = holm(largest, len(REGISTERED))
    for name, parts in p.items():
        if all(one[2] <= 0.05 for one in parts):
            expected = {"no difference"}
        elif max(one[0] for one in parts) <= supported:
            expected = {"supported"}
        elif min(one[1] for one in parts) * len(parts) <= 0.025 / len(REGISTERED):
            expected = {"refuted"}
        else:  # between the first step of Holm's rule and its last: which of these depends on the other claims
            expected = {"refuted", "supported in part", "inconclusive"}
        assert claims[name]["verdict"] in expected, name


def holm(largest: Sequence[float], claims: int, alpha: float = 0.025) -> float:
    """The largest of sorted p-values that Holm's rule rejects; claims beyond these have a p of 1."""
    passed = 0.0
    for place, p in enumerate(largest):
        if p > alpha / (claims - place):
            break
        passed = p
    return passed


@pytest.mark.parametrize("place", [*STUDIES, REGISTRY])
def test_the_report_shows_these_numbers(place: str, again: dict[str, list[list[float]]]) -> None:
    """The effect of every part stands in the section of its claim, and the verdict's in the table."""
    text = (RESULTS / place / "report.md").read_text()
    for name, claim in told(place).items():
        section = text.split(f"\n### {name}\n")[1].split("\n### ")[0].split("\n## ")[0]
        if claim["verdict"] == "not tested":
            assert "**Not tested.**" in section
            continue
        assert f"**{claim['verdict'][0].upper()}{claim['verdict'][1:]}.**" in section
        for part, differences in zip(claim["parts"], again[name], strict=True):
            (row,) = [line for line in section.splitlines() if line.startswith(f"| {part['name']} |")]
            cells = [cell.strip() for cell in row.split("|")[1:-1]]
            shown = re.match(r"([+-]?[\d.e+-]+) ", cells[1])
            assert shown
            assert float(shown[1]) == pytest.approx(np.mean(differences), rel=6e-3, abs=1e-6)
            for_it = sum(one > part["margin"] for one in differences)
            assert cells[4] == f"{for_it} of {len(differences)}"


def test_studies_and_registry_say_the_same() -> None:
    every = told(REGISTRY)
    for study in STUDIES:
        assert {name: claim["verdict"] for name, claim in told(study).items()} == {
            name: every[name]["verdict"] for name in told(study)
        }, f"make report STUDY={study}, then STUDY={REGISTRY}"


def test_with_half_of_the_runs_gone_no_claim_is_tested(tables: Tables) -> None:
    """Each says what it lacks; none has a verdict on what is left."""
    evidence = collected(STUDIES, RESULTS)
    before = {one.claim.id: one for one in judge_all(REGISTERED, evidence)}
    half = Evidence({name: thinned(study) for name, study in evidence.studies.items()})
    for name, one in {one.claim.id: one for one in judge_all(REGISTERED, half)}.items():
        assert one.verdict.verdict == "not tested", name
        if before[name].verdict.verdict != "not tested":
            assert re.search(r"lacks \d+ of \d+ seeds", one.verdict.reason)
            assert sum(len(absent.runs) for absent in one.missing) == gone(one, tables)


def thinned(study: Study) -> Study:
    """Without the runs of every second seed."""
    return dataclasses.replace(study, runs=study.runs[study.runs["seed"] % 2 == 0])


def gone(one: Judged, tables: Tables) -> int:
    """How many of the runs of a claim have an odd seed."""
    arms = {json.dumps([dict(arm.where), arm.rates, arm.seeds], default=str): arm for arm in one.claim.arms}
    return sum(seed % 2 for arm in arms.values() for seed, _ in tables.by_place(arm))


def ladder(steps: int, rate: float, beta2: float, batch: int) -> dict[float, list[float]]:
    """Final losses of a situation by the share of its warmup, from the tables with plain loops.

    On the first six seeds of `confirm_length`; where that is not trained, those of the pilot on its validation split.
    """
    study, seeds, column = "confirm_length", range(10, 16), "test/loss"
    if study not in STUDIES:
        study, seeds, column = "pilot", range(100, 104), "val/loss"
    found: dict[float, dict[int, float]] = {}
    for row in Tables.of(RESULTS, [study]).rows:
        betas = row["optimizer.betas"]
        betas = json.loads(betas) if isinstance(betas, str) else betas
        here = (row["training.steps"], row["schedule.peak_lr"], betas, row["training.batch_size"])
        kind = (row["model.norm"], row["optimizer.name"], row["schedule.decay.name"], row["schedule.warmup.shape"])
        whole = row.get("schedule.warmup.layers", "all") == "all" and row["data.name"] == "multi30k"
        network = row["model.width"] == 32 and kind == ("post", "adam", "linear", "linear")
        if here == (steps, rate, [0.9, beta2], batch) and network and whole and row["seed"] in seeds:
            share = row["schedule.warmup.fraction"]
            if share == share:
                found.setdefault(share, {})[row["seed"]] = loss_of(row, column)
    return {share: list(losses.values()) for share, losses in sorted(found.items()) if len(losses) == len(seeds)}


def length_of(rule: str, steps: int, rate: float, beta2: float) -> float:
    """What the words of a rule say of a situation, at most 30 % of the run."""
    number = float(rule.split()[0].replace(",", "")) if rule[0].isdigit() else 0.0
    said = number
    if "%" in rule:
        said = number / 100 * steps
    elif "beta2" in rule:
        said = 2 / (1 - beta2)
    elif "times" in rule:
        said = number * rate
    return min(said, 0.3 * steps)


def takeaway(text: str) -> list[list[str]]:
    """The rows of the table, its header first."""
    section = text.split("## Takeaway\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in lines]
    return [rows[0], *rows[2:]]


def test_the_takeaway_is_that_of_the_runs() -> None:
    """Losses, the shortest warmup that suffices and the regret of the rule, situation by situation."""
    text = (RESULTS / REGISTRY / "report.md").read_text()
    header, *rows = takeaway(text)
    rule = header[-1].removeprefix("Extra loss at ")
    regrets = []
    for row in rows:
        steps, rate, beta2, batch = int(row[0].replace(",", "")), float(row[1]), float(row[2]), int(row[3])
        means = {share: float(np.mean(losses)) for share, losses in ladder(steps, rate, beta2, batch).items()}
        best = min(means, key=lambda share: means[share])
        enough = min(share for share in means if means[share] <= means[best] + 0.05)
        for cell, share in ((row[4], best), (row[5], enough)):
            assert cell == (f"{share * steps:g} ({100 * share:g} %)" if share else "no warmup")
        assert float(row[6]) == pytest.approx(means[best], abs=6e-4)
        assert row[7] == "not run" if 0 not in means else float(row[7]) == pytest.approx(means[0], abs=6e-4)
        known = np.log1p([share * steps for share in means])
        at = np.interp(np.log1p(length_of(rule, steps, rate, beta2)), known, list(means.values()))
        regrets.append(at - means[best])
        assert float(row[8]) == pytest.approx(regrets[-1], abs=6e-4)
    rules = r"a warmup of (.+?)(?:, at most 30 % of the run,)? cost"
    pattern = rules + r" ([\d.]+) nats on average, and ([\d.]+) at worst"
    said = re.search(pattern, text)
    assert said
    assert said[1] == rule
    assert float(said[2]) == pytest.approx(np.mean(regrets), abs=6e-3)
    assert float(said[3]) == pytest.approx(max(regrets), abs=6e-3)


# Numbers of the sentences of the takeaway: claim, part, and what the number is of its mean.
SAID: dict[
    str, tuple[str, int, Callable[[float], float]]
] = {  # numbers of the takeaway's sentences: claim, part, and the number from its mean
    r"takes ([\d.]+) nats off post-LN": ("warmup-helps", 0, lambda effect: effect),
    r"Post-LN trains at ([\d.]+) times the peak rate": ("larger-rates", 1, lambda effect: 2**effect),
    r"Pre-LN gains ([\d.]+) nats at": ("pre-ln-does-not", 0, lambda effect: -effect),
    r"beats warming up everything by ([\d.]+) nats": ("decoder-alone-is-best", 0, lambda effect: effect),
    r"rate fall at the end: it is worth ([\d.]+) nats": ("rate-must-fall", 0, lambda effect: effect),
}


def test_the_sentences_of_the_takeaway_say_what_was_measured(again: dict[str, list[list[float]]]) -> None:
    text = (RESULTS / REGISTRY / "report.md").read_text()
    for pattern, (claim, part, of_mean) in SAID.items():
        found = re.search(pattern, text)
        if found:
            digits = len(found[1].partition(".")[2])
            assert float(found[1]) == pytest.approx(of_mean(np.mean(again[claim][part])), abs=0.51 * 10**-digits)
        else:  # then its verdict is another, and the title says so
            assert told(REGISTRY)[claim]["verdict"] not in (
                ("refuted",) if claim == "pre-ln-does-not" else ("supported",)
            )


def test_the_readme_opens_with_the_takeaway_and_its_table() -> None:
    """Before its first heading but the title: what came out, the forest plot and the table, as the report has them."""
    report = (RESULTS / REGISTRY / "report.md").read_text()
    paragraph, table = report.split("## Takeaway\n\n")[1].split("\n\n")[:2]
    opening = (ROOT / "README.md").read_text().split("\n## ")[0]
    assert paragraph in " ".join(opening.split())
    assert table in opening
    assert f"results/{REGISTRY}/figures/forest.png" in opening
    assert f"results/{REGISTRY}/report.md" in opening


def test_the_abstract_can_be_cited() -> None:
    report = (RESULTS / REGISTRY / "report.md").read_text()
    abstract = report.split("## Abstract\n\n")[1].split("\n\n")[0]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["abstract"].strip() == abstract


@pytest.mark.parametrize("claim", REGISTERED, ids=lambda claim: claim.id)
def test_what_stays_open_says_what_would_decide_it(claim: Claim) -> None:
    one = told(REGISTRY)[claim.id]
    if one["verdict"] != "inconclusive":
        pytest.skip(f"{claim.id} is {one['verdict']}")
    assert re.search(
        r"With the spread of these seeds, [\d.e+-]+ .*, .* seeds? would (find|be needed to find) an effect of",
        one["reason"],
    )


def test_committed_evidence_stays_small() -> None:
    size = sum(path.stat().st_size for path in Path(RESULTS).rglob("*") if path.is_file())
    assert size < 25_000_000, f"{size / 1e6:.1f} MB"
