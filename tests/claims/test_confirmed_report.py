"""The tables of the report on the confirmatory claims, and the counts of the README: from Parquet, anew.

As in `test_confirmed`, losses, differences and p-values are those of `support.claims_again`.
"""

import json
import math
import re
from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from support.claims_again import Tables, sign_flip_p
from support.composing import ROOT
from support.confirmed import REGISTERED, RESULTS, STUDIES, P, told
from support.ladders_again import ladder_runs, length_of, regret, rows_of
from support.verdicts_again import verdicts_again
from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.terms import FINAL_LOSS, LargestTrained, Value

SETTINGS = ("width 16", "width 64", "width 128", "embedded corpus")
CLAIMS = {claim.id: claim for claim in REGISTERED}
NAMES = r"\]\(#([\w-]+)\)"  # of a claim, in a link
# The rules that differ in one number, by how they begin to read.
FAMILIES = [
    ["no warmup"],
    ["10 % of the steps"],
    [f"{share} % of the steps" for share in (1, 3, 5, 20, 30)],
    [f"{steps} steps" for steps in (10, 20, 40, 80, 100, 160, 200, 240)],
    ["2 / (1 - beta2) steps"],
    [f"{times} times the peak rate, in steps" for times in ("2,500", "5,000", "10,000", "20,000", "40,000")],
]


@cache
def report() -> str:
    return (RESULTS / REGISTRY / "report.md").read_text()


def first_number(cell: str) -> float:
    found = re.search(r"[+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?", cell)
    assert found, cell
    return float(found[0].replace(",", ""))


def standing(comparison: Comparison, differences: list[float]) -> str:
    """What the 95 % interval says, whose ends are where one-sided tests at 0.025 begin to reject."""
    effect = fmean(differences)
    if sign_flip_p(differences, comparison.margin) <= 0.025 and effect >= comparison.smallest_effect:
        return "yes"
    other_way = sign_flip_p([-d for d in differences], -min(comparison.margin, 0.0)) <= 0.025
    return "reversed" if other_way and -effect >= comparison.smallest_effect else "not shown"


@pytest.fixture(scope="module")
def elsewhere(tables: Tables) -> dict[str, dict[str, tuple[str, float] | None]]:
    """By claim and comparison beyond its parts: how it stands and its effect; None where runs are missing."""
    found: dict[str, dict[str, tuple[str, float] | None]] = {}
    for claim in REGISTERED:
        for one in claim.elsewhere:
            differences = tables.difference(one) if tables.complete(one) else None
            told_of = None if differences is None else (standing(one, differences), fmean(differences))
            found.setdefault(claim.id, {})[one.name] = told_of
    return found


def test_the_columns_of_settings_are_those_of_the_runs(
    elsewhere: dict[str, dict[str, tuple[str, float] | None]],
) -> None:
    header, *rows = rows_of(report(), "Verdicts")
    assert [name.lower() for name in header[-len(SETTINGS) :]] == list(SETTINGS)
    shown = {re.findall(NAMES, row[0])[0]: row[-len(SETTINGS) :] for row in rows}
    assert set(shown) == set(CLAIMS)
    for name, cells in shown.items():
        by_setting = {one.short: one for one in CLAIMS[name].elsewhere}
        for setting, cell in zip(SETTINGS, cells, strict=True):
            if setting not in by_setting:
                assert cell == ""
                continue
            expected = elsewhere[name][by_setting[setting].name]
            if expected is None:
                assert cell == "–"
                continue
            assert cell.partition(" (")[0] == expected[0]
            assert first_number(cell) == pytest.approx(expected[1], rel=6e-3, abs=1e-6)


def test_what_is_said_of_elsewhere_is_that_of_the_runs(
    elsewhere: dict[str, dict[str, tuple[str, float] | None]],
) -> None:
    checked = 0
    for name, of_claim in elsewhere.items():
        header, *rows = rows_of(report(), name, "###", table=2)
        assert header == ["Comparison", "Effect (95 % interval)", "Holds"]
        assert [row[0] for row in rows] == list(of_claim)
        for row in rows:
            expected = of_claim[row[0]]
            assert row[2] == (expected[0] if expected else "runs missing")
            if expected:
                assert first_number(row[1]) == pytest.approx(expected[1], rel=6e-3, abs=1e-6)
                checked += 1
    assert checked


def test_how_many_hold_in_all_settings(
    again: dict[str, list[list[float]]], elsewhere: dict[str, dict[str, tuple[str, float] | None]]
) -> None:
    """Of those that were asked in other settings and have runs there."""
    verdicts = recomputed(again)
    asked = {}
    for name, of_claim in elsewhere.items():
        there = [found for one, found in of_claim.items() if short_of(CLAIMS[name], one) in SETTINGS and found]
        if there:
            asked[name] = [found[0] for found in there]
    said = re.search(
        r"(\d+) claims? were asked in other settings .* Of the (\d+) that are supported, (\d+) hold", report()
    )
    if not asked:
        assert said is None
        return
    supported = [name for name in asked if verdicts[name] == "supported"]
    everywhere = [name for name in supported if set(asked[name]) == {"yes"}]
    assert said
    assert list(map(int, said.groups())) == [len(asked), len(supported), len(everywhere)]
    opening = " ".join((ROOT / "README.md").read_text().split("\n## ")[0].split())
    in_short = re.search(r"Of the (\d+) supported claims that were also asked .*?, (\d+) hold in all of them", opening)
    assert in_short
    assert list(map(int, in_short.groups())) == [len(supported), len(everywhere)]


def short_of(claim: Claim, name: str) -> str:
    return next(one.short for one in claim.elsewhere if one.name == name)


def test_the_rules_are_scored_on_the_runs() -> None:
    """Of every family the best rule, its mean regret, the largest and where; the takeaway has the simplest."""
    ladders = {
        here: {share: fmean(losses.values()) for share, losses in shares.items()}
        for here, shares in ladder_runs(RESULTS, STUDIES).items()
        if len(shares) >= 3
    }
    _, *rows = rows_of(report(), "How long a warmup")
    assert len(ladders) == len(rows_of(report(), "Takeaway")) - 1

    def regrets(rule: str) -> dict[tuple[int, float, float, int], float]:
        every = {here: regret(means, length_of(rule, *here[:3]), here[0]) for here, means in ladders.items()}
        return {here: lost for here, lost in every.items() if not math.isnan(lost)}

    scores = []
    for row, family in zip(rows, FAMILIES, strict=True):
        means = {rule: fmean(regrets(rule).values()) for rule in family}
        assert row[0] in means
        assert means[row[0]] == pytest.approx(min(means.values()), abs=1e-9)
        assert float(row[1]) == pytest.approx(means[row[0]], abs=6e-4)
        lost = regrets(row[0])
        assert float(row[2]) == pytest.approx(max(lost.values()), abs=6e-4)
        steps, rate, batch, beta2 = map(first_number, re.split(r" at |, batch |, beta2 ", row[3]))
        assert lost[int(steps), rate, beta2, int(batch)] == pytest.approx(max(lost.values()))
        scores.append((row[0], means[row[0]]))
    least = min(mean for _, mean in scores)
    simplest = next(rule for rule, mean in scores if mean <= least + 0.05)
    assert rows_of(report(), "Takeaway")[0][-1] == f"Extra loss at {simplest}"
    longest = sum(min(means, key=lambda share, of=means: of[share]) == max(means) for means in ladders.values())
    assert f"In {longest} of {len(ladders)} situations the longest warmup tried was the best" in report()


def arms_of(claim: Claim) -> list[tuple[Arm, str, str, bool]]:
    """The arms of its parts, each once and no ramps, with the column that is summed up, its ceiling and its scale."""
    found: list[tuple[Arm, str, str, bool]] = []
    for comparison in claim.contrasts:
        for term in (*comparison.plus, *comparison.minus):
            measure = term.measure if isinstance(term, Value) else getattr(term, "loss", FINAL_LOSS)
            measure = FINAL_LOSS if isinstance(term, LargestTrained) else measure
            for arm in term.arms:
                if arm.where.get("schedule.decay.name") != "ramp" and all(arm != other for other, *_ in found):
                    found.append((arm, measure.column, measure.ceiling, measure.logarithm))
    return found


@pytest.mark.parametrize("claim", REGISTERED, ids=lambda claim: claim.id)
def test_the_means_of_arms_are_those_of_the_runs(claim: Claim, tables: Tables) -> None:
    """Mean, smallest and largest over seeds, each seed a mean over its rates; and how many runs there are."""
    header, *rows = rows_of(report(), claim.id, "###", table=1)
    assert header[:5] == ["Arm", "Peak lr", "Mean (smallest to largest)", "At its ceiling", "Runs"]
    for row, (arm, column, ceiling, logarithm) in zip(rows, arms_of(claim), strict=True):
        runs = tables.by_place(arm)
        planned = len(arm.seeds) * max(1, len(arm.rates))
        assert row[0] == arm.name
        assert row[4] == f"{len(runs)} of {planned}"
        if not runs:
            assert row[2] == "–"
            continue
        values: dict[int, list[float]] = {}
        stuck = 0
        for (seed, _), run in runs.items():
            value, beyond = float(run[column]), math.nan
            if ceiling != "worst":
                entropy, steps = float(run["unigram_entropy"]), float(run["training.steps"])
                beyond = entropy if ceiling == "unigram entropy" else steps
                lost = run["status"] == "diverged" or math.isnan(value) or value >= beyond
                lost = lost or (ceiling == "unigram entropy" and run["val/loss"] >= entropy)
                stuck += lost
                value = beyond if lost else value
            values.setdefault(seed, []).append(math.log10(value) if logarithm else value)
        of_seeds = np.array([fmean(each) for each in values.values() if not np.isnan(each).any()])
        mean, low, high = (float(text) for text in re.findall(r"[+-]?\d+\.?\d*(?:e[+-]?\d+)?", row[2]))
        expected = [of_seeds.mean(), of_seeds.min(), of_seeds.max()]
        assert [mean, low, high] == pytest.approx(expected, rel=6e-3, abs=1e-6)
        if ceiling != "worst":
            assert row[3] == str(stuck)


def test_the_effects_beside_the_literature_are_those_of_the_claims(again: dict[str, list[list[float]]]) -> None:
    """Of the part that decides, and with the verdict's direction."""
    verdicts, claims = recomputed(again), told(REGISTRY)
    _, *rows = rows_of(report(), "Beside the literature")
    assert len(rows) >= 8
    for row in rows:
        (name,) = re.findall(NAMES, row[3])
        effect = row[3].rpartition("): ")[2]
        if verdicts[name] == "not tested":
            assert (effect, row[4]) == ("–", "not tested")
            continue
        place = [part["name"] for part in claims[name]["parts"]].index(claims[name]["contrast"])
        assert first_number(effect) == pytest.approx(fmean(again[name][place]), rel=6e-3, abs=1e-6)
        direction = {"supported": ("same", "within", "opposite"), "refuted": ("same", "opposite")}
        direction |= {"supported in part": ("same in part",), "no difference": ("no difference here",)}
        assert row[4].startswith(direction.get(verdicts[name], (verdicts[name],)))


def recomputed(again: dict[str, list[list[float]]]) -> dict[str, str]:
    """The verdict on every claim, from the p-values."""
    claims = told(REGISTRY)
    p = {name: [[part[key] for key in P] for part in claims[name]["parts"]] for name in again}
    found = verdicts_again(p, {name: len(parts[0]) for name, parts in again.items()}, len(CLAIMS))
    return {name: found.get(name, "not tested") for name in CLAIMS}


def test_the_readme_counts_the_runs_the_claims_and_their_verdicts(again: dict[str, list[list[float]]]) -> None:
    opening = " ".join((ROOT / "README.md").read_text().split("\n## ")[0].split())
    runs = sum(len(pd.read_parquet(RESULTS / study / "runs.parquet", columns=["run_id"])) for study in STUDIES)
    assert f" {runs:,} runs besides the pilot." in opening
    assert f"{len(CLAIMS)} claims were written down" in opening
    verdicts = list(recomputed(again).values())
    seeds = [len(parts[0]) for parts in again.values()]
    assert f"Each was tested on {min(seeds)} to {max(seeds)} seeds." in opening
    said = opening.split("before any of these runs: ")[1].split(". Each was")[0]
    counts = {
        words.removesuffix(" yet"): int(number) for number, words in re.findall(r"(\d+) ([a-z ]+?)(?:, | and |$)", said)
    }
    assert counts == {verdict: verdicts.count(verdict) for verdict in set(verdicts)}
    manifests = [json.loads((RESULTS / study / "manifest.json").read_text()) for study in STUDIES]
    assert sum(manifest["runs"]["total"] for manifest in manifests) == runs


def test_the_readme_says_how_large_the_networks_are_and_on_which_texts() -> None:
    opening = " ".join((ROOT / "README.md").read_text().split("\n## ")[0].split())
    runs = pd.concat([pd.read_parquet(RESULTS / study / "runs.parquet") for study in STUDIES])
    weights = runs["weights"].dropna().astype(int)
    said = re.search(r"\(about ([\d,]+) weights, a few of ([\d,]+) to ([\d,]+)\) on translation \((.*?)\)", opening)
    assert said
    for number, exactly in zip(said.groups()[:3], (weights.median(), weights.min(), weights.max()), strict=True):
        assert float(number.replace(",", "")) == pytest.approx(exactly, rel=0.05)
    largest, *others = runs["corpus"].value_counts().items()
    assert said[4].startswith("`multi30k`")
    assert [int(count) for count in re.findall(r"(\d+) runs on", said[4])] == [count for _, count in others]
    assert largest[1] > 0.9 * len(runs)


@pytest.mark.parametrize("text", sorted(RESULTS.glob("*/report.md")), ids=lambda text: text.parent.name)
def test_every_figure_that_a_report_shows_is_there(text: Path) -> None:
    shown = re.findall(r"\]\(([^)]*\.(?:png|svg))\)", text.read_text())
    assert [figure for figure in shown if not (text.parent / figure).exists()] == []


def test_the_differences_of_a_claim_are_drawn_once() -> None:
    names = [figure.name for figure in RESULTS.glob("*/figures/differences_*")]
    assert len(names) == 2 * len(REGISTERED)
    assert len(set(names)) == len(names)
