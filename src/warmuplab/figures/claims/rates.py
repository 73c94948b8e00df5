"""Figures of the claims over warmup fractions and peak rates: the response to warmup, sensitivity, jitter."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import FINAL_LOSS, AtReadRate
from warmuplab.figures import style
from warmuplab.figures.claims.arms import (
    AT_LONG,
    AT_SHORT,
    FRACTIONS,
    LONG,
    MARGIN,
    NETWORKS,
    NONE,
    PRE_NONE,
    PRE_TENTH,
    RAMPS,
    SHORT,
    TENTH,
)
from warmuplab.figures.claims.losses import AtBest, at_best
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
    draw_bars,
    entropy_of,
    mean_and_interval,
    rate_axis,
    warmup_of,
)

RESPONSES = (
    (SHORT, AT_SHORT, Look(style.BLUE)),
    (LONG, AT_LONG, Look(style.VERMILION, DASHED, "s")),
)
HALF = Look(style.PURPLE, DOTTED, "D")
SENSITIVE = (
    ("post-LN", ((NONE, LOOKS["no warmup"]), (TENTH, LOOKS["10 % warmup"]), (AT_SHORT[-1], HALF))),
    ("pre-LN", ((PRE_NONE, LOOKS["no warmup"]), (PRE_TENTH, LOOKS["10 % warmup"]))),
)
NETWORK_LOOKS = (
    Look(style.BLUE),
    Look(style.VERMILION, marker="s"),
    Look(style.GREEN, marker="^"),
    Look(style.PURPLE, marker="D"),
)


def draw_warmup_response(evidence: Evidence) -> Figure | None:
    """Final loss at the best rate over the length of the warmup, as a fraction and in steps; None without runs."""
    curves = []
    for steps, arms, look in RESPONSES:
        found = [(f, arm, best) for f, arm in zip(FRACTIONS, arms, strict=True) if (best := at_best(evidence, arm))]
        if found:
            curves.append((steps, look, found))
    if not curves:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.7), sharey=True, layout="constrained")
    handles = []
    for steps, look, found in curves:
        fractions = np.array([fraction for fraction, _, _ in found])
        lowest = min(found, key=lambda one: one[2].mean)
        above = _columns([best.values - lowest[2].mean for _, _, best in found])
        for panel, x in zip(axes, (100 * fractions, steps * fractions), strict=True):
            draw_band(panel, x, above, look, markers=True)
        handles.append(
            look.handle(f"{steps} steps, best {lowest[2].mean:.2f} at {100 * lowest[0]:g} %", marker=look.marker)
        )
    for panel, ticks, unit in zip(
        axes, ((0, 1, 2, 5, 10, 20, 50), (0, 2, 4, 10, 20, 40, 100, 400)), ("% of the steps", "steps"), strict=True
    ):
        panel.set_xscale("symlog", linthresh=ticks[1], linscale=0.7)
        panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
        panel.set_xlim(-0.2 * ticks[1], None)
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel(f"warmup [{unit}]")
        dashed_line(panel, MARGIN)
        panel.axhline(0, color="grey", linewidth=0.8, zorder=1)
    axes[0].set_ylabel("final loss above the best [nats/token]")
    handles.append(Line2D([], [], color="grey", linewidth=0.9, linestyle=DASHED, label=f"margin of {MARGIN:g} nats"))
    add_head(figure, "How long a warmup: a fraction of the steps, or a number of them?", handles)
    note = (
        "Final held-out loss of each warmup at its own best peak rate (which the other seeds choose), minus that of the"
        " best warmup of the same length of training. Post-LN."
    )
    add_small_print(figure, evidence, [arm for _, _, found in curves for _, arm, _ in found], f"{note} {INTERVAL}")
    return figure


def _columns(rows: Sequence[Floats]) -> Floats:
    """Arms of unequal numbers of seeds as one table, [seed, arm], null at the end of the shorter ones."""
    table = np.full((max(len(row) for row in rows), len(rows)), np.nan)
    for place, row in enumerate(rows):
        table[: len(row), place] = row
    return table


def draw_rate_sensitivity(evidence: Evidence) -> Figure | None:
    """Final loss over the peak rate with and without warmup, and the share of stuck runs; None without runs."""
    shown = [(network, [pair for pair in arms if len(evidence.runs(pair[0]))]) for network, arms in SENSITIVE]
    shown = [(network, arms) for network, arms in shown if arms]
    if not shown:
        return None
    every = [arm for _, arms in shown for arm, _ in arms]
    entropy = entropy_of(evidence, every)
    figure, axes = plt.subplots(
        2,
        len(shown),
        figsize=(WIDTH if len(shown) > 1 else 4.8, 4.5),
        sharex="col",
        sharey="row",
        height_ratios=(3, 1),
        squeeze=False,
        layout="constrained",
    )
    for column, (network, arms) in enumerate(shown):
        above, below = axes[:, column]
        handles = []
        for place, (arm, look) in enumerate(arms):
            loss = evidence.table(arm, FINAL_LOSS).values
            beside = np.array(arm.rates) * 1.05 ** (place - (len(arms) - 1) / 2)
            draw_bars(above, beside, loss, look)
            share = 100 * stuck_share(evidence, arm)
            below.plot(beside, share, color=look.colour, linestyle=look.line, marker=look.marker, markersize=4)
            value = sensitivity(loss)
            number = "" if np.isnan(value) else f": {value:.2f}"
            handles.append(look.handle(f"{warmup_of(arm)}{number}", marker=look.marker, markersize=4.5))
        dashed_line(above, entropy)
        rate_axis(below, arms[0][0].rates)
        above.set_title(network, fontsize=9, fontweight="normal")
        above.legend(
            handles=handles, title="sensitivity", fontsize=8, title_fontsize=8, alignment="left", loc="upper left"
        )
        below.set_xlabel("peak learning rate")
    low, _ = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(low, entropy + 0.5 * (entropy - low))  # room for the legend
    axes[0, 0].set_ylabel("final held-out loss [nats/token]")
    axes[1, 0].set_ylabel("stuck [% of runs]")
    axes[1, 0].set_ylim(-5, 105)
    handles = [Line2D([], [], color="grey", linewidth=0.9, linestyle=DASHED, label="unigram entropy")]
    add_head(figure, "Which peak rates are tolerated", handles)
    note = (
        "Losses count at most as the unigram entropy. Sensitivity: mean over these rates minus the loss at the best one"
        " (Wortsman et al. 2023), mean over seeds. Stuck: finished no better than word frequencies, or diverged."
    )
    add_small_print(figure, evidence, every, f"{note} {INTERVAL}")
    return figure


def sensitivity(loss: Floats) -> float:
    """Mean over rates minus the loss at the best one, of `loss` [seed, rate]; null where a rate has no run."""
    of_rates = mean_and_interval(loss)[0]
    return float(of_rates.mean() - of_rates.min())


def stuck_share(evidence: Evidence, arm: Arm) -> Floats:
    """The share of runs [rate] that ended no better than word frequencies, or diverged; null without runs."""
    runs = evidence.runs(arm)
    shares = []
    for rate in arm.rates:
        trained = runs.loc[np.isclose(runs["rate"], rate), "trained"].fillna(False).astype(bool)
        shares.append(1 - float(trained.mean()) if len(trained) else np.nan)
    return np.array(shares)


@dataclass(frozen=True)
class Network:
    """What a ramp says about a network, and what its grid of rates does."""

    name: str
    look: Look
    arm: Arm
    ramp: Arm
    ramps: int
    """Runs of the ramp."""
    onsets: Floats
    """Rates at which the loss of a ramp starts to jitter, of the seeds where it does."""
    best: AtBest | None

    @property
    def best_rate(self) -> float:
        """The rate that most seeds choose."""
        assert self.best is not None
        return max(self.best.rates, key=lambda rate: self.best.rates[rate] if self.best else 0)


def networks(evidence: Evidence) -> list[Network]:
    """Those with a ramp or a grid of rates."""
    read = AtReadRate(NETWORKS, RAMPS, otherwise=8e-3)
    suggested = [read.suggested(evidence, place) for place in range(len(NETWORKS))]
    found = [
        Network(arm.name, look, arm, ramp, len(evidence.runs(ramp)), rates[~np.isnan(rates)], at_best(evidence, arm))
        for arm, ramp, look, rates in zip(NETWORKS, RAMPS, NETWORK_LOOKS, suggested, strict=True)
    ]
    return [one for one in found if one.onsets.size or one.best is not None]


def draw_jitter_rates(evidence: Evidence) -> Figure | None:
    """Where a ramp's loss starts to jitter against the best peak rate, of four networks; None where none has both."""
    shown = networks(evidence)
    both = [one for one in shown if one.onsets.size and one.best is not None]
    if not both:
        return None
    figure = plt.figure(figsize=(WIDTH, 4.4), layout="constrained")
    grid = figure.add_gridspec(2, 4, width_ratios=(1.15, 1.15, 1, 1))
    left = figure.add_subplot(grid[:, :2])
    _draw_against_best(left, both)
    for place, one in enumerate(shown):
        panel = figure.add_subplot(grid[place // 2, 2 + place % 2])
        _draw_losses(panel, evidence, one)
        if place % 2 == 0:
            panel.set_ylabel("final loss [nats/token]", fontsize=8)
        if place >= len(shown) - 2:
            panel.set_xlabel("peak learning rate", fontsize=8)
    handles = [one.look.handle(_label(one), marker=one.look.marker) for one in shown]
    add_head(figure, "The rate at which the loss of a ramp starts to jitter, and the best peak rate", handles, 2)
    note = (
        "Left: median and range over seeds of the jitter's rate; across, the range of best rates that the seeds choose"
        " for each other. Right: mean final held-out loss over the grid; shaded, the range of the jitter's rates;"
        " dotted line, its median; ring, the best rate. 10 % warmup, 200 steps."
    )
    add_small_print(figure, evidence, [arm for one in shown for arm in (one.arm, one.ramp)], f"{note} {INTERVAL}")
    return figure


def _label(one: Network) -> str:
    if not one.onsets.size:
        return f"{one.name}: no jitter"
    none = f", none in {one.ramps - len(one.onsets)}" if len(one.onsets) < one.ramps else ""
    return f"{one.name}: jitter from {rate_label(float(f'{np.median(one.onsets):.2g}'))}{none}"


def _draw_against_best(panel: Axes, shown: Sequence[Network]) -> None:
    for place, one in enumerate(shown):
        assert one.best is not None
        x, y = one.best_rate, float(np.median(one.onsets))
        across = np.abs(np.array([[min(one.best.rates)], [max(one.best.rates)]]) - x)
        up = np.abs(np.array([[one.onsets.min()], [one.onsets.max()]]) - y)
        panel.errorbar(
            x * 1.05 ** (place - (len(shown) - 1) / 2),  # beside each other: they share rates
            y,
            up,
            across,
            color=one.look.colour,
            marker=one.look.marker,
            markersize=8,
            capsize=3,
            markeredgecolor="white",
        )
    ticks = [mantissa * 10.0**exponent for exponent in range(-5, 1) for mantissa in (1, 2, 5)]
    rate_axis(panel, ticks)
    rate_axis(panel, ticks, vertical=True)
    limits = [*panel.get_xlim(), *panel.get_ylim()]
    low, high = min(limits) / 1.2, max(limits) * 1.2
    panel.plot([low, high], [low, high], color="grey", linewidth=0.9, linestyle=DASHED, zorder=1)
    panel.set_xlim(low, high)
    panel.set_ylim(low, high)
    panel.set_xlabel("best peak learning rate")
    panel.set_ylabel("rate at which jitter starts")


def _draw_losses(panel: Axes, evidence: Evidence, one: Network) -> None:
    loss = evidence.table(one.arm, FINAL_LOSS).values
    draw_bars(panel, one.arm.rates, loss, one.look)
    if one.onsets.size:
        panel.axvspan(one.onsets.min(), one.onsets.max(), color="grey", alpha=0.18, linewidth=0, zorder=1)
        panel.axvline(float(np.median(one.onsets)), color="black", linewidth=1.0, linestyle=DOTTED, zorder=2)
    if one.best is not None:
        best = float(mean_and_interval(loss)[0][one.arm.rates.index(one.best_rate)])
        panel.plot(one.best_rate, best, "o", color="none", markeredgecolor="black", markersize=10, zorder=4)
    rate_axis(panel, one.arm.rates[::2])
    panel.tick_params(labelsize=7)
    panel.set_title(one.name, fontsize=8, fontweight="normal")
