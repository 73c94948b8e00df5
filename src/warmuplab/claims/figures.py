"""The figures of a study: loss curves, the final loss over warmup and peak rate, early overfitting.

Small multiples: a row per setting, a column per peak rate, a colour per warmup; every seed a thin line, the mean bold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from warmuplab import style
from warmuplab.claims.arms import NO_WARMUP, Arms
from warmuplab.claims.heatmap import draw_heatmap
from warmuplab.claims.lines import Line, draw_dots, draw_lines
from warmuplab.claims.tables import plural
from warmuplab.results import Study

MOST_PANELS = 8  # rows or columns of a figure; a larger study is drawn as far as that, and the footer says so
SMOOTHED_SHARE = 0.075  # of the steps: batches differ in difficulty, which would hide how training losses differ
WORDS = {NO_WARMUP: "no warmup"}
_RASTERIZED_FROM = 15_000  # points of a figure: as vectors they would weigh megabytes


@dataclass(frozen=True)
class Grid:
    """Which arm goes where in a figure of small multiples."""

    rows: list[str]
    columns: list[str]
    colours: dict[str, str]
    by_warmup: bool
    """Whether colours tell warmups apart; else settings, in a study with one warmup only."""

    def runs(self, arms: Arms, row: str, column: str, colour: str) -> pd.DataFrame:
        """The runs of one line."""
        return arms.of(row, column, colour) if self.by_warmup else arms.of(colour, column, arms.warmups[0])


def draw_all(study: Study, arms: Arms, folder: Path) -> list[Path]:
    """Draw every figure that the study has data for into `folder`; the PNG files, each with an SVG beside it."""
    style.apply()
    figures = {
        "training_loss": draw_training_loss,
        "held_out_loss": draw_held_out_loss,
        "final_loss": draw_final_loss,
        "early_overfitting": draw_early_overfitting,
    }
    written = []
    for name, draw in figures.items():
        figure = draw(study, arms)
        if figure is not None:
            png, _ = style.save(figure, folder / name)
            plt.close(figure)
            if draw is not draw_final_loss:  # a colour scale would show stripes
                _keep_256_colours(png)
            written.append(png)
    return written


def _keep_256_colours(png: Path) -> None:
    """A third of the bytes and no visible difference, as lines and text use few colours: it is committed."""
    from PIL import Image

    with Image.open(png) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        resolution = image.info.get("dpi", (100, 100))
    reduced.save(png, optimize=True, dpi=resolution)


def draw_training_loss(study: Study, arms: Arms) -> Figure | None:
    """Training loss by step; None where no run has any."""
    longest = study.curves["step"].max() + 1 if len(study.curves) else 1
    window = max(1, round(SMOOTHED_SHARE * longest))
    return _draw_losses(study, arms, ["train/loss"], "Training loss", window)


def draw_held_out_loss(study: Study, arms: Arms) -> Figure | None:
    """Held-out loss by step: the probe batch as a line, the whole validation split as dots."""
    return _draw_losses(study, arms, ["probe/loss", "val/loss"], "Held-out loss")


def draw_final_loss(study: Study, arms: Arms) -> Figure | None:
    """Final held-out loss over warmup and peak rate, a map per setting; None for one arm, or where every run failed."""
    if len(arms.keys) < 2 or not arms.table["loss"].notna().any():
        return None
    return draw_heatmap(arms, arms.settings[:MOST_PANELS], footer(study, arms))


def draw_early_overfitting(study: Study, arms: Arms) -> Figure | None:
    """What the steps of the early window taught about their own batch alone, summed up; None without the probe."""
    gaps = study.curves[study.curves["metric"] == "overfit/gap"]
    gaps = gaps.merge(arms.runs[["run_id", "early_steps"]].assign(run_id=arms.runs["run_id"].astype(str)), on="run_id")
    gaps = gaps[gaps["step"] < gaps["early_steps"]].sort_values(["run_id", "step"])
    if gaps.empty:
        return None
    gaps = gaps.assign(value=gaps.groupby("run_id", observed=True)["value"].cumsum())
    grid = _grid(arms)
    figure, axes = _small_multiples(arms, grid, "step of the early window", "Early overfitting", sharey="row")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            lines = _lines(gaps, arms, grid, setting, rate)
            draw_lines(axes[row, column], lines, rasterized=len(gaps) > _RASTERIZED_FROM)
            axes[row, column].axhline(0, color="grey", linewidth=0.8)
            axes[row, column].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes[row, 0].set_ylabel("gap so far [nats/token]", fontsize=8)
    _legend(figure, grid)
    _foot(
        figure,
        "Gap: drop of the loss on the batch just trained on, minus drop on held-out text.\n" + footer(study, arms),
    )
    return figure


def footer(study: Study, arms: Arms) -> str:
    """Study, runs, seeds, commit."""
    runs, commits = study.manifest["runs"], study.manifest["commits"]
    states = [
        f"{str(entry['commit'])[:7]}{' (modified)' if entry['dirty'] else ''}" for entry in commits if entry["commit"]
    ]
    code = f", commit {states[0]}" if len(states) == 1 else f", {len(states)} states of the code" if states else ""
    seeds = arms.runs["seed"].nunique()
    mean = f", mean of {seeds} seeds" if seeds > 1 else ", one seed"
    left_out = max(len(arms.settings), len(arms.rates)) > MOST_PANELS
    part = f" The first {MOST_PANELS} settings and rates are drawn." if left_out else ""
    return f"Study {study.name}: {plural(runs['total'], 'run')}{mean}{code}.{part}"


def _draw_losses(study: Study, arms: Arms, metrics: Sequence[str], title: str, window: int = 1) -> Figure | None:
    curves = study.curves[study.curves["metric"].isin(metrics)]
    if curves.empty:
        return None
    grid = _grid(arms)
    figure, axes = _small_multiples(arms, grid, "step", title, sharey="all")
    rasterized = len(curves) > _RASTERIZED_FROM
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            panel = axes[row, column]
            for metric in metrics:
                series = curves[curves["metric"] == metric]
                lines = _lines(series, arms, grid, setting, rate)
                if metric == "val/loss":
                    draw_dots(panel, lines)
                else:
                    draw_lines(panel, lines, window, rasterized)
            of_row = arms.runs[arms.runs["setting"] == setting] if grid.by_warmup else arms.runs
            entropy = of_row["unigram_entropy"].max()
            if pd.notna(entropy):
                panel.axhline(entropy, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        axes[row, 0].set_ylabel("loss [nats/token]", fontsize=8)
    _logarithmic(axes[0, 0], curves["value"])
    what = ""
    if {"probe/loss", "val/loss"} <= set(curves["metric"].unique()):
        what = "Lines: one fixed held-out batch; dots: the whole validation split.\n"
    elif window > 2:
        what = f"Thin: every seed; bold: running mean over {window} steps.\n"
    _legend(figure, grid, stopped=bool((arms.runs["status"] == "diverged").any()), entropy=True)
    _foot(figure, what + footer(study, arms))
    return figure


def _lines(curves: pd.DataFrame, arms: Arms, grid: Grid, row: str, column: str) -> list[Line]:
    """What a panel shows of one metric's `curves`."""
    lines = []
    for label, colour in grid.colours.items():
        runs = grid.runs(arms, row, column, label).set_index("run_id")["outcome"]
        series = {
            run_id: (part["step"].to_numpy(), part["value"].to_numpy())
            for run_id, part in curves[curves["run_id"].isin(runs.index)].groupby("run_id", observed=True)
        }
        ends = [(steps[-1], values[-1]) for run_id, (steps, values) in series.items() if runs[run_id] == "diverged"]
        lines.append(Line(colour, list(series.values()), ends))
    return lines


def _grid(arms: Arms) -> Grid:
    by_warmup = arms.warmups != [""] or arms.settings == [""]
    labels = arms.warmups if by_warmup else arms.settings
    rows = arms.settings[:MOST_PANELS] if by_warmup else [""]
    return Grid(rows, arms.rates[:MOST_PANELS], dict(zip(labels, _colours(len(labels)), strict=True)), by_warmup)


def _colours(count: int) -> list[str]:
    """Colours of ordered labels: the palette for a few, a scale for more."""
    if count <= 4:
        return list(style.PALETTE[:count])
    scale = colormaps[style.SEQUENTIAL]
    return [to_hex(scale(0.92 * place / (count - 1))) for place in range(count)]


def _small_multiples(
    arms: Arms, grid: Grid, xlabel: str, title: str, sharey: Literal["all", "row"]
) -> tuple[Figure, NDArray[np.object_]]:
    rows, columns = len(grid.rows), len(grid.columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(4.5, 0.8 + 1.65 * columns), 1.1 + 1.6 * rows),
        sharex=True,
        sharey=sharey,
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    for row, setting in enumerate(grid.rows):
        for column, rate in enumerate(grid.columns):
            parts = [setting, f"peak lr {rate}" if rate else ""]
            axes[row, column].set_title(", ".join(filter(None, parts)), fontsize=8, fontweight="normal", pad=4)
            axes[row, column].tick_params(labelsize=8)
            if not any(len(grid.runs(arms, setting, rate, label)) for label in grid.colours):
                axes[row, column].annotate(
                    "not run", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color="grey", fontsize=8
                )
            if row == rows - 1:
                axes[row, column].set_xlabel(xlabel, fontsize=8)
    return figure, axes


def _logarithmic(axes: Axes, values: "pd.Series[float]") -> None:
    """A logarithmic axis of plain numbers: a spike to 40 and the difference between 2 and 3 both stay visible."""
    axes.set_yscale("log")
    subs = (1.0, 2.0, 3.0, 5.0) if values.max() > 4 * values.min() else (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, grid: Grid, stopped: bool = False, entropy: bool = False) -> None:
    lines = []
    if len(grid.colours) > 1:
        suffix = " warmup" if grid.by_warmup else ""
        lines = [
            Line2D([], [], color=colour, linewidth=1.8, label=WORDS.get(label, f"{label}{suffix}"))
            for label, colour in grid.colours.items()
        ]
    if entropy:
        lines.append(Line2D([], [], color="grey", linewidth=0.9, linestyle=(0, (4, 2)), label="unigram entropy"))
    if stopped:
        lines.append(Line2D([], [], color="grey", marker="X", linestyle="", label="diverged"))
    if lines:
        beside_title = max(1, int((figure.get_figwidth() - 1.6) / 1.25))  # inches of the title, and of an entry
        figure.legend(handles=lines, loc="outside upper right", ncols=min(len(lines), beside_title), fontsize=8)


def _foot(figure: Figure, text: str) -> None:
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7, color="dimgrey")
