"""Figures of the pilot: final loss over the rate with the cliff marked, and the ladder of warmups by run length."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.pilot.rates import largest_trained
from warmuplab.claims.planned.grids import rate_arms
from warmuplab.claims.planned.length import RATES, SHARES, length_arms
from warmuplab.claims.planned.place import PILOT, STUDY
from warmuplab.claims.terms import FINAL_LOSS, TRAINED
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import DOTTED, WIDTH, Look, add_small_print, dashed_line, entropy_of, rate_axis
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

LOOKS = {"no warmup": Look(style.BLUE), "10 % warmup": Look(style.VERMILION, marker="s")}
NETWORKS = ("post-LN", "pre-LN", "width 16", "width 64")
LENGTH_LOOKS = dict(zip(SHARES, (style.BLUE, style.VERMILION, style.GREEN), strict=True))
SEEDS_SHOWN = "Points: seeds; lines: their means. A run that is stuck counts at the unigram entropy (dashed)."


def draw_rates(study: Study, _: Arms) -> Figure | None:
    """Final loss over the peak rate; None for a study that is no pilot, or has no such run."""
    evidence = Evidence({STUDY: study})
    arms = rate_arms(PILOT)
    if study.name != STUDY or not any(len(evidence.runs(arms[f"{name}, no warmup"])) for name in NETWORKS):
        return None
    figure, panels = plt.subplots(2, 2, figsize=(WIDTH, 5.2), sharey=True, layout="constrained")
    for panel, name in zip(panels.flat, NETWORKS, strict=True):
        rates: set[float] = set()
        for told, look in LOOKS.items():
            arm = arms[f"{name}, {told}"]
            rates |= set(arm.rates)
            _over_rates(panel, evidence, arm, look)
        panel.set_title(name, fontsize=9)
        rate_axis(panel, sorted(rates)[:: 2 if len(rates) > 5 else 1])
        dashed_line(panel, entropy_of(evidence, arms.values()))
    for panel in panels[:, 0]:
        panel.set_ylabel("final held-out loss (nats)")
    for panel in panels[-1]:
        panel.set_xlabel("peak learning rate")
    add_head(figure, "Final loss over the peak rate", [look.handle(told) for told, look in LOOKS.items()])
    add_small_print(figure, evidence, arms.values(), f"{SEEDS_SHOWN} Dotted: the largest rate at which all train.")
    return figure


def draw_ladder(study: Study, _: Arms) -> Figure | None:
    """Final loss over the length of the warmup in steps, by run length; None for a study without such runs."""
    evidence = Evidence({STUDY: study})
    ladders = [(rate, steps, length_arms(PILOT, steps, rate)) for steps, rates in RATES.items() for rate in rates]
    every = [arm for _, _, arms in ladders for arm in arms.values()]
    if study.name != STUDY or not any(len(evidence.runs(arm)) for arm in every):
        return None
    rates = sorted({rate for rate, _, _ in ladders})
    figure, panels = plt.subplots(1, len(rates), figsize=(WIDTH, 3.4), sharey=True, layout="constrained")
    for panel, rate in zip(panels, rates, strict=True):
        for at, steps, arms in ladders:
            if at == rate:
                _over_steps(panel, evidence, steps, list(arms.items()))
        panel.set_title(f"peak rate {rate_label(rate)}", fontsize=9)
        panel.set_xlabel("steps of warmup")
        panel.set_xscale("symlog", linthresh=2)
        panel.xaxis.set_major_locator(FixedLocator([0, 2, 8, 24, 80, 320, 960]))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        dashed_line(panel, entropy_of(evidence, every))
    panels[0].set_ylabel("final held-out loss (nats)")
    handles = [Look(colour).handle(f"{steps:,} steps") for steps, colour in LENGTH_LOOKS.items()]
    add_head(figure, "Final loss over the length of the warmup", handles)
    add_small_print(figure, evidence, every, SEEDS_SHOWN)
    return figure


def _over_rates(panel: Axes, evidence: Evidence, arm: Arm, look: Look) -> None:
    loss_SxR = evidence.table(arm, FINAL_LOSS).values
    _seeds_and_mean(panel, arm.rates, loss_SxR.T, look)
    cliff = largest_trained("", arm.rates, evidence.table(arm, TRAINED).values).value
    if cliff is not None:
        panel.axvline(cliff, color=look.colour, linewidth=1.2, linestyle=DOTTED)


def _over_steps(panel: Axes, evidence: Evidence, steps: int, arms: Sequence[tuple[float, Arm]]) -> None:
    losses = np.stack([evidence.table(arm, FINAL_LOSS).values[:, 0] for _, arm in arms])
    _seeds_and_mean(panel, [share * steps for share, _ in arms], losses, Look(LENGTH_LOOKS[steps]))


def _seeds_and_mean(panel: Axes, places: Sequence[float], losses_PxS: np.ndarray, look: Look) -> None:
    """Points of the seeds [place, seed], and a line through the means of those places that have all of them."""
    for place, losses_S in zip(places, losses_PxS, strict=True):
        panel.plot(
            np.full(len(losses_S), place), losses_S, linestyle="", marker=look.marker, markersize=3, alpha=0.5,
            color=look.colour,
        )  # fmt: skip
    panel.plot(places, losses_PxS.mean(axis=1), color=look.colour, linestyle=look.line)
