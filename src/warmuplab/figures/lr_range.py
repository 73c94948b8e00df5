"""The figure of a learning rate range test: the loss and its jitter over the rate, with the rates that are read."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, PercentFormatter

from warmuplab.base.words import plural
from warmuplab.figures import style
from warmuplab.figures.heads import add_foot
from warmuplab.record.finding import ROWS, Finding
from warmuplab.series import lr_range

COLOURS = {"jitter": style.VERMILION, "steepest_fall": style.GREEN, "rise": style.PURPLE}
EDGES = {"first": "begins here: jitter sets in here or earlier", "last": "ends here: jitter sets in here or later"}
HEADROOM = 0.12  # of the losses below the start: what lies above is a loss that blew up, and would flatten the rest
LETTERS = 110  # of a line of small print


def draw(finding: Finding, path: Path) -> list[Path]:
    """Draw the figure to `path` with the suffixes .png and .svg; the two files."""
    style.apply()
    figure = make_figure(finding)
    written = style.save(figure, path)
    plt.close(figure)
    return written


def make_figure(finding: Finding) -> Figure:
    """Loss on the probe batch above, share of the steps that raise it below, both over the rate."""
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(7, 5.4), sharex=True, height_ratios=[1.7, 1], layout="constrained"
    )
    figure.suptitle(_title(finding), x=0.01, ha="left", fontweight="bold", fontsize=10)
    losses = [ramp["loss"] for ramp in finding.ramps]
    shares = [pd.Series(lr_range.share_of_rises(lr_range.until_diverged(loss.to_numpy()))) for loss in losses]
    _draw_seeds(upper, finding, losses)
    _draw_seeds(lower, finding, shares)
    _limit_losses(upper, losses)
    _draw_rates(upper, lower, finding)
    upper.axhline(finding.unigram_entropy, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), label="unigram entropy")
    upper.set_ylabel("loss on the probe batch\n[nats/token]")
    upper.legend(loc="lower left", fontsize=8)
    lower.set_ylabel(f"jitter: rises among\nthe last {lr_range.WINDOW} steps")
    lower.set_ylim(0, 1)
    lower.yaxis.set_major_formatter(PercentFormatter(1))
    lower.set_xlabel("learning rate")
    add_foot(figure, _foot(finding))
    return figure


def _draw_seeds(axes: Axes, finding: Finding, series: "Sequence[pd.Series[float]]") -> None:
    """Every seed thin, their mean bold as far as all of them get."""
    lr = finding.ramps[0]["lr"]
    for values in series:
        axes.plot(lr[: len(values)], values, color=style.BLUE, linewidth=0.7, alpha=0.5)
    if len(series) > 1:
        mean = pd.concat(series, axis=1).mean(axis=1, skipna=False)
        axes.plot(lr[: len(mean)], mean, color=style.BLUE, linewidth=1.7)
    axes.set_xscale("log")
    positive_lr = lr[lr > 0]  # with a warmup a ramp begins at 0, which such an axis has no place for
    axes.set_xlim(positive_lr.iloc[0], finding.runs[0].config.schedule.decay["end_lr"])
    axes.xaxis.set_major_locator(LogLocator(numticks=12))


def _limit_losses(axes: Axes, losses: "Sequence[pd.Series[float]]") -> None:
    lowest, start = min(loss.min() for loss in losses), max(loss.iloc[0] for loss in losses)
    if math.isfinite(lowest) and start > lowest:
        axes.set_ylim(lowest - HEADROOM * (start - lowest), start + HEADROOM * (start - lowest))


def _draw_rates(upper: Axes, lower: Axes, finding: Finding) -> None:
    """The median of each rate as a line, its range over seeds as a band for the onset, a tick per seed."""
    for mark, colour in COLOURS.items():
        over = finding.spread(mark)
        rates = [rate for rate in (getattr(reading, mark) for reading in finding.readings) if rate is not None]
        at_foot = upper.get_xaxis_transform()
        upper.plot(rates, np.full(len(rates), 0.02), "|", color=colour, markersize=9, transform=at_foot)
        if over.median is not None:
            style_of = "-" if mark == "jitter" else "--"
            label = f"{ROWS[mark]}: {over.median:.1e}"
            upper.axvline(over.median, color=colour, linewidth=1.3, linestyle=style_of, label=label)
    over = finding.spread("jitter")
    if over.low is not None and over.high is not None:
        for axes in (upper, lower):
            axes.axvspan(over.low, over.high, color=COLOURS["jitter"], alpha=0.13, linewidth=0)
    if over.median is not None:
        lower.axvline(over.median, color=COLOURS["jitter"], linewidth=1.3)
    _draw_edges(lower, finding)


def _draw_edges(axes: Axes, finding: Finding) -> None:
    """A dotted line for every seed whose likeliest onset is where the search begins or ends, and so is none."""
    for end, words in EDGES.items():
        rates = [reading.edge_lr for reading in finding.readings if reading.edge == end and reading.edge_lr is not None]
        for number, rate in enumerate(rates):
            label = f"the search {words} ({plural(len(rates), 'seed')})" if number == 0 else None
            axes.axvline(rate, color=COLOURS["jitter"], linewidth=1.3, linestyle=":", label=label)
        if rates:
            axes.legend(loc="upper left", fontsize=8)


def _title(finding: Finding) -> str:
    found = "no peak rate suggested" if finding.suggested is None else f"suggested peak {finding.suggested:.1e}"
    return f"Learning rate range test: {found}"


def _foot(finding: Finding) -> str:
    """What was trained: overrides, length, seeds."""
    config = finding.runs[0].config
    trained = [config.data.name, f"{config.model.norm}_ln", config.optimizer.name]
    length = [f"{config.training.steps:,} steps", plural(len(finding.runs), "seed")]
    what = wrap("; ".join(filter(None, [", ".join(trained + length), " ".join(finding.overrides)])), LETTERS)
    return "\n".join([*what, "A line per seed, the mean bold; ticks are seeds, the band is the range of the onset."])
