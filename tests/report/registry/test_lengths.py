"""How long a warmup: ladders, rules and what they lose, on losses that are known."""

import numpy as np
import pytest

from support.claim_runs import studies
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.lengths import rules
from warmuplab.claims.lengths.ladders import Ladder, Situation, collected, situations
from warmuplab.claims.lengths.rules import LONGEST, Rule, best_of_families, families, scored, simplest
from warmuplab.claims.planned.confirm import LENGTH
from warmuplab.claims.planned.place import PILOT, Place, lasting
from warmuplab.report.registry.takeaway import length_table, lengths_section, rule_sentence

SHARES = (0.0, 0.1, 0.3)


def ladder(situation: Situation, *means: float) -> Ladder:
    """Two seeds on both sides of the means."""
    return Ladder(situation, SHARES, np.array([means, means]) + np.array([[-0.1], [0.1]]), ())


SHORT = ladder(Situation(200, 8e-3), 4.5, 4.2, 4.0)
LONG = ladder(Situation(3200, 8e-3), 2.6, 2.02, 2.0)


def test_regret_is_the_loss_above_the_best_length_and_straight_between_lengths() -> None:
    np.testing.assert_allclose(SHORT.regret(0), 0.5)
    np.testing.assert_allclose(SHORT.regret(20), 0.2)
    np.testing.assert_allclose(SHORT.regret(1000), 0.0)  # beyond the longest as there
    halfway = np.expm1((np.log1p(20) + np.log1p(60)) / 2)
    np.testing.assert_allclose(SHORT.regret(halfway), 0.1)


def test_the_shortest_that_is_as_good_may_be_shorter_than_the_best() -> None:
    assert (SHORT.best, SHORT.enough) == (2, 2)
    assert (LONG.best, LONG.enough) == (2, 1)
    assert ladder(Situation(200, 8e-3), 4.03, 4.2, 4.0).enough == 2  # 0.03 above, but a longer one is 0.2 above


def test_a_loss_that_is_interpolated_is_marked() -> None:
    ladders = [SHORT, LONG]
    tried, between = (
        scored(Rule(words, length), ladders)
        for words, length in (("tried", lambda at: 0.1 * at.steps), ("between", lambda at: 0.2 * at.steps))
    )
    assert [row[-1] for row in length_table(ladders, tried).rows] == ["0.200", "0.020"]
    assert all(row[-1].startswith("~0.") for row in length_table(ladders, between).rows)


def test_a_rule_gives_at_most_the_longest_share_that_was_tried_everywhere() -> None:
    rule = Rule("240 steps", lambda _: 240.0)
    assert rule.steps(SHORT.situation) == pytest.approx(LONGEST * 200)
    assert rule.steps(LONG.situation) == 240


def test_of_every_family_the_rule_with_the_smallest_mean_regret_is_taken() -> None:
    best = best_of_families([SHORT, LONG])
    assert [one.rule.words for one in best[:3]] == ["no warmup", "10 % of the steps", "30 % of the steps"]
    assert best[0].mean == pytest.approx((0.5 + 0.6) / 2)
    assert best[1].mean == pytest.approx((0.2 + 0.02) / 2)
    for one, family in zip(best, families(), strict=True):
        assert one.mean == pytest.approx(min(scored(rule, [SHORT, LONG]).mean for rule in family))


def test_the_simplest_rule_may_lose_as_much_as_is_no_difference() -> None:
    nearly = ladder(Situation(200, 8e-3), 4.04, 4.0, 4.0)
    assert simplest(best_of_families([nearly])).rule.words == "no warmup"
    assert simplest(best_of_families([SHORT])).rule.words == "30 % of the steps"


def test_rules_know_what_they_are_named_after() -> None:
    at = Situation(400, 8e-3, beta2=0.9)
    steps = {rule.words: rule.length(at) for family in families() for rule in family}
    assert steps["2 / (1 - beta2) steps"] == pytest.approx(20)
    assert steps["5,000 times the peak rate, in steps"] == pytest.approx(40)
    assert steps["20 % of the steps"] == 80
    assert len(rules.MULTIPLES) + len(rules.STEPS) + len(rules.SHARES) + 3 == len(steps)


def test_the_table_marks_the_better_of_two_rates_and_says_what_suffices() -> None:
    other = ladder(Situation(200, 4e-3), 4.6, 4.6, 4.57)
    ladders = [SHORT, other, LONG]
    table = length_table(ladders, scored(Rule("10 % of the steps", lambda at: 0.1 * at.steps), ladders))
    short, slow, long = table.rows
    assert short == ["200", "**8e-3**", "0.98", "16", "60 (30 %)", "60 (30 %)", "4.000", "4.500", "0.200"]
    assert slow[1] == "4e-3"
    assert slow[5] == "no warmup"
    assert long[:6] == ["3,200", "8e-3", "0.98", "16", "960 (30 %)", "320 (10 %)"]
    assert table.header[-1] == "Extra loss at 10 % of the steps"


def test_the_sentence_says_for_which_runs_and_the_limit_of_rules_that_are_no_share() -> None:
    ladders = [SHORT, LONG]
    said = rule_sentence(scored(Rule("100 steps", lambda _: 100.0), ladders), ladders, LENGTH)
    assert said.startswith(
        "Described, not tested: in 2 settings of 200 to 3,200 steps warmup for 100 steps, at most 30 % of the run, ends"
    )
    share = rule_sentence(scored(families()[1][0], ladders), ladders, PILOT)
    assert share == (
        "Described on the pilot, not tested: in 2 settings of 200 to 3,200 steps warmup for 10 % of the steps ends 0.11"
        " nats (at worst 0.20) above the best length tried, always the longest."
    )


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return studies(tmp_path_factory.mktemp("ladders"), arms(LENGTH), LENGTH.seeds[:6])


def arms(place: Place) -> list[Arm]:
    return [
        place.arm("", at.keys, lasting(share), rates=(at.peak_lr,)) for at, shares in situations() for share in shares
    ]


def test_ladders_are_read_where_they_were_trained(evidence: Evidence) -> None:
    place, found = collected(evidence, LENGTH)
    assert place == LENGTH
    assert [one.situation for one in found] == [at for at, _ in situations()]
    assert all(one.losses_SxL.shape == (6, len(one.shares)) for one in found)
    first = found[0]
    run = evidence.runs(LENGTH.arm("", first.situation.keys, lasting(0.1), rates=(4e-3,))).iloc[0]
    assert first.losses_SxL[0, first.shares.index(0.1)] == pytest.approx(run["test/loss"])


def test_without_the_confirmatory_runs_the_pilot_stands_in_and_is_named(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    of_pilot = studies(tmp_path_factory.mktemp("pilot"), arms(PILOT), PILOT.seeds)
    assert collected(of_pilot, LENGTH)[0] == PILOT
    assert "the pilot's tuning seeds" in "".join(lengths_section(of_pilot, LENGTH))
    assert lengths_section(Evidence({}), LENGTH) == []


def test_what_the_ladders_cannot_say_is_said(evidence: Evidence) -> None:
    text = "\n".join(lengths_section(evidence, LENGTH))
    found = collected(evidence, LENGTH)[1]
    at_end = sum(one.best == len(one.shares) - 1 for one in found)
    assert f"In {at_end} of {len(found)} situations the longest warmup tried was the best" in text
