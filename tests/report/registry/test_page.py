"""The report of a registry: takeaway, columns per setting, literature, whatever has been trained of it."""

import dataclasses
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.composing import ROOT
from warmuplab.base.errors import ConfigError
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Aside, Judged, judge_all
from warmuplab.claims.lengths.ladders import Ladder, Situation
from warmuplab.claims.lengths.rules import families, scored
from warmuplab.claims.parts import VerdictName
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.planned.confirm import LENGTH
from warmuplab.claims.planned.place import PILOT
from warmuplab.claims.planned.plan import GROUPS
from warmuplab.claims.planned.settings import SETTINGS
from warmuplab.claims.registry import CLAIMS
from warmuplab.commands import figures
from warmuplab.figures.claims.forest import END, TOPICS, draw_forest, in_units
from warmuplab.report.registry import page
from warmuplab.report.registry.abstract import ABOUT, abstract
from warmuplab.report.registry.literature import FINDINGS, direction
from warmuplab.report.registry.settings import in_all, settings_table
from warmuplab.report.registry.takeaway import SAYINGS, fitting, rule_sentence, sentences, takeaway_text

NOTHING = judge_all([claim for claim in CLAIMS if claim.registry == REGISTRY], Evidence({}))


def decided(verdict: VerdictName, effect: float = 0.4, asides: float = math.nan) -> list[Judged]:
    """Every claim with one verdict, all parts with one effect, and one effect in the other settings."""
    return [one_decided(one, verdict, effect, asides) for one in NOTHING]


def one_decided(one: Judged, verdict: VerdictName, effect: float, asides: float) -> Judged:
    parts = tuple(
        dataclasses.replace(part, effect=effect, interval=(effect - 0.1, effect + 0.1)) for part in one.verdict.parts
    )
    elsewhere = tuple(
        Aside(aside.comparison, aside.differences, asides, (asides - 0.01, asides + 0.01)) for aside in one.asides
    )
    found = dataclasses.replace(one.verdict, verdict=verdict, parts=parts, deciding=parts[0], p=0.001)
    return dataclasses.replace(one, verdict=found, asides=elsewhere)


@pytest.mark.parametrize("verdict", ["supported", "refuted", "no difference", "supported in part", "inconclusive"])
def test_every_saying_has_a_sentence_whatever_the_verdicts(verdict: VerdictName) -> None:
    assert len(sentences(decided(verdict))) == len(SAYINGS)
    assert takeaway_text(decided(verdict), Evidence({}), LENGTH) == " ".join(sentences(decided(verdict)))


def test_a_takeaway_that_is_too_long_lacks_its_last_sentences() -> None:
    said = ["one two three.", "four five.", "six seven eight nine.", "ten."]
    assert fitting(said, 5) == said[:2]
    assert fitting(said, 9) == said[:3]
    assert fitting(said, 100) == said
    assert fitting(said, 0) == []


@pytest.mark.parametrize("verdict", ["supported", "refuted", "supported in part"])
def test_a_takeaway_has_at_most_120_words(verdict: VerdictName, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sentence on rules that has the most words."""
    losses = np.array([[3.0, 2.5, 2.0]])
    ladders = [Ladder(Situation(steps, 8e-3), (0.0, 0.1, 0.3), losses, ()) for steps in (200, 800, 3200)]
    rules = [
        rule_sentence(scored(rule, ladders), ladders, place)
        for family in families() for rule in family for place in (LENGTH, PILOT)
    ]  # fmt: skip
    rule = max(rules, key=lambda text: len(text.split()))
    monkeypatch.setattr("warmuplab.report.registry.takeaway.collected", lambda *_: (LENGTH, ladders))
    monkeypatch.setattr("warmuplab.report.registry.takeaway.rule_sentence", lambda *_: rule)
    text = takeaway_text(various(verdict), Evidence({}), LENGTH)
    assert text.endswith(rule)
    assert text.startswith(sentences(various(verdict))[0])
    assert 90 < len(text.split()) <= 120


def various(verdict: VerdictName, reversed_: tuple[int, ...] = (0, 1)) -> list[Judged]:
    """Every claim with one verdict, its parts with effects of 0.1, 0.2 and so on, those named reversed if refuted."""
    found = []
    for one in NOTHING:
        p_against = [0.001 if place in reversed_ else 1.0 for place in range(len(one.verdict.parts))]
        parts = tuple(
            dataclasses.replace(
                part,
                effect=0.1 * place + 0.1,
                interval=(0.1 * place + 0.05, 0.1 * place + 0.2),
                adjusted_p_for=1.0,
                adjusted_p_against=p_against[place],
                adjusted_p_equivalent=1.0,
            )
            for place, part in enumerate(one.verdict.parts)
        )
        deciding = parts[min(reversed_[-1] if verdict == "refuted" else len(parts) - 1, len(parts) - 1)]
        judged = dataclasses.replace(one.verdict, verdict=verdict, parts=parts, deciding=deciding, p=0.001)
        found.append(dataclasses.replace(one, verdict=judged))
    return found


def test_a_sentence_says_what_its_verdict_is() -> None:
    refuted = sentences(decided("refuted", effect=-0.4))
    assert "Pre-LN gains 0.40 nats, at half the largest rate that trains without." in refuted
    assert "Pre-LN trains as well without." in sentences(decided("supported"))
    assert "Pre-LN trains as well without warmup: inconclusive." in sentences(decided("inconclusive"))
    assert sentences(NOTHING) == []


def test_a_sentence_quotes_a_part_that_decided() -> None:
    """Any of a supported claim; of a refuted one never a part that was not reversed."""
    said = sentences(various("supported"))
    assert said[0] == "Warming up for 10 % of the steps takes 0.10 nats off post-LN's final loss at 4e-3."
    assert "With it the largest rate that trains is 1.1 times as high (1.1 to 1.2)." in said  # of 0.2 doublings
    assert "For 3,200 steps 10 % ends 0.10 nats below 30 %." in said
    for reversed_, expected in (
        ((0,), "Pre-LN gains 0.10 nats, at half the largest rate that trains without."),
        ((1,), "Pre-LN gains 0.20 nats, each at its best rate."),
        ((0, 1), "Pre-LN gains 0.20 nats, each at its best rate."),
    ):
        assert expected in sentences(various("refuted", reversed_))
    assert "10 % is too short for 200 steps at 4e-3: 30 % ends 0.10 nats lower." in sentences(various("refuted", (0,)))
    assert "10 % is too short for 800 steps at 8e-3: 30 % ends 0.20 nats lower." in sentences(various("refuted", (1,)))


def test_every_setting_has_a_column_that_says_how_a_claim_stands_there() -> None:
    table = settings_table(decided("supported", asides=2.0))
    assert [name.lower() for name in table.header[-len(SETTINGS) :]] == list(SETTINGS)
    rows = {row[0]: row for row in table.rows}
    helps = rows["[Warmup lowers post-LN's final loss](#warmup-helps)"]
    assert helps[1] == "**supported**"
    assert helps[3] == "+0.400 nats (+0.300 to +0.500)"
    assert helps[-len(SETTINGS) :] == ["yes (+2.00)"] * len(SETTINGS)
    assert rows["[10 % of the steps is a good warmup](#ten-percent)"][-1] == ""
    (unknown,) = (row for row in settings_table(NOTHING).rows if "(#warmup-helps)" in row[0])
    assert unknown[-len(SETTINGS) :] == ["–"] * len(SETTINGS)


def test_what_holds_in_all_settings_is_counted() -> None:
    (said,) = in_all(decided("supported", asides=2.0))
    asked = sum(any(aside.comparison.short in SETTINGS for aside in one.asides) for one in NOTHING)
    assert said.startswith(f"{asked} claims were asked in other settings too")
    assert f"Of the {asked} that are supported, {asked} hold in all settings they were asked in: " in said
    (said,) = in_all(decided("supported", asides=-2.0))
    assert f"Of the {asked} that are supported, 0 hold in all settings they were asked in." in said
    assert in_all(NOTHING) == []
    (said,) = in_all([*decided("supported", asides=2.0)[:12], *NOTHING[12:]])
    assert "asked in and are trained so far: " in said


def test_a_finding_points_the_same_way_or_the_other() -> None:
    helps, other = FINDINGS[0], dataclasses.replace(FINDINGS[0], agrees=False)
    (supported,) = (one for one in decided("supported") if one.claim.id == helps.claim)
    (refuted,) = (one for one in decided("refuted") if one.claim.id == helps.claim)
    assert [direction(helps, supported), direction(helps, refuted)] == ["same", "**opposite**"]
    assert [direction(other, supported), direction(other, refuted)] == ["**opposite**", "same"]
    assert direction(helps, NOTHING[0]) == "not tested"
    assert {finding.claim for finding in FINDINGS} <= {one.claim.id for one in NOTHING}


def test_without_any_run_the_report_says_what_is_missing(tmp_path: Path) -> None:
    judged, evidence = page.judged_registry(REGISTRY, tmp_path)
    report, claims = page.write_registry(REGISTRY, judged, evidence, tmp_path)
    text = report.read_text()
    assert claims.name == "claims.json"
    assert "None of its studies is collected here." in text
    assert f"{len(judged)} claims: {len(judged)} not tested." in text
    assert text.count("**Not tested.**") == len(judged)
    assert abstract(judged, evidence, LENGTH) == ABOUT


def test_claims_stand_in_the_order_of_their_studies(tmp_path: Path) -> None:
    judged, _ = page.judged_registry(REGISTRY, tmp_path)
    assert list(dict.fromkeys(one.claim.study for one in judged)) == [f"confirm_{group}" for group in GROUPS]


def test_an_abstract_counts_verdicts() -> None:
    said = abstract(decided("refuted")[:3] + NOTHING[3:], Evidence({}), LENGTH)
    assert f"of 3 tested on 0 runs, 3 refuted ({len(NOTHING) - 3} are still to be trained)" in said


def test_the_command_takes_the_name_of_a_registry(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "report.py"), REGISTRY, "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert len(re.findall("not tested", done.stdout)) == len(NOTHING)
    assert (tmp_path / REGISTRY / "report.md").exists()


def test_a_forest_plot_has_a_row_per_claim_and_marks_where_effects_lie() -> None:
    judged = decided("supported", effect=0.4, asides=0.2)
    figure = draw_forest(judged)
    assert figure is not None
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == [one.claim.title for one in judged]
    topics = {text.get_text(): text.get_position()[1] for text in panel.texts if text.get_text() in TOPICS.values()}
    assert len(topics) == len({one.claim.study for one in judged})
    rows = dict(
        zip([one.claim.study for one in judged][::-1], panel.get_yticks()[::-1], strict=True)
    )  # the first of each
    assert [rows[study] - topics[TOPICS[study]] for study in rows] == pytest.approx(
        [0.92] * len(rows)
    )  # right below it
    diamonds = [line for line in panel.get_lines() if line.get_marker() == "D"]
    assert len(diamonds) == sum(len(one.claim.contrasts) for one in judged)
    expected = [min(max(in_units(comparison, 0.4), -END), END) for one in judged for comparison in one.claim.contrasts]
    assert [line.get_xdata()[0] for line in diamonds] == pytest.approx(expected)  # type: ignore[index]
    marks = [line for line in panel.get_lines() if line.get_marker() in ("v", "^", "s", "P")]
    assert len(marks) == sum(aside.comparison.short in SETTINGS for one in judged for aside in one.asides)
    assert draw_forest(NOTHING) is None


def test_effects_are_counted_in_what_is_of_interest_or_the_margin() -> None:
    (better,) = (one.claim.contrasts[0] for one in NOTHING if one.claim.id == "rate-must-fall")
    assert in_units(better, 0.1) == pytest.approx(0.1 / better.smallest_effect)
    (within,) = (one.claim.contrasts[0] for one in NOTHING if one.claim.id == "noam")
    assert in_units(within, 0.0) == 0
    assert in_units(within, within.margin) == pytest.approx(-1.0)


def test_a_forest_plot_is_drawn_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=f"this is none; type .* forest {REGISTRY}"):
        figures.draw_of_study("forest", "quick", tmp_path)
    with pytest.raises(ConfigError, match="none of its studies is in"):
        figures.draw_of_study("forest", REGISTRY, tmp_path)
    shutil.copytree(ROOT / "results" / "confirm_early", tmp_path / "confirm_early")
    figures.draw_of_study("forest", REGISTRY, tmp_path)
    png, svg = map(Path, capsys.readouterr().out.splitlines())
    assert png == tmp_path / REGISTRY / "figures" / "forest.png"
    assert png.exists()
    assert svg.exists()
