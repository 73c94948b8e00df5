"""The committed results of the confirmatory studies: every number of their reports, from the tables anew.

Differences and p-values are those of `support.claims_again`, which shares no code with the project beyond what a
comparison is; verdicts follow from them by the rules, written out in `support.verdicts_again`.
"""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from support.claims_again import Tables, sign_flip_p
from support.composing import ROOT
from support.confirmed import REGISTERED, RESULTS, STUDIES, P, told
from support.ladders_again import ladder, ladder_runs, length_of, rows_of
from support.verdicts_again import verdicts_again
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged, collected, judge_all
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.study.results import Study


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
        mirrored, smallest = [-d for d in differences], part["smallest_effect"]
        expected = {
            "p_for": 1.0 if down and not up else sign_flip_p(differences, part["margin"]),
            "p_against": 1.0 if up and not down else sign_flip_p(mirrored, -min(part["margin"], 0.0)),
            "p_equivalent": 1.0
            if up or down or not smallest
            else max(sign_flip_p(differences, -smallest), sign_flip_p(mirrored, -smallest)),
        }
        for key, p in expected.items():
            assert part[key] == pytest.approx(p, rel=0.05, abs=2.0**-31), (name, part["name"], key)
        low, high = part["interval"]
        for limit, side in ((low, 1), (high, -1)):  # an interval ends where a test at 0.025 begins to reject
            rejected = [sign_flip_p([side * d for d in differences], side * limit - moved) for moved in (0.002, -0.002)]
            assert min(rejected) <= 0.0265, (name, part["name"])
            assert max(rejected) >= 0.0235, (name, part["name"])


def test_verdicts_follow_by_the_stated_rules(again: dict[str, list[list[float]]]) -> None:
    claims = told(REGISTRY)
    p = {name: [tuple(part[key] for key in P) for part in claims[name]["parts"]] for name in again}
    seeds = {name: len(differences[0]) for name, differences in again.items()}
    expected = verdicts_again(p, seeds, len(REGISTERED))
    assert {name: claim["verdict"] for name, claim in claims.items()} == {
        claim.id: expected.get(claim.id, "not tested") for claim in REGISTERED
    }


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


def test_the_takeaway_is_that_of_the_runs() -> None:
    """Losses, the shortest warmup that suffices and the regret of the rule, situation by situation."""
    text = (RESULTS / REGISTRY / "report.md").read_text()
    header, *rows = rows_of(text, "Takeaway")
    runs = ladder_runs(RESULTS, STUDIES)
    rule = header[-1].removeprefix("Extra loss at ")
    regrets = []
    for row in rows:
        steps, rate, beta2, batch = int(row[0].replace(",", "")), float(row[1]), float(row[2]), int(row[3])
        means = {share: float(np.mean(losses)) for share, losses in ladder(runs, steps, rate, beta2, batch).items()}
        best = min(means, key=lambda share: means[share])
        enough = min(a for a in means if all(means[b] <= means[best] + 0.05 for b in means if b >= a))
        for cell, share in ((row[4], best), (row[5], enough)):
            assert cell == (f"{share * steps:g} ({100 * share:g} %)" if share else "no warmup")
        assert float(row[6]) == pytest.approx(means[best], abs=6e-4)
        assert row[7] == "not run" if 0 not in means else float(row[7]) == pytest.approx(means[0], abs=6e-4)
        known = np.log1p([share * steps for share in means])
        at = np.interp(np.log1p(length_of(rule, steps, rate, beta2)), known, list(means.values()))
        regrets.append(at - means[best])
        assert float(row[8].removeprefix("~")) == pytest.approx(regrets[-1], abs=6e-4)
        tried = np.isclose([share * steps for share in means], length_of(rule, steps, rate, beta2)).any()
        assert row[8].startswith("~") != tried
    rules = r"warmup for (.+?)(?:, at most 30 % of the run,)? ends"
    pattern = rules + r" ([\d.]+) nats \(at worst ([\d.]+)\) above"
    said = re.search(pattern, text)
    assert said
    assert said[1] == rule
    assert float(said[2]) == pytest.approx(np.mean(regrets), abs=6e-3)
    assert float(said[3]) == pytest.approx(max(regrets), abs=6e-3)


NATS = r"([\d.]+) nats"
# Sentences of the takeaway with numbers: verdict, pattern and the part that they quote, and what they say of its mean.
SAID: dict[str, tuple[str, str, int, Callable[[float], float]]] = {
    "warmup-helps": ("supported", f"10 % of the steps takes {NATS} off post-LN's final loss", 0, lambda mean: mean),
    "larger-rates": ("supported", r"largest rate that trains is ([\d.]+) times as high", 1, lambda mean: 2**mean),
    "ten-percent": (
        "refuted",
        f"10 % is too short for 800 steps at 8e-3: 30 % ends {NATS} lower",
        1,
        lambda mean: -mean,
    ),
    "steps-not-fraction": ("supported", f"For 3,200 steps 10 % ends {NATS} above 30 %", 0, lambda mean: -mean),
    "pre-ln-does-not": ("refuted", f"Pre-LN gains {NATS}, each at its best rate", 1, lambda mean: -mean),
    "rate-must-fall": ("supported", f"A final fall of the rate is worth {NATS}", 0, lambda mean: mean),
}


@pytest.mark.parametrize("name", SAID)
def test_a_sentence_of_the_takeaway_quotes_a_part_that_decided(name: str, again: dict[str, list[list[float]]]) -> None:
    """Any part of a supported claim, a reversed one of a refuted claim."""
    text, one = (RESULTS / REGISTRY / "report.md").read_text(), told(REGISTRY)[name]
    verdict, pattern, place, of_mean = SAID[name]
    found = re.search(pattern, text)
    assert bool(found) == (one["verdict"] == verdict)
    if found:
        part = one["parts"][place]
        assert part["standing"] == ("shown" if verdict == "supported" else "reversed")
        digits = len(found[1].partition(".")[2])
        assert float(found[1]) == pytest.approx(of_mean(float(np.mean(again[name][place]))), abs=0.51 * 10**-digits)


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
