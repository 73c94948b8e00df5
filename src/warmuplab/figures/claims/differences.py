"""The fallback figure of a claim: the difference of every seed, contrast by contrast."""

import textwrap
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.claims.statistics import Floats
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import WIDTH, add_small_print

TESTED, DESCRIBED = style.BLUE, "#666666"
ROW = 0.52  # inches


@dataclass(frozen=True)
class Row:
    """A contrast as a row of the figure."""

    name: str
    unit: str
    differences: Floats
    effect: float
    interval: tuple[float, float]
    smallest: float
    colour: str
    arms: tuple[Arm, ...]
    margin: float


def rows_of(judged: Judged) -> list[Row]:
    """The contrasts of a claim, tested ones first, that have a difference of any seed."""
    rows = [
        Row(
            c.name,
            c.unit,
            shown.contrast.differences,
            shown.effect,
            shown.interval,
            c.smallest_effect,
            TESTED,
            c.arms,
            c.margin,
        )
        for c, shown in zip(judged.claim.contrasts, judged.verdict.parts, strict=True)
    ]
    rows += [
        Row(c.name, c.unit, one.differences, one.effect, one.interval, c.smallest_effect, DESCRIBED, c.arms, c.margin)
        for one in judged.asides
        for c in (one.comparison,)
    ]
    return [row for row in rows if not np.isnan(row.differences).all()]


def draw_differences(judged: Judged, evidence: Evidence) -> Figure | None:
    """Every seed's difference as a dot, the mean with its interval, the smallest effect of interest shaded.

    A panel per unit; None without a single difference.
    """
    rows = rows_of(judged)
    if not rows:
        return None
    units = list(dict.fromkeys(row.unit for row in rows))
    counts = [sum(row.unit == unit for row in rows) for unit in units]
    figure, axes = plt.subplots(
        len(units),
        1,
        figsize=(WIDTH, 1.1 + ROW * len(rows) + 0.55 * len(units)),
        height_ratios=counts,
        squeeze=False,
        layout="constrained",
    )
    for panel, unit in zip(axes[:, 0], units, strict=True):
        _draw_rows(panel, [row for row in rows if row.unit == unit], unit)
    handles = [
        Line2D([], [], color=TESTED, marker="D", markersize=5, label="tested"),
        Line2D([], [], color=DESCRIBED, marker="D", markersize=5, label="described"),
        Patch(color="#e8e0c8", label="less than the smallest effect of interest"),
    ]
    shown = {row.colour for row in rows}
    handles = [
        handle
        for handle, colour in zip(handles, (TESTED, DESCRIBED, None), strict=True)
        if colour is None or colour in shown
    ]
    add_head(figure, judged.claim.statement, handles)
    note = (
        "Right of 0, or of the dotted margin, supports the claim. Dots: every seed; bars: mean with 95 % interval"
        " (exact sign-flip test)."
    )
    add_small_print(figure, evidence, [arm for row in rows for arm in row.arms], note)
    return figure


def _draw_rows(panel: Axes, rows: list[Row], unit: str) -> None:
    for place, row in enumerate(rows):
        if row.smallest > 0:
            panel.fill_between(
                [-row.smallest, row.smallest], place - 0.42, place + 0.42, color="#e8e0c8", linewidth=0, zorder=1
            )
        if row.margin:
            panel.plot([row.margin] * 2, [place - 0.42, place + 0.42], color="black", linewidth=1, linestyle=":")
        seeds = row.differences[~np.isnan(row.differences)]
        spread = 0.12 * np.linspace(-1, 1, len(seeds))
        panel.plot(
            seeds, place + 0.14 + spread, "o", color=row.colour, markersize=3.5, alpha=0.55, markeredgewidth=0, zorder=3
        )
        low, high = row.interval
        if np.isfinite([low, high]).all():
            panel.plot([low, high], [place - 0.18] * 2, color=row.colour, linewidth=2, solid_capstyle="butt", zorder=4)
        panel.plot(seeds.mean(), place - 0.18, "D", color=row.colour, markersize=6, markeredgecolor="white", zorder=5)
    panel.axvline(0, color="black", linewidth=0.8, zorder=2)
    panel.set_yticks(
        range(len(rows)), ["\n".join(textwrap.wrap(row.name, 40, break_on_hyphens=False)) for row in rows], fontsize=8
    )
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    panel.set_xlabel(f"difference [{unit}]")
