"""Every rule of a verdict, on differences that are made for it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from support.equivalence import equivalence_p
from support.made_up import MadeUp, arm
from warmuplab.claims.contrasts import contrast_of
from warmuplab.claims.forms import at_best
from warmuplab.claims.statistics import holm, sign_flip_interval, sign_flip_p
from warmuplab.claims.verdicts import ALPHA, Contrast, Verdict, judge

SPREAD = np.array([-0.08, -0.05, -0.04, -0.02, -0.01, 0.01, 0.02, 0.04, 0.05, 0.08])  # of ten seeds, in nats


def contrast(effect: float, smallest: float = 0.05, name: str = "warmup against none", noise: float = 1.0) -> Contrast:
    return Contrast(name, effect + noise * SPREAD, smallest)


def verdict_on(*contrasts: Contrast) -> Verdict:
    """The verdict on a claim among eleven others that show nothing."""
    nothing = {f"other {i}": [contrast(0.0, 0.01)] for i in range(11)}
    return judge({"claim": contrasts, **nothing})["claim"]


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        (contrast(0.2), "supported", "at least the 0.05 nats of interest (adjusted p = 0.023)"),
        (contrast(-0.2), "refuted", "the other way (adjusted p = 0.023)"),
        (contrast(0.0), "no difference", "less than the 0.05 nats of interest either way"),
        (contrast(0.03, noise=0.1), "no difference", "less than the 0.05"),  # there is an effect, and it is trivial
        (contrast(0.055), "inconclusive", "neither shown (adjusted p = 0.12) nor shown to be less than the 0.05 nats"),
        (contrast(0.2, 0.21), "inconclusive", "shown to be positive but short of the 0.21 nats"),
        (contrast(-0.2, 0.21), "inconclusive", "shown to be negative but short of the 0.21 nats"),
        (contrast(0.0, smallest=0.0), "inconclusive", "not shown after correction"),
        (replace(contrast(0.2), at_edge=True), "inconclusive", "lies at the edge of its grid"),
        (
            replace(contrast(0.0), at_ceiling=2),
            "inconclusive",
            "2 seeds with a run at its ceiling may hide a difference",
        ),
        (replace(contrast(0.2), at_ceiling=2), "supported", "adjusted p"),
        (replace(contrast(0.2), differences=np.array([0.2] * 8 + [math.nan] * 2)), "not tested", "lacks 2 of 10 seeds"),
        (replace(contrast(0.2), differences=np.full(9, 0.2)), "not tested", "has 9 seeds where 10 are required"),
        (Contrast("warmup against none", np.zeros(10), 0.05), "no difference", "+0 nats"),
    ],
)
def test_one_contrast(given: Contrast, verdict: str, reason: str) -> None:
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
        (0.3, 0.0, "no difference", SCALED),
        (0.3, -0.2, "refuted", SCALED),
        (-0.2, 0.0, "refuted", PLAIN),
        (0.3, 0.06, "inconclusive", SCALED),
        (0.04, 0.3, "inconclusive", PLAIN),
        (0.0, 0.0, "no difference", PLAIN),
    ],
)
def test_a_claim_holds_if_all_its_contrasts_do(plain: float, scaled: float, verdict: str, deciding: str | None) -> None:
    found = verdict_on(contrast(plain, name=PLAIN), contrast(scaled, name=SCALED, noise=0.95))
    assert found.verdict == verdict
    assert deciding in (None, found.deciding.contrast.name)
    assert [e.contrast.name for e in found.evidence] == [PLAIN, SCALED]


def test_a_missing_run_of_any_contrast_leaves_the_claim_untested() -> None:
    missing = Contrast(SCALED, np.array([*(SPREAD[:9] + 0.2), math.nan]), 0.05)
    found = verdict_on(contrast(0.2), missing)
    assert (found.verdict, found.deciding.contrast.name) == ("not tested", SCALED)
    assert found.reason == "against none at equal area lacks 1 of 10 seeds."
    assert math.isnan(found.deciding.effect)
    assert found.evidence[0].effect == pytest.approx(0.2)


def test_the_numbers_are_those_of_the_statistics() -> None:
    rng = np.random.default_rng(0)
    claims = {
        str(i): [Contrast(f"{i} {k}", rng.normal(0.5, 1, 10 + 2 * (i % 2)), 0.4) for k in range(1 + i % 3)]
        for i in range(9)
    }
    verdicts = judge(claims)
    assert list(verdicts) == list(claims)
    family, adjusted = [], []
    for claim, contrasts in claims.items():
        found = verdicts[claim]
        assert [e.contrast for e in found.evidence] == contrasts
        for e in found.evidence:
            d = e.contrast.differences
            assert e.effect == d.mean()
            assert e.interval == pytest.approx([float(limit) for limit in sign_flip_interval(d)])
            assert e.p_for == sign_flip_p(d, "greater")
            assert e.p_against == sign_flip_p(d, "less")
            assert e.p_equivalent == equivalence_p(d, 0.4)
        family += [max(e.p_for for e in found.evidence), *(e.p_against for e in found.evidence)]
        adjusted += [found.adjusted_p_for, *(e.adjusted_p_against for e in found.evidence)]
    assert adjusted == holm(family).tolist()


def test_an_untested_claim_keeps_its_place_in_the_family() -> None:
    rng = np.random.default_rng(1)
    claims = {str(i): [Contrast(str(i), rng.normal(1.0, 1, 10), 0.1)] for i in range(8)}
    gone = claims | {"3": [replace(claims["3"][0], differences=np.full(10, math.nan))]}
    before, after = judge(claims), judge(gone)
    assert after["3"].verdict == "not tested"
    for claim in set(claims) - {"3"}:
        assert after[claim].adjusted_p_for >= before[claim].adjusted_p_for
    alone = judge({claim: claims[claim] for claim in claims if claim != "3"})
    assert sum(v.adjusted_p_for for v in after.values()) > sum(v.adjusted_p_for for v in alone.values()) + 1


def test_swapping_the_arms_turns_support_into_refutation() -> None:
    opposite = {"supported": "refuted", "refuted": "supported"}
    one, other = arm("one", 5, seeds=10), arm("other", 5, seeds=10)
    there, back = at_best("x", one, other, smallest=0.7), at_best("x", other, one, smallest=0.7)
    rng = np.random.default_rng(2)
    seen = set()
    for effect in np.linspace(-2, 2, 41):
        loss = rng.normal(size=(2, 10, 5)) + 2.0 * (np.arange(5.0) - 2) ** 2
        evidence = MadeUp({"one": loss[0], "other": loss[1] + effect})
        found, swapped = (verdict_on(contrast_of(comparison, evidence)) for comparison in (there, back))
        assert swapped.verdict == opposite.get(found.verdict, found.verdict)
        low, high = found.evidence[0].interval
        assert swapped.evidence[0].interval == pytest.approx((-high, -low))
        seen.add(found.verdict)
    assert {"supported", "refuted", "inconclusive"} <= seen


def test_at_own_best_rates_the_rival_s_every_rate_must_be_beaten() -> None:
    """The other arm is as good at a rate that the choice on its other seeds missed."""
    differences = 0.2 + SPREAD
    rows = np.stack([differences, SPREAD])
    assert verdict_on(Contrast("x", differences, 0.05)).verdict == "supported"
    found = verdict_on(Contrast("x", differences, 0.05, lower=rows, upper=differences))
    assert found.verdict == "inconclusive"
    low, high = found.deciding.interval
    assert low == sign_flip_interval(SPREAD)[0]
    assert high == sign_flip_interval(differences)[1]
    assert found.deciding.p_for == sign_flip_p(SPREAD, "greater")


def test_equivalence_is_judged_by_the_interval_that_the_reason_states() -> None:
    found = verdict_on(contrast(0.0))
    low, high = found.deciding.contrast.interval(0.90)
    assert f"90 % interval {low:+.3g} to {high:+.3g}" in found.reason
    assert verdict_on(contrast(0.0, smallest=high - 1e-6)).verdict == "inconclusive"
    assert verdict_on(contrast(0.0, smallest=high + 1e-6)).verdict == "no difference"
    two = [contrast(0.0, high + 1e-6, name) for name in (PLAIN, SCALED)]
    assert verdict_on(*two).verdict == "inconclusive"  # either could have shown it: half the error for each


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="smallest effect"):
        contrast(0.1, smallest=-1)
    with pytest.raises(ValueError, match="smallest effect"):
        contrast(0.1, smallest=math.nan)
    with pytest.raises(ValueError, match="ceiling"):
        Contrast("x", np.array([math.inf]), 0.1)
    with pytest.raises(ValueError, match="52 tests in one family, and 10 seeds carry 51"):
        judge({str(i): [contrast(0.1)] for i in range(26)})
    assert 51 / 1024 <= ALPHA < 52 / 1024
    assert judge({}) == {}
