"""The forest plot of a registry: the effect of every claim in units of the smallest effect of interest."""

import math
from collections.abc import Sequence
from itertools import groupby

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from warmuplab.claims.claim import Comparison
from warmuplab.claims.judge import Judged
from warmuplab.claims.parts import Part
from warmuplab.claims.planned.settings import SETTINGS
from warmuplab.figures import style
from warmuplab.figures.heads import add_foot, add_head
from warmuplab.figures.parts import WIDTH

COLOURS = {
    "supported": style.GREEN,
    "supported in part": style.SKY,
    "refuted": style.VERMILION,
    "no difference": style.BLACK,
    "inconclusive": style.ORANGE,
    "not tested": "#bbbbbb",
}
MARKS = dict(zip(SETTINGS, ("v", "^", "s", "P"), strict=True))
TOPICS = {
    "confirm_rates": "Loss and jumps over peak rates",
    "confirm_decays": "How the rate falls at the end",
    "confirm_early": "What happens in the first steps",
    "confirm_overfitting": "Overfitting to the first batches",
    "confirm_layers": "Warmup of one part alone",
    "confirm_length": "How long a warmup",
    "confirm_optimizers": "Other optimizers instead",
    "confirm_width": "A wider network",
    "confirm_jitter": "Finding the peak rate",
}
"""What the claims of a study are about, the heading of its rows; of other studies their name."""
ROW, HEADING, GAP = 0.205, 1.0, 0.2  # inches of a claim; rows of a heading, and between two groups
END = 30.0  # of the axis: what lies beyond is drawn there
TICKS = (-10, -3, -1, 0, 1, 3, 10)
SMALL, BAND = "#e8e0c8", "less than the smallest effect of interest"


def in_units(comparison: Comparison, value: float) -> float:
    """A value of a comparison in units of its smallest effect of interest, or of its margin; 0 is no difference."""
    return value / (abs(comparison.margin) or comparison.smallest_effect)


def draw_forest(judged: Sequence[Judged]) -> Figure | None:
    """A row per claim, by study under its topic: all its parts with 95 % intervals, and a mark per other setting.

    The deciding part is bold. None where nothing has been tested.
    """
    if all(math.isnan(one.verdict.deciding.effect) for one in judged):
        return None
    rows, headings, place = [], [], 0.0
    for study, claims in groupby(judged, key=lambda one: one.claim.study):
        headings.append((place, TOPICS.get(study, study)))
        place += HEADING
        for one in claims:
            rows.append((place, one))
            place += 1
        place += GAP
    figure, panel = plt.subplots(figsize=(WIDTH, 1.5 + ROW * place), layout="constrained")
    for place, one in rows:
        _draw_claim(panel, place, one)
    _draw_axes(panel, rows)
    _draw_headings(figure, panel, headings)
    _add_legend(figure, judged)
    note = (
        "Effects in units of the smallest effect of interest, fixed beforehand; 0 is no difference. Right of 0, or of"
        " the dotted line, supports the claim: there it is that an arm is worse by less than a margin. A claim with"
        " several parts needs them all; the large mark is the part that decided. Grey marks: other settings, described"
        " and not tested. Bars: 95 % intervals, exact sign-flip test. Supported: above 0, which may still be within the"
        " band. Inconclusive inside the band: runs at their ceiling hide differences. Linear between -1 and 1,"
        f" logarithmic beyond; beyond {END:g} drawn there."
    )
    add_foot(figure, note)
    return figure


def _draw_claim(panel: Axes, place: float, one: Judged) -> None:
    colour = COLOURS[one.verdict.verdict]
    comparisons = one.claim.contrasts
    if any(comparison.smallest_effect for comparison in comparisons):
        panel.fill_between([-1, 1], place - 0.5, place + 0.5, color=SMALL, linewidth=0, zorder=0.5)
    for margin in {math.copysign(1, comparison.margin) for comparison in comparisons if comparison.margin}:
        panel.plot([margin] * 2, [place - 0.45, place + 0.45], color="black", linewidth=1.1, linestyle=":", zorder=2)
    deciding = one.verdict.deciding.contrast.name
    for comparison, part in zip(comparisons, one.verdict.parts, strict=True):
        if not math.isnan(part.effect):
            _draw_part(panel, place, comparison, part, colour, bold=comparison.name == deciding)
    for aside in one.asides:
        mark = MARKS.get(aside.comparison.short)
        if mark and not math.isnan(aside.effect):
            at = _within(in_units(aside.comparison, aside.effect))
            panel.plot(at, place + 0.27, mark, color="#555555", markersize=3.6, markeredgewidth=0, zorder=6)
    panel.text(1.015, place, one.verdict.verdict, color=colour if colour != style.SKY else style.BLUE, fontsize=7.5,
               va="center", transform=panel.get_yaxis_transform())  # fmt: skip


def _draw_part(panel: Axes, place: float, comparison: Comparison, part: Part, colour: str, bold: bool) -> None:
    low, high = (_within(in_units(comparison, limit)) for limit in part.interval)
    shown = _within(in_units(comparison, part.effect))
    order = 5 if bold else 3
    panel.plot([low, high], [place - 0.08] * 2, color=colour, linewidth=1.8 if bold else 0.9,
               alpha=1 if bold else 0.55, solid_capstyle="butt", zorder=order)  # fmt: skip
    panel.plot(shown, place - 0.08, "D", color=colour, markersize=5 if bold else 3.4, markeredgewidth=0.6,
               markeredgecolor="white", alpha=1 if bold else 0.7, zorder=order)  # fmt: skip


def _draw_headings(figure: Figure, panel: Axes, headings: Sequence[tuple[float, str]]) -> None:
    """Each from the left edge of the figure, on a white stripe that parts the groups."""
    across = blended_transform_factory(figure.transFigure, panel.transData)
    for place, topic in headings:
        panel.axhspan(place - 0.5, place + 0.5, color="white", linewidth=0, zorder=2.5)
        heading = panel.text(0.01, place + 0.08, topic, fontsize=8, fontweight="bold", va="center", transform=across)
        heading.set_in_layout(False)  # the column of titles is wide enough


def _draw_axes(panel: Axes, rows: Sequence[tuple[float, Judged]]) -> None:
    places = [place for place, _ in rows]
    panel.set_yticks(places, [one.claim.title or one.claim.id for _, one in rows], fontsize=7.5)
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(places[-1] + 0.6, -0.5)
    panel.set_xscale("symlog", linthresh=1, linscale=0.8)
    panel.set_xlim(-END, END)
    panel.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS], fontsize=8)
    panel.minorticks_off()
    panel.axvline(0, color="black", linewidth=0.8, zorder=1)
    panel.grid(axis="y", visible=False)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("← against the claim      effect [smallest effects of interest]      for the claim →", fontsize=8)


def _add_legend(figure: Figure, judged: Sequence[Judged]) -> None:
    there = {aside.comparison.short for one in judged for aside in one.asides if not math.isnan(aside.effect)}
    handles: list[Line2D | Patch] = [
        Patch(color=SMALL, label=BAND),
        Line2D([], [], color="black", linewidth=1.1, linestyle=":", label="margin that is tested"),
    ]
    handles += [
        Line2D([], [], linestyle="", marker=mark, color="#555555", markersize=4.5, label=setting)
        for setting, mark in MARKS.items()
        if setting in there
    ]
    add_head(figure, "What the registered claims came to", handles, max(2, -(-len(handles) // 2)))


def _within(value: float) -> float:
    return min(max(value, -END), END)
