"""The committed evidence: every number of its reports follows from its tables, and half of it says what is missing."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.alike import first_difference, first_difference_of_texts, numbers_in
from support.composing import ROOT
from support.recomputed import Recomputed
from warmuplab.claims import judge
from warmuplab.claims.claim import Claim
from warmuplab.claims.registry import CLAIMS
from warmuplab.report.page import compose_claims, judged_of, write_report
from warmuplab.study import results

COMMITTED = ROOT / "results"
NUMBER = r"[+-]?\d[\d.]*(?:e[+-]?\d+)?"


@pytest.fixture(scope="module")
def again() -> dict[str, dict[str, Any]]:
    """Every comparison of every claim, recomputed by other code."""
    data = Recomputed(COMMITTED)
    return {
        claim.id: {comparison.name: data.comparison(comparison) for comparison in (*claim.contrasts, *claim.elsewhere)}
        for claim in CLAIMS
    }


def section(study: str, claim: Claim) -> str:
    text = (COMMITTED / study / "report.md").read_text()
    found = re.search(rf"^### {claim.id}\n(.*?)(?=^###? |\Z)", text, re.M | re.S)
    assert found, claim.id
    return found[1]


def rows_of(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def numbers(text: str) -> list[float]:
    return [float(found.rstrip(".")) for found in re.findall(NUMBER, text)]


def close(shown: float, exact: float) -> bool:
    """Equal to the three digits that are printed."""
    return math.isclose(shown, exact, rel_tol=6e-3, abs_tol=6e-4) or shown == round(exact)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_comparison_of_the_report_is_recomputed(again: dict[str, dict[str, Any]], claim: Claim) -> None:
    shown = {row[0]: row[1:] for row in rows_of(section("claims", claim))}
    for comparison in (*claim.contrasts, *claim.elsewhere):
        expected, cells = again[claim.id][comparison.name], shown[comparison.name]
        if math.isnan(expected["effect"]):
            assert cells[0] == "–"
            continue
        effect, low, high = numbers(cells[0].replace(comparison.unit, ""))
        for printed, exact in zip((effect, low, high), (expected["effect"], *expected["interval"]), strict=True):
            assert close(printed, exact), (comparison.name, printed, exact)
        if comparison in claim.contrasts:
            assert float(cells[1]) == comparison.smallest_effect
            assert cells[2] == f"{sum(d > 0 for d in expected['differences'])} of 10"
            for printed, exact in zip(cells[3:5], (expected["p_for"], expected["p_against"]), strict=True):
                assert float(printed) == pytest.approx(exact, rel=0.06)
        else:
            low, high = expected["interval"]
            word = "not shown"
            if low > 0 and expected["effect"] >= comparison.smallest_effect:
                word = "yes"
            elif high < 0 and -expected["effect"] >= comparison.smallest_effect:
                word = "reversed"
            assert cells[1] == word


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_arm_of_the_report_is_recomputed(claim: Claim) -> None:
    """Means and ranges: at the rate of the arm, or for each seed at the rate that the other nine choose."""
    data = Recomputed(COMMITTED)
    shown = [row for row in rows_of(section("claims", claim)) if len(row) in (5, 6) and row[4].endswith("of 10")]
    assert shown
    arms = {arm.name: arm for arm in claim.arms}
    assert len(arms) == len(claim.arms)  # or a reader could not tell them apart
    for name, rates, spread, at_ceiling, _, *all_train in shown:
        arm = arms[name]
        if len(arm.rates) > 1:
            every = [rate for rate in arm.rates if all(data.trained(arm, seed, rate) for seed in range(10))]
            assert float(all_train[0]) == max(every)
        measure = next(
            (
                term.measure
                for comparison in claim.contrasts
                for term in (*comparison.plus, *comparison.minus)
                if getattr(term, "arm", None) == arm and hasattr(term, "measure")
            ),
            None,
        )
        if measure is None or measure.column == "val/loss":
            chosen = [data.best_of_others((arm,), seed)[1] if arm.rates else None for seed in range(10)]
            values = [data.loss(arm, seed, rate) for seed, rate in enumerate(chosen)]
            entropies = [(data.run(arm, seed, rate) or {})["unigram_entropy"] for seed, rate in enumerate(chosen)]
            assert int(at_ceiling) == sum(v >= e for v, e in zip(values, entropies, strict=True))
        else:
            chosen = [arm.rates[0]] * 10
            found = [data.measured(arm, measure, seed) for seed in range(10)]
            values = [value for value in found if math.isfinite(value)]
        if arm.rates:
            assert sorted({float(rate) for rate in re.findall(NUMBER, rates)}) == pytest.approx(sorted(set(chosen)))
        mean, low, high = numbers(spread)
        for printed, exact in zip(
            (mean, low, high), (sum(values) / len(values), min(values), max(values)), strict=True
        ):
            assert close(printed, exact), (name, printed, exact)


def test_verdicts_follow_from_the_recomputed_numbers_by_the_stated_rules(again: dict[str, dict[str, Any]]) -> None:
    """Holm over one test for each claim and one against each contrast, then the rules in order, written out anew."""
    written = {claim["id"]: claim for claim in json.loads((COMMITTED / "claims/claims.json").read_text())["claims"]}
    assert list(written) == [claim.id for claim in CLAIMS]
    tests: list[tuple[float, str, str]] = []
    for claim in CLAIMS:
        of_claim = [again[claim.id][comparison.name] for comparison in claim.contrasts]
        complete = not any(math.isnan(found["effect"]) for found in of_claim)
        tests.append((max(found["p_for"] for found in of_claim) if complete else 1.0, claim.id, "for"))
        for comparison, found in zip(claim.contrasts, of_claim, strict=True):
            tests.append((found["p_against"] if complete else 1.0, claim.id, comparison.name))
    adjusted: dict[tuple[str, str], float] = {}
    worst = 0.0
    for place, (p, claim_id, which) in enumerate(sorted(tests)):
        worst = max(worst, min(1.0, p * (len(tests) - place)))
        adjusted[claim_id, which] = worst
    for claim in CLAIMS:
        of_claim = [(comparison, again[claim.id][comparison.name]) for comparison in claim.contrasts]
        verdict = written[claim.id]["verdict"]
        ceilings = {entry["name"]: entry["at_ceiling"] for entry in written[claim.id]["contrasts"]}
        if any(math.isnan(found["effect"]) for _, found in of_claim):
            assert verdict == "not tested"
        elif any(found["at_edge"] for _, found in of_claim):
            assert verdict == "inconclusive"
        elif adjusted[claim.id, "for"] <= 0.05 and all(f["effect"] >= c.smallest_effect for c, f in of_claim):
            assert verdict == "supported"
        elif any(adjusted[claim.id, c.name] <= 0.05 and f["effect"] <= -c.smallest_effect for c, f in of_claim):
            assert verdict == "refuted"
        elif any(f["p_equivalent"] <= 0.05 / len(of_claim) and not ceilings[c.name] for c, f in of_claim):
            assert verdict == "no difference"
        else:
            assert verdict == "inconclusive"
        if verdict != "not tested":
            assert written[claim.id]["p"] == pytest.approx(adjusted[claim.id, "for"])


def test_the_table_of_verdicts_is_that_of_the_file() -> None:
    written = json.loads((COMMITTED / "claims/claims.json").read_text())["claims"]
    text = (COMMITTED / "claims/report.md").read_text()
    rows = rows_of(text[: text.index("## The claims one by one")])[2:]
    assert len(rows) == len(written)
    for row, claim in zip(rows, written, strict=True):
        assert row[0] == f"[{claim['id']}](#{claim['id']})"
        assert row[1] == f"**{claim['verdict']}**"
        assert row[3] == str(claim["seeds"])
        if claim["effect"] is not None:
            effect, low, high = numbers(row[2].replace(claim["unit"], ""))
            assert close(effect, claim["effect"])
            assert close(low, claim["interval"][0])
            assert close(high, claim["interval"][1])


def test_the_first_sentence_counts_the_runs_of_the_table() -> None:
    for study in ("claims", "schedules"):
        runs = pd.read_parquet(COMMITTED / study / "runs.parquet")
        first = (COMMITTED / study / "report.md").read_text().split("\n\n")[1]
        assert f"in {len(runs):,} run" in first
        for weights in sorted(runs["weights"].unique()):
            assert f"{weights:,}" in first


def test_the_readme_shows_the_same_verdicts() -> None:
    written = json.loads((COMMITTED / "claims/claims.json").read_text())["claims"]
    rows = rows_of((COMMITTED.parent / "README.md").read_text())
    shown = {row[0]: row[1:] for row in rows if "results/claims/report.md#" in row[0]}
    assert len(shown) == len(written)
    for claim in written:
        verdict, effect, contrast = shown[f"[{claim['statement']}](results/claims/report.md#{claim['id']})"]
        assert (verdict, contrast) == (f"**{claim['verdict']}**", claim["contrast"])
        for printed, exact in zip(
            numbers(effect.replace(claim["unit"], "")), (claim["effect"], *claim["interval"]), strict=True
        ):
            assert close(printed, exact)


def computed_in(judged: list[judge.Judged]) -> list[float]:
    """Every number that a report on these claims may show rounded."""
    found = numbers_in([judge.record(one) for one in judged])
    for one in judged:
        found += [number for arm in one.arms for number in (arm.mean, arm.low, arm.high)]
        found += [limit for shown in one.verdict.evidence for limit in shown.contrast.interval(0.9)]
    return found


def test_the_report_is_what_the_committed_tables_give(tmp_path: Path) -> None:
    """`make report` on a clone writes the text that is committed, in both studies.

    The last digits of what NumPy computes depend on the processor, so numbers are held against those that are
    committed to nine digits, and everything else as it is.
    """
    for study in ("claims", "schedules"):
        shutil.copytree(COMMITTED / study, tmp_path / study, ignore=shutil.ignore_patterns("figures", "report.md"))
    for study in ("claims", "schedules"):
        loaded = results.load(study, tmp_path)
        judged, _ = judged_of(loaded)
        figures = [path.stem for path in (COMMITTED / study / "figures").glob("*.png")]
        text, written = compose_claims(loaded, judged, figures), (COMMITTED / study / "report.md").read_text()
        computed = computed_in(judged)
        assert first_difference_of_texts(text, written, computed) is None
        committed = json.loads((COMMITTED / study / "claims.json").read_text())
        again = json.loads(json.dumps({"claims": [judge.record(one) for one in judged]}))
        assert first_difference(again, committed, computed) is None


def places_of(record: Any, kind: type) -> list[tuple[Any, Any]]:
    """Where values of one kind stand in nested dicts and lists: each the container and its key."""
    found: list[tuple[Any, Any]] = []
    for key, value in record.items() if isinstance(record, dict) else enumerate(record):
        if isinstance(value, dict | list):
            found += places_of(value, kind)
        elif type(value) is kind:
            found.append((record, key))
    return found


@pytest.mark.parametrize("study", ["claims", "schedules"])
def test_rounding_on_the_way_is_no_difference_and_anything_more_is(study: str) -> None:
    """Of every value in the committed file: a number changed by a millionth, a count by one, a word by a letter."""
    claims = json.loads((COMMITTED / study / "claims.json").read_text())["claims"]
    for claim in claims:
        changed = json.loads(json.dumps(claim))
        assert first_difference(changed, claim) is None
        for container, key in places_of(changed, float):
            before = container[key]
            container[key] = before * (1 + 1e-12)
            assert first_difference(changed, claim) is None
            container[key] = before * (1 + 1e-6) or 1e-9
            assert first_difference(changed, claim) is not None, (key, before)
            container[key] = before
        for kind, other in ((int, lambda value: value + 1), (bool, lambda value: not value), (str, lambda t: t + "x")):
            for container, key in places_of(changed, kind):
                before = container[key]
                container[key] = other(before)
                assert first_difference(changed, claim) is not None, (key, before)
                container[key] = before
        assert first_difference(dict(reversed(changed.items())), claim) is not None
        assert first_difference(changed["contrasts"][:-1], claim["contrasts"]) is not None


def test_a_text_may_differ_only_in_how_a_number_is_rounded() -> None:
    written = "The effect is +0.24 nats (-0.0125 to +4.60), p = 0.02, in 10 of 10; numpy 2.4.6, rate 8e-3."
    near = [0.2395, -0.01255, 4.605, 1.0]
    for word, other in (("+0.24", "+0.239"), ("-0.0125", "-0.0126"), ("+4.60", "+4.61")):
        assert first_difference_of_texts(written.replace(word, other), written, near) is None
        assert first_difference_of_texts(written.replace(word, other), written, [1.001 * x for x in near]) is not None
    for word, other in (
        ("+0.24", "+0.238"),
        ("+0.24", "-0.24"),
        ("0.02", "0.03"),
        ("10 of", "9 of"),
        ("2.4.6", "2.4.7"),
        ("8e-3", "9e-3"),
        ("nats", "steps"),
        ("8e-3.", "8e-3."[:-1]),
    ):
        assert first_difference_of_texts(written.replace(word, other), written, near) is not None, word
    assert first_difference_of_texts(written + "\nMore.", written, near) is not None


def test_half_of_the_runs_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that lacks a run is not tested, and the report counts the planned runs that are not there."""
    monkeypatch.setattr("warmuplab.figures.files.draw_of_claims", lambda *_: [])
    shutil.copytree(COMMITTED / "claims", tmp_path / "claims", ignore=shutil.ignore_patterns("figures"))
    runs = pd.read_parquet(tmp_path / "claims/runs.parquet")
    half = runs.sample(frac=0.5, random_state=0)
    half.to_parquet(tmp_path / "claims/runs.parquet", index=False)
    write_report(results.load("claims", tmp_path))
    text = (tmp_path / "claims/report.md").read_text()
    written = json.loads((tmp_path / "claims/claims.json").read_text())["claims"]
    assert {claim["verdict"] for claim in written} == {"not tested"}
    data = Recomputed(tmp_path)
    for claim in CLAIMS:
        planned = [(arm, seed, rate) for arm in claim.arms for seed in range(10) for rate in arm.rates or (None,)]
        absent = sum(data.run(*place) is None for place in planned)
        assert absent > 0
        assert f"`{claim.id}`: {absent} of {len(planned):,} planned run" in text
    assert "`make sweep STUDY=claims` and `make sweep STUDY=schedules` trains them" in text
