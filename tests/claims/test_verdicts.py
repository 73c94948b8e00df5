"""Every rule of a verdict, on differences that are made for it, and what its sentences say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from support.equivalence import equivalence_p
from warmuplab.claims.families import ALPHA, adjust
from warmuplab.claims.parts import Contrast, Verdict
from warmuplab.claims.power import seeds_needed
from warmuplab.claims.statistics import sign_flip_interval, sign_flip_p
from warmuplab.claims.verdicts import fewest_seeds, judge

HALF = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08])
SPREAD = np.concatenate([-HALF, HALF])  # of sixteen seeds, in nats


def contrast(effect: float, smallest: float = 0.05, name: str = "warmup against none", noise: float = 1.0) -> Contrast:
    return Contrast(name, effect + noise * SPREAD, smallest)


def with_margin(effect: float, margin: float, smallest: float = 0.0) -> Contrast:
    return Contrast("warmup against none", effect + SPREAD, smallest, margin=margin)


def verdict_on(*contrasts: Contrast) -> Verdict:
    """The verdict on a claim among eleven others that show nothing."""
    nothing = {f"other {i}": [contrast(0.0, 0.0)] for i in range(11)}
    return judge({"claim": contrasts, **nothing})["claim"]


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        (contrast(0.2), "supported", "above 0 (p = 0.00018, adjusted over 12 claims)"),
        (contrast(-0.2), "refuted", "below 0 (p = 0.00018, adjusted over 12 claims)"),
        (contrast(0.0), "no difference", "less than 0.05 nats either way"),
        (contrast(0.03, noise=0.1), "no difference", "less than 0.05"),  # there is an effect, and it is trivial
        (contrast(0.0, noise=3.0), "inconclusive", "not shown to lie above 0 (p = 1"),
        (contrast(0.0, smallest=0.0), "inconclusive", "not shown to lie above 0"),
        (with_margin(0.2, 0.1), "supported", "more than the 0.1 nats claimed"),
        (with_margin(0.07, 0.1), "inconclusive", "not shown to lie above 0.1 nats"),
        (with_margin(-0.2, 0.1), "refuted", "below 0 (p"),
        (with_margin(0.0, 0.1, 0.1), "no difference", "less than 0.1 nats"),
        (with_margin(-0.01, -0.1), "supported", "above the margin of -0.1 nats"),
        (with_margin(-0.1, -0.1), "inconclusive", "not shown to lie above -0.1 nats"),
        (with_margin(-0.2, -0.1), "refuted", "below the margin of -0.1 nats"),
        (
            replace(contrast(0.0), at_ceiling=(1, 2)),
            "inconclusive",
            "is not tested: in 3 seeds a run is at its ceiling",
        ),  # it hides a difference
        (replace(contrast(0.2), at_ceiling=(2, 2)), "supported", "above 0"),
        (replace(contrast(0.2), at_ceiling=(2, 0)), "supported", "Runs of one side only are at their ceiling"),
        (replace(contrast(0.2), at_ceiling=(0, 2)), "inconclusive", "that side is not found to be the better one"),
        (replace(contrast(-0.2), at_ceiling=(2, 0)), "inconclusive", "Runs of one side only are at their ceiling"),
        (replace(contrast(-0.2), at_ceiling=(0, 2)), "refuted", "below 0"),
        (replace(contrast(0.2), differences=np.array([0.2] * 14 + [math.nan] * 2)), "not tested", "lacks 2 of 16"),
        (replace(contrast(0.2), differences=np.full(8, 0.2)), "not tested", "among 12 claims needs 9 for any verdict"),
        (Contrast("warmup against none", np.zeros(16), 0.05), "no difference", "+0 nats"),
    ],
)
def test_one_part(given: Contrast, verdict: str, reason: str) -> None:
    found = verdict_on(given)
    assert (found.verdict, found.deciding.contrast) == (verdict, given)
    assert reason in found.reason
    assert "warmup against none" in found.reason
    assert found.reason.endswith(".")


PLAIN, SCALED = "against none", "against none at equal area"


@pytest.mark.parametrize(
    ("plain", "scaled", "verdict", "deciding"),
    [
        (0.3, 0.2, "supported", None),
        (0.3, 0.0, "supported in part", PLAIN),
        (0.3, -0.2, "refuted", SCALED),
        (-0.2, 0.0, "refuted", PLAIN),
        (0.3, 0.04, "supported in part", PLAIN),
        (0.0, 0.0, "no difference", None),
        (0.0, 0.04, "inconclusive", SCALED),
    ],
)
def test_a_claim_holds_if_all_its_parts_do(plain: float, scaled: float, verdict: str, deciding: str | None) -> None:
    found = verdict_on(contrast(plain, name=PLAIN), contrast(scaled, name=SCALED, noise=0.95))
    assert found.verdict == verdict
    assert deciding in (None, found.deciding.contrast.name)
    assert [part.contrast.name for part in found.parts] == [PLAIN, SCALED]


def test_supported_in_part_says_which_parts_are_shown_and_what_the_others_are() -> None:
    names = ("shown", "small", "open")
    found = verdict_on(*(contrast(effect, name=name) for effect, name in zip((0.3, 0.0, 0.04), names, strict=True)))
    assert [part.standing for part in found.parts] == ["shown", "no difference", "open"]
    start = f"Shown, adjusted over 12 claims: shown (p = {found.p:.2g})."
    assert found.reason == f"{start} Not shown: open. Too small to matter: small."


def test_a_refuted_claim_names_what_is_reversed_and_what_is_shown() -> None:
    found = verdict_on(contrast(-0.2, name="a"), contrast(-0.3, name="b"), contrast(0.2, name="c"))
    assert found.verdict == "refuted"
    assert 'for "b", below 0' in found.reason
    assert found.reason.endswith("Reversed too: a. Shown as claimed: c.")


def test_the_p_of_a_verdict_is_the_one_behind_it() -> None:
    for effects in ((0.2,), (-0.2,), (0.0,), (0.3, 0.04), (0.2, 0.25)):
        found = verdict_on(*(contrast(effect, name=str(effect)) for effect in effects))
        for_, against = ([getattr(part, f"adjusted_p_{way}") for part in found.parts] for way in ("for", "against"))
        expected = {
            "supported": max(for_),
            "refuted": min(against),
            "supported in part": min(for_),
            "no difference": max(part.p_equivalent for part in found.parts),
        }
        assert found.p == expected[found.verdict]
        assert found.p <= 0.05
        assert f"p = {found.p:.2g}" in found.reason


def test_an_inconclusive_claim_says_how_many_seeds_would_decide() -> None:
    given = contrast(0.04)
    found = verdict_on(given)
    assert found.verdict == "inconclusive"
    needed = seeds_needed([0.05], [float(given.differences.std(ddof=1))], 12)
    assert f"With the spread of these seeds, 0.052 nats, {needed} seeds would find an effect of 0.05" in found.reason
    beyond = verdict_on(with_margin(-0.1, -0.1))
    assert "an effect of 0.1 nats beyond the margin nine times in ten" in beyond.reason
    assert "more than 1,000 seeds" in verdict_on(contrast(0.1, 0.001, noise=5)).reason


def test_a_missing_run_of_any_part_leaves_the_claim_untested() -> None:
    missing = Contrast(SCALED, np.array([*(SPREAD[:15] + 0.2), math.nan]), 0.05)
    found = verdict_on(contrast(0.2), missing)
    assert (found.verdict, found.deciding.contrast.name) == ("not tested", SCALED)
    assert found.reason == "against none at equal area lacks 1 of 16 seeds."
    assert [part.standing for part in found.parts] == ["not tested"] * 2
    assert math.isnan(found.p)


def test_the_numbers_are_those_of_the_statistics() -> None:
    rng = np.random.default_rng(0)
    claims = {
        str(i): [Contrast(f"{i} {k}", rng.normal(0.5, 1, 16 + 2 * (i % 2)), 0.4) for k in range(1 + i % 3)]
        for i in range(9)
    }
    found = judge(claims)
    assert list(found) == list(claims)
    p = np.full((3, 9, 3), math.nan)
    for row, (claim, contrasts) in enumerate(claims.items()):
        assert [part.contrast for part in found[claim].parts] == contrasts
        for column, part in enumerate(found[claim].parts):
            d = part.contrast.differences
            assert part.effect == d.mean()
            assert part.interval == pytest.approx([float(limit) for limit in sign_flip_interval(d)])
            raw = (part.p_for, part.p_against, part.p_equivalent)
            assert raw == (sign_flip_p(d, "greater"), sign_flip_p(d, "less"), equivalence_p(d, 0.4))
            p[:, row, column] = raw
    adjusted = adjust(*p)
    for row, claim in enumerate(claims):
        for column, part in enumerate(found[claim].parts):
            assert part.adjusted_p_for == adjusted.shown[row, column]
            assert part.adjusted_p_against == adjusted.reversed_[row, column]


def test_margins_shift_the_test_for_and_only_negative_ones_the_test_against() -> None:
    for margin, below in ((0.1, 0.0), (-0.1, -0.1)):
        (part,) = verdict_on(with_margin(0.03, margin)).parts
        d = part.contrast.differences
        assert part.p_for == sign_flip_p(d, "greater", margin)
        assert part.p_against == sign_flip_p(d, "less", below)
        assert part.p_equivalent == 1


def test_an_untested_claim_keeps_its_place_in_the_family() -> None:
    rng = np.random.default_rng(1)
    claims = {str(i): [Contrast(str(i), rng.normal(1.0, 1, 16), 0.1)] for i in range(8)}
    gone = claims | {"3": [replace(claims["3"][0], differences=np.full(16, math.nan))]}
    alone = judge({claim: claims[claim] for claim in claims if claim != "3"})
    after = judge(gone)
    assert after["3"].verdict == "not tested"
    assert all(after[claim].parts[0].adjusted_p_for >= alone[claim].parts[0].adjusted_p_for for claim in alone)
    assert any(after[claim].parts[0].adjusted_p_for > alone[claim].parts[0].adjusted_p_for for claim in alone)


def test_turning_every_difference_round_turns_support_into_refutation() -> None:
    opposite = {"supported": "refuted", "refuted": "supported"}
    seen = set()
    for effect in np.linspace(-0.3, 0.3, 25):
        there, back = verdict_on(contrast(effect)), verdict_on(contrast(-effect))
        assert back.verdict == opposite.get(there.verdict, there.verdict)
        low, high = there.parts[0].interval
        assert back.parts[0].interval == pytest.approx((-high, -low))
        seen.add(there.verdict)
    assert {"supported", "refuted", "no difference"} <= seen


def test_the_fewest_seeds_are_those_with_which_equal_signs_are_a_verdict() -> None:
    for claims, parts in ((1, 1), (12, 1), (20, 4)):
        seeds = fewest_seeds(parts, claims)
        assert 2.0**-seeds * parts * claims <= ALPHA < 2.0 ** (1 - seeds) * parts * claims


def test_what_makes_no_sense_is_refused() -> None:
    for smallest in (-1, math.nan):
        with pytest.raises(ValueError, match="smallest effect must be finite"):
            contrast(0.1, smallest=smallest)
    for margin in (-0.1, 0.04, math.inf):
        with pytest.raises(ValueError, match="must not exceed the margin"):
            with_margin(0.1, margin, smallest=0.05)
    with pytest.raises(ValueError, match="ceiling"):
        Contrast("x", np.array([math.inf]), 0.1)
    assert judge({}) == {}
