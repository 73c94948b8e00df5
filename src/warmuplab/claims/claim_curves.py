"""Figures of the claims that follow a loss over the steps: time lost, late decay, noam, spikes."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warmuplab import style
from warmuplab.claims.arms import rate_label
from warmuplab.claims.claim import Arm
from warmuplab.claims.claim_plots import (
    DASHED,
    DOTTED,
    INTERVAL,
    LOOKS,
    WIDTH,
    Look,
    add_head,
    add_small_print,
    dashed_line,
    draw_band,
    draw_seeds,
    entropy_of,
    on_steps,
    steps_of,
)
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.panels import logarithmic
from warmuplab.claims.planned import (
    COOLED,
    FALL,
    HIGH,
    LONG_NONE,
    LONG_TENTH,
    NOAM,
    NOAM_SCALED,
    NONE,
    PRE_NONE,
    PRE_TENTH,
    TENTH,
    TIME,
)
from warmuplab.claims.statistics import Floats
from warmuplab.results import SPIKE_COLUMNS, SPIKES, read_table

LEVEL_OF_TIME = 1.5  # nats below the unigram entropy
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
SPIKING = (("post-LN", NONE, TENTH), ("pre-LN", PRE_NONE, PRE_TENTH))


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
        handles.append(look.handle(f"{arm.name}, {rate_label(arm.rates[0])}{mean}"))
    dashed_line(panel, entropy - LEVEL_OF_TIME)
    panel.annotate(
        "level", (0, entropy - LEVEL_OF_TIME), (4, -10), textcoords="offset points", fontsize=8, color="dimgrey"
    )
    panel.set_xlim(0, end)
    losses = np.concatenate([series["value"].to_numpy() for _, _, series in shown])
    panel.set_ylim(np.nanmin(losses) - 0.6, min(np.nanmax(losses), entropy + 1.5))
    panel.set_xlabel("step")
    panel.set_ylabel(HELD_OUT)
    add_head(figure, "Time lost by a large rate from the start, post-LN, 800 steps", handles, 2)
    note = (
        f"Legend: mean steps to the level, {LEVEL_OF_TIME:g} nats below the unigram entropy ({entropy:.2f}); a run that"
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
        steps, low, high = extremes(series)
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
        "Shaded: from the smallest to the largest loss of any training batch of any seed, in each 25th of the run."
        " Markers: every seed's mean training loss over the last 5 % of the steps, and its held-out loss."
    )
    add_small_print(figure, evidence, arms, note)
    return figure


def extremes(series: pd.DataFrame, windows: int = 25) -> tuple[Floats, Floats, Floats]:
    """Middle of so many equal stretches of the steps, the smallest and the largest value of all seeds in each.

    Thinning keeps extremes, so these are exact; a mean of what it keeps of a noisy loss would not be.
    """
    length = int(series["step"].max()) + 1
    stretch = (series["step"] * windows // length).rename("stretch")
    found = series.groupby(stretch)["value"].agg(["min", "max"])
    middle = (found.index.to_numpy(dtype=np.float64) + 0.5) * length / windows
    return middle, found["min"].to_numpy(dtype=np.float64), found["max"].to_numpy(dtype=np.float64)


def draw_spikes(evidence: Evidence) -> Figure | None:
    """Training loss with its spikes, without warmup and with it, of the runs with the highest; None without runs."""
    spikes = spikes_of(evidence, NONE.study)
    panels = [
        (network, rate, seed, arms) for network, *arms in SPIKING for rate, seed in highest(evidence, arms, spikes)
    ]
    if not panels:
        return None
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(WIDTH, 1.2 + 1.9 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat[len(panels) :]:
        panel.axis("off")
    for panel, (network, rate, seed, arms) in zip(axes.flat, panels, strict=False):
        shown = [_draw_spiking(panel, evidence, arm.at(rate), seed, spikes) for arm in arms]
        logarithmic(panel, pd.concat(shown))
        counts = " / ".join(_count(evidence, arm.at(rate), spikes) for arm in arms)
        panel.set_title(f"{network}, {rate_label(rate)}, seed {seed}", fontsize=9, fontweight="normal")
        panel.set_title(f"spikes/runs: {counts}", loc="right", fontsize=8, fontweight="normal", color="dimgrey")
    for panel in axes[:, 0]:
        panel.set_ylabel(LOSS)
    for panel in axes[-1]:
        panel.set_xlabel("step")
    handles = [LOOKS[arm.name].handle(arm.name) for arm in SPIKING[0][1:]]
    handles.append(Line2D([], [], color="dimgrey", marker="v", linestyle="", markersize=6, label="peak of a spike"))
    add_head(figure, "Spikes of the training loss, without warmup and with it", handles)
    note = (
        "Of each network the two peak rates with the highest spikes in either arm (the largest rates where there are"
        " none), and of each rate the seed with the highest one (the first where there is none). At the right: spikes"
        " in all runs at that rate, no warmup / 10 % warmup."
    )
    add_small_print(figure, evidence, [arm.at(rate) for _, rate, _, arms in panels for arm in arms], note)
    return figure


def spikes_of(evidence: Evidence, study: str) -> pd.DataFrame:
    """A row per spike of the study's training losses; no rows where they were not collected."""
    whole = evidence.studies.get(study)
    if whole is None or not (whole.folder / SPIKES).exists():
        return pd.DataFrame({name: [] for name in (*SPIKE_COLUMNS, "loss")})
    table = read_table(study, whole.folder / SPIKES, (*SPIKE_COLUMNS, "loss"))
    return table.assign(run_id=table["run_id"].astype(str))


def highest(evidence: Evidence, arms: Sequence[Arm], spikes: pd.DataFrame, count: int = 2) -> list[tuple[float, int]]:
    """So many (rate, seed) of some arms with the highest spikes in any of them, by rate, a rate once.

    Rates without a spike come last, the largest of them first, each with its first seed.
    """
    parts = [runs[["run_id", "seed", "rate"]] for arm in arms if len(runs := evidence.runs(arm))]
    if not parts:
        return []
    runs = pd.concat(parts).astype({"run_id": "str"}).merge(spikes[["run_id", "height"]], on="run_id", how="left")
    ordered = runs.fillna({"height": 0.0}).sort_values(["height", "rate", "seed"], ascending=[False, False, True])
    tops = ordered.drop_duplicates("rate").head(count).sort_values("rate")
    return [(float(row["rate"]), int(row["seed"])) for row in tops.to_dict("records")]


def _count(evidence: Evidence, arm: Arm, spikes: pd.DataFrame) -> str:
    """`3/10`: spikes, and the runs that they are in or not."""
    runs = evidence.runs(arm)["run_id"].astype(str)
    return f"{int(spikes['run_id'].isin(runs).sum())}/{len(runs)}"


def _draw_spiking(panel: Axes, evidence: Evidence, arm: Arm, seed: int, spikes: pd.DataFrame) -> "pd.Series[float]":
    """Draw a run's training loss with a mark above every spike; the losses drawn."""
    series = evidence.series(arm, "train/loss")
    series = series[series["seed"] == seed].sort_values("step")
    look = LOOKS[arm.name]
    of_run = spikes[spikes["run_id"].isin(series["run_id"])]
    panel.plot(series["step"], series["value"], color=look.colour, linewidth=0.9, zorder=3)
    panel.plot(
        of_run["peak"], 1.06 * of_run["loss"], "v", color=look.colour, markersize=6, markeredgecolor="white", zorder=4
    )
    losses: pd.Series[float] = pd.concat([series["value"], of_run["loss"]])
    return losses
