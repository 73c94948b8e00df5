"""The figures of a study: loss curves, the final loss over warmup and peak rate, early overfitting, stability."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from warmuplab.base.portions import whole_portion
from warmuplab.figures.heads import add_foot
from warmuplab.figures.heatmap import draw_heatmap
from warmuplab.figures.lines import Line, draw_dots, draw_lines, some_of
from warmuplab.figures.panels import (
    MOST_PANELS,
    add_legend,
    footer,
    grid_of,
    lines_of,
    logarithmic,
    small_multiples,
)
from warmuplab.series.instability import threshold
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

SMOOTHED_SHARE = 0.075  # of the steps: batches differ in difficulty, which would hide how training losses differ
_RASTERIZED_FROM = 15_000  # points of a figure: as vectors they would weigh megabytes


def draw_training_loss(study: Study, arms: Arms) -> Figure | None:
    """Training loss by step; None where no run has any."""
    return _draw_losses(study, arms, ["train/loss"], "Training loss", _window(study))


def draw_held_out_loss(study: Study, arms: Arms) -> Figure | None:
    """Held-out loss by step: the probe batch as a line, the whole validation split as dots."""
    return _draw_losses(study, arms, ["probe/loss", "val/loss"], "Held-out loss")


def draw_final_loss(study: Study, arms: Arms) -> Figure | None:
    """Final held-out loss over warmup and peak rate, a map per setting; None for one arm, or where every run failed."""
    if len(arms.keys) < 2 or not arms.table["loss"].notna().any():
        return None
    return draw_heatmap(arms, arms.settings[:MOST_PANELS], footer(study, arms))


def draw_instability(study: Study, arms: Arms) -> Figure | None:
    """How far the probe loss lies above its lowest value so far, in the early window; None where not measured."""
    rises = study.curves[study.curves["metric"] == "spike/excess"]
    rises = rises.merge(
        arms.runs[["run_id", "early_steps"]].assign(run_id=arms.runs["run_id"].astype(str)), on="run_id"
    )
    rises = rises[rises["step"] < rises["early_steps"]].sort_values(["run_id", "step"])
    if rises.empty:
        return None
    least = threshold(float(arms.runs["unigram_entropy"].max()))
    grid = grid_of(arms)
    figure, axes = small_multiples(arms, grid, "step of the early window", "Rises of the held-out loss", sharey="all")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            draw_lines(
                axes[row, column], lines_of(rises, arms, grid, setting, rate), rasterized=len(rises) > _RASTERIZED_FROM
            )
            axes[row, column].axhline(least, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
            axes[row, column].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes[row, 0].set_ylabel("above the lowest [nats]", fontsize=8)
    axes[0, 0].set_yscale("symlog", linthresh=least, linscale=0.6)
    axes[0, 0].set_ylim(0, max(4 * least, 1.3 * float(rises["value"].max())))
    axes[0, 0].yaxis.set_major_locator(FixedLocator([0, least, 1, 3, 10, 30, 100]))
    axes[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes[0, 0].yaxis.set_minor_locator(NullLocator())
    add_legend(figure, grid, stopped=bool((arms.runs["status"] == "diverged").any()))
    add_foot(
        figure,
        "Loss on one fixed held-out batch minus the lowest it had so far. Dashed: from there on a rise is an episode"
        f" (5 % of the unigram entropy).\n{footer(study, arms)}",
    )
    return figure


def draw_early_overfitting(study: Study, arms: Arms) -> Figure | None:
    """What the steps of the early window taught about their own batch alone, summed up; None without the probe."""
    gaps = study.curves[study.curves["metric"] == "overfit/gap"]
    gaps = gaps.merge(arms.runs[["run_id", "early_steps"]].assign(run_id=arms.runs["run_id"].astype(str)), on="run_id")
    gaps = gaps[gaps["step"] < gaps["early_steps"]].sort_values(["run_id", "step"])
    if gaps.empty:
        return None
    gaps = gaps.assign(value=gaps.groupby("run_id", observed=True)["value"].cumsum())
    grid = grid_of(arms)
    figure, axes = small_multiples(arms, grid, "step of the early window", "Early overfitting", sharey="row")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            lines = lines_of(gaps, arms, grid, setting, rate)
            draw_lines(axes[row, column], lines, rasterized=len(gaps) > _RASTERIZED_FROM)
            axes[row, column].axhline(0, color="grey", linewidth=0.8)
            axes[row, column].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes[row, 0].set_ylabel("gap so far [nats/token]", fontsize=8)
    add_legend(figure, grid)
    add_foot(
        figure,
        "Gap: drop of the loss on the batch just trained on, minus drop on held-out text.\n" + footer(study, arms),
    )
    return figure


def draw_memorisation(study: Study, arms: Arms) -> Figure | None:
    """Loss on the earliest sentences minus loss on unseen ones, by the loss on the latter.

    Runs that learn at different speeds are read at the same held-out loss. None without the probe.
    """
    by_metric = study.curves[study.curves["metric"].isin(["overfit/memorisation", "overfit/unseen_loss"])]
    if by_metric["metric"].nunique() < 2:
        return None
    wide = by_metric.pivot_table("value", ["run_id", "step"], "metric", observed=True).dropna().reset_index()
    curves = wide.rename(columns={"overfit/memorisation": "value"})
    grid = grid_of(arms)
    figure, axes = small_multiples(arms, grid, "loss on unseen text", "Memorisation of early batches", sharey="row")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            for line in lines_of(curves, arms, grid, setting, rate, by="overfit/unseen_loss"):
                for losses, values in some_of(line.runs):
                    axes[row, column].plot(losses, values, color=line.colour, linewidth=1.1, alpha=0.8)
            axes[row, column].axhline(0, color="grey", linewidth=0.8)
        axes[row, 0].set_ylabel("early − unseen [nats]", fontsize=8)
    largest, smallest = curves["overfit/unseen_loss"].quantile([0.98, 0.0])
    axes[0, 0].set_xlim(largest, smallest - 0.02 * (largest - smallest))  # training goes to the right
    add_legend(figure, grid)
    add_foot(
        figure,
        "Loss on sentences of the first 5 % of the steps minus loss on unseen ones of like length, a line per run. Part"
        " of what is below 0 is that the early sentences may be easier, alike for all schedules of a seed."
        f"\n{footer(study, arms)}",
    )
    return figure


def draw_distribution(study: Study, arms: Arms) -> Figure | None:
    """How far each step moved the output distribution; None without the probe."""
    curves = study.curves[(study.curves["metric"] == "stability/kl") & (study.curves["value"] > 0)]
    if curves.empty:
        return None
    grid = grid_of(arms)
    figure, axes = small_multiples(arms, grid, "step", "Movement of the output distribution", sharey="all")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            lines = lines_of(curves, arms, grid, setting, rate)
            draw_lines(axes[row, column], lines, rasterized=len(curves) > _RASTERIZED_FROM)
        axes[row, 0].set_ylabel("KL of one step [nats]", fontsize=8)
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(max(1e-6, curves["value"].quantile(0.01)), 1.5 * curves["value"].max())
    add_legend(figure, grid, stopped=bool((arms.runs["status"] == "diverged").any()))
    add_foot(
        figure,
        "KL(before || after a step) on the fixed held-out batch; every step of the early window, then every 16th at"
        f" most.\n{footer(study, arms)}",
    )
    return figure


def _window(study: Study) -> int:
    longest = study.curves["step"].max() + 1 if len(study.curves) else 1
    return max(1, whole_portion(SMOOTHED_SHARE, int(longest)))


def _draw_losses(study: Study, arms: Arms, metrics: Sequence[str], title: str, window: int = 1) -> Figure | None:
    curves = study.curves[study.curves["metric"].isin(metrics)]
    if curves.empty:
        return None
    grid = grid_of(arms)
    figure, axes = small_multiples(arms, grid, "step", title, sharey="all")
    rasterized = len(curves) > _RASTERIZED_FROM
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            panel = axes[row, column]
            for metric in metrics:
                lines = lines_of(curves[curves["metric"] == metric], arms, grid, setting, rate)
                _draw_loss(panel, metric, lines, window, rasterized)
            of_row = arms.runs[arms.runs["setting"] == setting] if grid.by_warmup else arms.runs
            entropy = of_row["unigram_entropy"].max()
            if pd.notna(entropy):
                panel.axhline(entropy, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        axes[row, 0].set_ylabel("loss [nats/token]", fontsize=8)
    logarithmic(axes[0, 0], curves["value"])
    what = ""
    if {"probe/loss", "val/loss"} <= set(curves["metric"].unique()):
        what = "Lines: one fixed held-out batch; dots: the whole validation split.\n"
    elif window > 2:
        what = f"Thin: every seed; bold: running mean over {window} steps.\n"
    add_legend(figure, grid, stopped=bool((arms.runs["status"] == "diverged").any()), entropy=True)
    add_foot(figure, what + footer(study, arms))
    return figure


def _draw_loss(panel: Axes, metric: str, lines: Sequence[Line], window: int, rasterized: bool) -> None:
    if metric == "val/loss":
        draw_dots(panel, lines)
    else:
        draw_lines(panel, lines, window, rasterized)
