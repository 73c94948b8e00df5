"""Figures of the claims that follow a loss over the steps: time lost, late decay, noam."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.figures import style
from warmuplab.figures.claims.arms import COOLED, FALL, HIGH, LONG_NONE, LONG_TENTH, NOAM, NOAM_SCALED
from warmuplab.figures.claims.measures import TIME, TIMED_AT
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import (
    DASHED,
    DOTTED,
    INTERVAL,
    LOOKS,
    WIDTH,
    Look,
    add_small_print,
    dashed_line,
    draw_band,
    draw_seeds,
    entropy_of,
    on_steps,
    steps_of,
    warmup_of,
)

LOSS = "loss [nats/token]"
HELD_OUT = "held-out loss [nats/token]"

TIMED = (
    (LONG_NONE.at(8e-3), LOOKS["no warmup"]),
    (LONG_TENTH.at(8e-3), LOOKS["10 % warmup"]),
    (LONG_NONE.at(4e-3), Look(style.GREEN, DASHED)),
    (LONG_NONE.at(2e-3), Look(style.PURPLE, DOTTED)),
)
LATE = ((FALL, Look(style.BLUE)), (COOLED, Look(style.GREEN, DASHED)), (HIGH, Look(style.VERMILION)))
TRAINING: dict[str, Any] = {"color": style.BLUE, "marker": "s", "markersize": 4, "linestyle": "", "alpha": 0.7}
HELD: dict[str, Any] = TRAINING | {"color": style.VERMILION, "marker": "o"}


def draw_lost_time(evidence: Evidence) -> Figure | None:
    """Held-out loss of runs that start at a large and at a small rate, with the steps to the level of the claim."""
    shown = [(arm, look, evidence.series(arm, "probe/loss")) for arm, look in TIMED]
    shown = [(arm, look, series) for arm, look, series in shown if len(series)]
    if not shown:
        return None
    arms = [arm for arm, _, _ in shown]
    entropy = entropy_of(evidence, arms)
    figure, panel = plt.subplots(figsize=(WIDTH, 4.0), layout="constrained")
    handles = []
    end = max(float(series["step"].max()) + 1 for _, _, series in shown)
    for place, (arm, look, series) in enumerate(shown):
        steps = steps_of(series)
        values = on_steps(series, steps)
        draw_seeds(panel, steps, values, look)
        draw_band(panel, steps, values, look)
        table = evidence.table(arm, TIME)
        times, late = table.values[:, 0], table.at_ceiling[:, 0]
        there = ~np.isnan(times)
        height = np.full(len(times), 0.04 + 0.045 * (len(shown) - 1 - place))  # a row per arm, under the curves
        for kept, marker in ((there & ~late, "|"), (there & late, ">")):
            if kept.any():  # empty, it would count as a point at the corner of the figure
                panel.plot(
                    times[kept],
                    height[kept],
                    marker,
                    color=look.colour,
                    markersize=7,
                    transform=panel.get_xaxis_transform(),
                    clip_on=False,
                )
        never = f", {int(late.sum())} of {int(there.sum())} never" if late.any() else ""
        mean = f": {np.mean(times[there]):.0f} steps{never}" if there.any() else ""
        handles.append(look.handle(f"{warmup_of(arm)}, {rate_label(arm.rates[0])}{mean}"))
    dashed_line(panel, entropy - TIMED_AT)
    panel.annotate("level", (0, entropy - TIMED_AT), (4, -10), textcoords="offset points", fontsize=8, color="dimgrey")
    panel.set_xlim(0, end)
    losses = np.concatenate([series["value"].to_numpy() for _, _, series in shown])
    panel.set_ylim(np.nanmin(losses) - 0.6, min(np.nanmax(losses), entropy + 1.5))
    panel.set_xlabel("step")
    panel.set_ylabel(HELD_OUT)
    add_head(figure, "Time lost by a large rate from the start, post-LN, 800 steps", handles, 2)
    note = (
        f"Legend: mean steps to the level, {TIMED_AT:g} nats below the unigram entropy ({entropy:.2f}); a run that"
        " never gets there counts as its length (triangle). Ticks below: every seed. Thin: every seed; bold:"
        " mean."
    )
    add_small_print(figure, evidence, arms, f"{note} {INTERVAL}")
    return figure


def draw_late_decay(evidence: Evidence) -> Figure | None:
    """Held-out loss over the second half of runs that fall early, late or never, above their learning rates."""
    shown = [(arm, look, evidence.series(arm, "probe/loss")) for arm, look in LATE]
    shown = [(arm, look, series) for arm, look, series in shown if len(series)]
    if not shown:
        return None
    arms = [arm for arm, _, _ in shown]
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.4), sharex=True, height_ratios=(3, 1), layout="constrained")
    end = max(float(series["step"].max()) + 1 for _, _, series in shown)
    for arm, look, series in shown:
        steps = steps_of(series[series["step"] >= end / 2])
        values = on_steps(series, steps)
        draw_seeds(axes[0], steps, values, look)
        draw_band(axes[0], steps, values, look)
        rates = _rates(evidence, arm)
        if rates is not None:
            axes[1].plot(*rates, color=look.colour, linestyle=look.line)
            branch = fall_begins(*rates)
            for panel in axes if branch is not None else ():
                panel.axvline(branch, color=look.colour, linewidth=0.9, linestyle=DOTTED, zorder=1)
    axes[1].set_xlim(end / 2, end)
    axes[1].set_ylim(bottom=0)
    axes[0].set_ylabel(HELD_OUT)
    axes[1].set_ylabel("learning rate")
    axes[1].ticklabel_format(axis="y", scilimits=(0, 0))
    axes[1].set_xlabel("step")
    rate = rate_label(arms[0].rates[0])
    add_head(
        figure,
        f"Letting the rate fall, or not: post-LN, peak lr {rate}",
        [look.handle(arm.name) for arm, look, _ in shown],
    )
    note = "All arms share their steps up to the dotted line where their rate begins to fall. Thin: every seed."
    add_small_print(figure, evidence, arms, f"{note} {INTERVAL}")
    return figure


def fall_begins(steps: Floats, rates: Floats) -> float | None:
    """The last step at the largest of `rates`; None where that is the end."""
    last = float(steps[np.flatnonzero(rates >= (1 - 1e-6) * rates.max())[-1]])
    return None if last >= steps[-1] else last


def _rates(evidence: Evidence, arm: Arm) -> tuple[Floats, Floats] | None:
    """The learning rate over the steps, which all seeds of an arm share."""
    series = evidence.series(arm, "lr")
    if series.empty:
        return None
    one = series[series["run_id"] == series["run_id"].iloc[0]].sort_values("step")
    return one["step"].to_numpy(dtype=np.float64), one["value"].to_numpy(dtype=np.float64)


def draw_noam(evidence: Evidence) -> Figure | None:
    """Training loss under the transformer's rule, as published and scaled to a run, above its learning rate."""
    shown = [(arm, evidence.series(arm, "train/loss")) for arm in (NOAM, NOAM_SCALED)]
    shown = [(arm, series) for arm, series in shown if len(series)]
    if not shown:
        return None
    arms = [arm for arm, _ in shown]
    entropy = entropy_of(evidence, arms)
    figure, axes = plt.subplots(
        2,
        len(shown),
        figsize=(WIDTH if len(shown) > 1 else 4.8, 4.2),
        sharex="col",
        sharey="row",
        height_ratios=(3, 1),
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[union-attr, call-arg]  # else the ends of their axes touch
    for column, (arm, series) in enumerate(shown):
        above, below = axes[:, column]
        kept = series.groupby("run_id", observed=True).size().min()
        steps, low, high = extremes(series, max(2, min(25, kept // 2 - 1)))  # a low and a high of every seed in each
        above.fill_between(steps, low, high, color=style.SKY, alpha=0.55, linewidth=0, zorder=2)
        final = evidence.runs(arm)[["train/loss", "val/loss"]].to_numpy(dtype=np.float64)
        end = float(series["step"].max()) + 1
        for place, values, look in zip((0.975, 1), final.T, (TRAINING, HELD), strict=True):
            above.plot(np.full(len(final), place * end), values, **look, clip_on=False, zorder=4)
        dashed_line(above, entropy)
        rates = _rates(evidence, arm)
        if rates is not None:
            below.plot(*rates, color=style.BLACK, linewidth=1.2)
        above.set_title(arm.name, fontsize=9, fontweight="normal")
        below.set_xlabel("step")
        below.set_xlim(0, end)
    axes[0, 0].set_ylabel(LOSS)
    axes[1, 0].set_ylabel("learning rate")
    axes[1, 0].set_ylim(bottom=0)
    axes[1, 0].ticklabel_format(axis="y", scilimits=(0, 0))
    handles = [
        Patch(color=style.SKY, alpha=0.55, label="batches, all seeds"),
        Line2D([], [], **TRAINING, label="end of training"),
        Line2D([], [], **HELD, label="final held-out loss"),
        Line2D([], [], color="grey", linewidth=0.9, linestyle=DASHED, label="unigram entropy"),
    ]
    add_head(figure, "The transformer's rule (noam), post-LN, nothing tuned", handles)
    note = (
        "Shaded: from the smallest to the largest loss of any training batch of any seed, stretch by stretch."
        " Markers: every seed's mean training loss over the last 5 % of the steps, and its held-out loss."
    )
    add_small_print(figure, evidence, arms, note)
    return figure


def extremes(series: pd.DataFrame, windows: int) -> tuple[Floats, Floats, Floats]:
    """Middle of so many equal stretches of the steps, the smallest and the largest value of all seeds in each.

    Thinning keeps extremes, so these are exact; a mean of what it keeps of a noisy loss would not be.
    """
    length = int(series["step"].max()) + 1
    stretch = (series["step"] * windows // length).rename("stretch")
    found = series.groupby(stretch)["value"].agg(["min", "max"])
    middle = (found.index.to_numpy(dtype=np.float64) + 0.5) * length / windows
    return middle, found["min"].to_numpy(dtype=np.float64), found["max"].to_numpy(dtype=np.float64)
