"""All choices of the pilot, in the order in which they depend on each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.pilot.levels import BY, common_level, first_level, run_length
from warmuplab.claims.pilot.needs import Need, needs
from warmuplab.claims.pilot.rates import CLOSE, STEP, Choice, at_or_below, best_rate, fixed_rate, largest_trained
from warmuplab.claims.planned import early
from warmuplab.claims.planned.chosen import LADDER_RATES, Chosen
from warmuplab.claims.planned.early import three_arms
from warmuplab.claims.planned.grids import WIDTHS, rate_arms
from warmuplab.claims.planned.length import SHARES, TENTH_RATES, length_arms
from warmuplab.claims.planned.place import PILOT, POST, PRE, QUICK, WARM
from warmuplab.claims.planned.plan import plan
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import FINAL_LOSS, TRAINED
from warmuplab.series.levels import LEVELS, name_of

BEST = {
    "post-LN, no warmup": "best",
    "post-LN, 10 % warmup": "best_warm",
    "pre-LN, no warmup": "pre_best",
    "pre-LN, 10 % warmup": "pre_best_warm",
    "sgd, no warmup": "sgd_best",
    "sgd, 10 % warmup": "sgd_best_warm",
    **{f"width {width}, no warmup": f"best_{width}" for width in WIDTHS},
    **{f"width {width}, 10 % warmup": f"best_{width}_warm" for width in WIDTHS},
}
"""Which of the `Chosen` each arm's best rate becomes."""
ROOM = 0.8  # of the steps that are measured: other seeds may get to a level later
A_LARGE_RATE = 3  # times the best of pre-LN
FIXED = {
    "post-LN, no warmup": "fixed",
    "pre-LN, no warmup": "pre_fixed",
}
FIRST = ("level_quick",)  # where the lowest level is asked for


@dataclass(frozen=True)
class PilotChoices:
    """What the pilot chose, and what the claims built on it need."""

    choices: tuple[Choice, ...]
    chosen: Chosen
    needs: tuple[Need, ...]


def choose(evidence: Evidence) -> PilotChoices:
    """Every choice of the pilot from its runs. What lacks runs is refused, and contrasts keep the default there."""
    found: list[Choice] = []
    values: dict[str, Any] = {}
    for of, arm in rate_arms(PILOT).items():
        trained, loss = evidence.table(arm, TRAINED).values, evidence.table(arm, FINAL_LOSS).values
        best = best_rate(of, arm.rates, loss, trained)
        largest, fixed = largest_trained(of, arm.rates, trained), fixed_rate(of, arm.rates, trained)
        found += [largest, fixed, best]
        if of in BEST and best.value is not None:
            values[BEST[of]] = best.value
        if of in FIXED and fixed.value is not None and largest.value is not None:
            values[FIXED[of]] = fixed.value
            values |= {"largest": largest.value} if FIXED[of] == "fixed" else {}
    at = _with_doubles(replace(Chosen(), **values))
    found += [
        large_rate("post-LN", at.best, at.twice_best, 2),
        large_rate("pre-LN", at.pre_best, at.pre_twice, 2),
        large_rate("pre-LN", at.pre_best, at.pre_large, A_LARGE_RATE),
        ladder_rates(at.fixed, at.largest),
    ]
    at, of_ladders = _with_rivals(at, evidence)
    at, of_levels = _with_levels(at, evidence)
    found += [*of_ladders, *of_levels]
    return PilotChoices(tuple(found), at, tuple(needs(plan(at), evidence)))


def large_rate(of: str, best: float, large: float, times: float) -> Choice:
    """The rate of the grid at or below so many times the best one without warmup; refused where the grid ends first."""
    said = f"{of}: {rate_label(large)}, at most {times:g} times the best rate without warmup, {rate_label(best)}."
    refused = "" if large > times / STEP / CLOSE * best else f"the grid ends below {times:g} times that rate"
    return Choice("large rate", of, large, "", said, refused)


def ladder_rates(fixed: float, largest: float) -> Choice:
    """Whether ladders were trained at or below the fixed rate, and above it where every seed trains all the same."""
    low, high = LADDER_RATES
    of, name = "ladders, layers and decays", "rate of the ladders"
    said = (
        f"{of}: {rate_label(low)} and {rate_label(high)}; of post-LN without warmup the fixed rate is"
        f" {rate_label(fixed)}, and the largest at which all seeds train {rate_label(largest)}."
    )
    refused = [
        f"{rate_label(low)} is above the fixed rate" if low > CLOSE * fixed else "",
        f"at {rate_label(high)} not all seeds train" if high > CLOSE * largest else "",
    ]
    return Choice(name, of, high, "", said, "; ".join(filter(None, refused)))


def _with_doubles(at: Chosen) -> Chosen:
    """Twice the best rates, on the grids of both arms."""
    grids = rate_arms(PILOT)
    both = [rate for rate in grids["post-LN, no warmup"].rates if rate in grids["post-LN, 10 % warmup"].rates]
    return replace(
        at,
        best=max(at.best, both[0]),
        twice_best=at_or_below(both, 2 * at.best),
        pre_twice=at_or_below(grids["pre-LN, no warmup"].rates, 2 * at.pre_best),
        pre_large=at_or_below(grids["pre-LN, no warmup"].rates, A_LARGE_RATE * at.pre_best),
    )


def _with_rivals(at: Chosen, evidence: Evidence) -> tuple[Chosen, list[Choice]]:
    """The best share of warmup but for 10 %, at each length of the run, and the length itself."""
    rivals = dict(at.rival)
    found, unwarmed = [], {}
    for steps in SHARES:
        rate = TENTH_RATES[steps]
        arms = length_arms(PILOT, steps, rate)
        losses = {share: _final(evidence, arm) for share, arm in arms.items()}
        found.append(rival(steps, losses, rate))
        if found[-1].value is not None:
            rivals[steps] = found[-1].value
        if steps in (200, 800):
            unwarmed[steps] = _final(evidence, length_arms(PILOT, steps, LADDER_RATES[0])[0.0])
    runs = evidence.runs(length_arms(PILOT, 800, LADDER_RATES[0])[0.0])
    entropy = float(runs["unigram_entropy"].max()) if len(runs) else np.nan
    found.append(run_length(f"post-LN without warmup at {rate_label(LADDER_RATES[0])}", unwarmed, entropy))
    return replace(at, rival=tuple(rivals.items())), found


def rival(steps: int, loss_of: dict[float, Floats], rate: float) -> Choice:
    """The share of warmup, but for 10 %, with the lowest mean final loss over seeds."""
    name, of = "best share but 10 %", f"{steps:,} steps at {rate_label(rate)}"
    if any(np.isnan(loss_S).any() for loss_S in loss_of.values()):
        return Choice(name, of, None, "", f"{of}: no best share, runs are missing.", "runs are missing")
    means = {share: float(loss_S.mean()) for share, loss_S in loss_of.items()}
    best = min((share for share in means if share != 0.1), key=lambda share: means[share])
    told = ", ".join(f"{mean:.3f} at {100 * share:g} %" for share, mean in means.items())
    at_end = ", and is the longest of the ladder: more may be better still" if best == max(means) else ""
    said = f"{of}: {100 * best:g} % has the lowest mean final loss but for 10 % ({told} of warmup){at_end}."
    return Choice(name, of, best, "", said)


def _with_levels(at: Chosen, evidence: Evidence) -> tuple[Chosen, list[Choice]]:
    late = [PILOT.arm("late", POST, WARM, rates=(at.twice_best,))]  # without warmup many never get anywhere
    compared: dict[str, tuple[str, Sequence[Arm], int, float]] = {
        "level": (
            "post-LN, early",
            three_arms(PILOT, POST | early.PROBED, early.POST_RATE, early.WINDOW),
            400,
            ROOM * early.MEASURED,
        ),
        "level_pre": (
            "pre-LN, early",
            three_arms(PILOT, PRE | early.PROBED, early.PRE_RATE, early.WINDOW),
            400,
            ROOM * early.MEASURED,
        ),
        "level_quick": (
            "network of quick",
            three_arms(PILOT, QUICK, early.QUICK_RATE, early.QUICK_WINDOW),
            200,
            ROOM * early.QUICK_MEASURED,
        ),
        "level_late": (f"post-LN with warmup at {rate_label(at.twice_best)}", late, 800, BY),
    }
    found = {
        name: (first_level if name in FIRST else common_level)(of, _steps_to(evidence, arms), steps, by)
        for name, (of, arms, steps, by) in compared.items()
    }
    values: dict[str, Any] = {name: choice.value for name, choice in found.items() if choice.value is not None}
    return replace(at, **values), list(found.values())


def _steps_to(evidence: Evidence, arms: Sequence[Arm]) -> dict[float, Floats]:
    measures = {
        level: Measure(f"probe/steps_to_{name_of(level)}", "steps", "steps", "more", "steps") for level in LEVELS
    }
    return {
        level: np.concatenate([evidence.table(arm, measure).values[:, 0] for arm in arms])
        for level, measure in measures.items()
    }


def _final(evidence: Evidence, arm: Arm) -> Floats:
    return evidence.table(arm, FINAL_LOSS).values[:, 0]
