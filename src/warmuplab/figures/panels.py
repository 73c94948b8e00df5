"""Small multiples of a study: a row per setting, a column per peak rate, a colour per warmup.

Every seed is a thin line, the mean bold.
"""

from dataclasses import dataclass
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from warmuplab.base.words import plural, warmup_phrase
from warmuplab.figures import heads, style
from warmuplab.figures.lines import MOST_DRAWN, Line
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

MOST_PANELS = 8  # rows or columns of a figure; a larger study is drawn as far as that, and the footer says so


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


def lines_of(curves: pd.DataFrame, arms: Arms, grid: Grid, row: str, column: str, by: str = "step") -> list[Line]:
    """What a panel shows of one metric's `curves`, the column `value` over the column `by`."""
    lines = []
    for label, colour in grid.colours.items():
        runs = grid.runs(arms, row, column, label).set_index("run_id")["outcome"]
        series = {
            run_id: (part[by].to_numpy(), part["value"].to_numpy())
            for run_id, part in curves[curves["run_id"].isin(runs.index)].groupby("run_id", observed=True)
        }
        ends = [(steps[-1], values[-1]) for run_id, (steps, values) in series.items() if runs[run_id] == "diverged"]
        lines.append(Line(colour, list(series.values()), ends))
    return lines


def grid_of(arms: Arms) -> Grid:
    """Rows, columns and colours of `arms`, as many as fit."""
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


def small_multiples(
    arms: Arms, grid: Grid, xlabel: str, title: str, sharey: Literal["all", "row"]
) -> tuple[Figure, NDArray[np.object_]]:
    """An empty panel per row and column, with titles; panels without a run say so."""
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


def logarithmic(axes: Axes, values: "pd.Series[float]") -> None:
    """A logarithmic axis of plain numbers: a spike to 40 and the difference between 2 and 3 both stay visible."""
    axes.set_yscale("log")
    subs = (1.0, 2.0, 3.0, 5.0) if values.max() > 4 * values.min() else (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def add_legend(figure: Figure, grid: Grid, stopped: bool = False, entropy: bool = False) -> None:
    """Name the colours, and what else is drawn, beside the title or under it."""
    lines = []
    if len(grid.colours) > 1:
        lines = [
            Line2D([], [], color=colour, linewidth=1.8, label=warmup_phrase(label) if grid.by_warmup else label)
            for label, colour in grid.colours.items()
        ]
    if entropy:
        lines.append(Line2D([], [], color="grey", linewidth=0.9, linestyle=(0, (4, 2)), label="unigram entropy"))
    if stopped:
        lines.append(Line2D([], [], color="grey", marker="X", linestyle="", label="diverged"))
    if lines:
        heads.add_legend(figure, lines)


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
    if arms.runs.groupby(["setting", "rate", "warmup"]).size().max() > MOST_DRAWN:
        part += f" Of each arm {MOST_DRAWN} runs are drawn, means are of all."
    return f"Study {study.name}: {plural(runs['total'], 'run')}{mean}{code}.{part}"
