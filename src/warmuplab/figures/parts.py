"""What the figures of the claims are made of: means with intervals over seeds, looks of arms, small print."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from warmuplab.base.words import EQUAL_AREA, NO_WARMUP, listed, plural, rate_label, warmup_label, warmup_phrase
from warmuplab.claims.arm import Arm, once
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.figures import style
from warmuplab.figures.heads import add_foot

WIDTH = 7.0  # inches: shown 700 pixels wide, small print of 7 points is still read
LEVEL = 0.95  # of the intervals over seeds
POINTS = 80  # of a curve: as vectors a few thousand of them weigh less than an image
INTERVAL = "Bands and bars: 95 % interval of the mean over seeds (Student's t)."
DASHED, DOTTED = (0, (4, 2)), (0, (1, 1.5))


@dataclass(frozen=True)
class Look:
    """How an arm is drawn; line and marker tell it apart where colours do not."""

    colour: str
    line: Any = "-"
    marker: str = "o"

    def handle(self, label: str, **more: Any) -> Line2D:
        """Its entry in a legend."""
        return Line2D([], [], color=self.colour, linestyle=self.line, linewidth=1.8, label=label, **more)


LOOKS = {
    warmup_phrase(NO_WARMUP): Look(style.BLUE),
    "10 % warmup": Look(style.VERMILION, marker="s"),
    warmup_phrase(EQUAL_AREA): Look(style.GREEN, DASHED, "^"),
}


def warmup_of(arm: Arm) -> str:
    """`10 % warmup`, `no warmup`: what an arm is called where all arms share the rest, whatever its name adds."""
    shape, fraction = (arm.where[f"schedule.warmup.{name}"] for name in ("shape", "fraction"))
    layers = arm.where.get("schedule.warmup.layers")
    return warmup_phrase(EQUAL_AREA if shape == "equal_area" else warmup_label(shape, fraction, layers=layers))


def mean_and_interval(values: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Mean over the seeds that have a value, and its 95 % limits by Student's t: `values` [seed, ...] to [...] each.

    Null without a seed; the limits are null without two.
    """
    table = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(table)
    count = there.sum(axis=0)
    mean = np.where(there, table, 0).sum(axis=0) / np.where(count, count, np.nan)
    squares = (np.where(there, table - mean, 0) ** 2).sum(axis=0)
    freedom = np.where(count > 1, count - 1, np.nan)
    half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(squares / freedom / np.maximum(count, 1))
    return mean, mean - half, mean + half


def by_seed(series: pd.DataFrame) -> "dict[int, pd.Series[float]]":
    """The value over the step of every seed, from `Evidence.series` of an arm with one rate."""
    return {
        int(str(seed)): part.sort_values("step").set_index("step")["value"].dropna()
        for seed, part in series.groupby("seed")
    }


def estimated_sum(series: "pd.Series[float]", stop: float) -> float | None:
    """The sum over the steps before `stop`, with each measurement for its step and those up to the next.

    Of a series that is thinned, or measured now and then, no more can be known.
    """
    if series.empty or series.index[0] > 0:
        return None
    starts = series.index.to_numpy(dtype=np.float64)
    ends = np.minimum(np.append(starts[1:], max(stop, starts[-1])), stop)
    return float((series.to_numpy(dtype=np.float64) * np.clip(ends - starts, 0.0, None)).sum())


def steps_of(series: pd.DataFrame, points: int = POINTS) -> Floats:
    """Steps to draw a curve at: as many as there are, or `points` of equal distance."""
    first, last = int(series["step"].min()), int(series["step"].max())
    return np.unique(np.linspace(first, last, min(points, last - first + 1)).round())


def on_steps(series: pd.DataFrame, steps: Floats) -> Floats:
    """Every seed's series at `steps`, [seed, step]: straight between its own, null outside of them."""
    rows = [
        np.interp(steps, one.index.to_numpy(dtype=np.float64), one.to_numpy(), left=np.nan, right=np.nan)
        for one in by_seed(series).values()
        if len(one)
    ]
    return np.array(rows).reshape(len(rows), len(steps))


def draw_band(panel: Axes, x: Floats, values: Floats, look: Look, fewest: int = 1, markers: bool = False) -> None:
    """The mean of `values` [seed, point] over `x` with its interval, where `fewest` seeds have a value."""
    mean, low, high = mean_and_interval(values)
    enough = (~np.isnan(values)).sum(axis=0) >= fewest
    shown = np.where(enough, mean, np.nan)
    marker: dict[str, Any] = {"marker": look.marker, "markersize": 4.5, "markeredgecolor": "white"} if markers else {}
    panel.plot(x, shown, color=look.colour, linestyle=look.line, linewidth=1.7, zorder=3, **marker)
    panel.fill_between(x, np.where(enough, low, np.nan), high, color=look.colour, alpha=0.2, linewidth=0, zorder=2.2)


def draw_seeds(panel: Axes, x: Floats, values: Floats, look: Look) -> None:
    """Every seed thin."""
    for row in values:
        panel.plot(x, row, color=look.colour, linewidth=0.6, alpha=0.45, zorder=1.8)


def draw_bars(panel: Axes, x: ArrayLike, values: Floats, look: Look) -> None:
    """The mean of `values` [seed, point] at `x` as a marker with its interval, joined by a line."""
    mean, low, high = mean_and_interval(values)
    errors = np.nan_to_num(np.array([mean - low, high - mean]))
    panel.errorbar(
        np.asarray(x),
        mean,
        errors,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=4.5,
        markeredgecolor="white",
        linewidth=1.5,
        capsize=2,
        zorder=3,
    )


def dashed_line(panel: Axes, height: float) -> None:
    """Mark a level, as that of the unigram entropy."""
    panel.axhline(height, color="grey", linewidth=0.9, linestyle=DASHED, zorder=1)


def rate_axis(panel: Axes, rates: Sequence[float], vertical: bool = False) -> None:
    """A logarithmic axis of peak rates, each named: `8e-3`."""
    if vertical:
        panel.set_yscale("log")
    else:
        panel.set_xscale("log")
    axis = panel.yaxis if vertical else panel.xaxis
    axis.set_major_locator(FixedLocator(list(rates)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: rate_label(float(f"{value:.3g}"))))


def add_small_print(figure: Figure, evidence: Evidence, arms: Iterable[Arm], text: str) -> None:
    """What the figure does not say by itself, then the studies, runs, seeds and commits that it shows."""
    add_foot(figure, f"{text} {provenance(evidence, arms)}")


def provenance(evidence: Evidence, arms: Iterable[Arm]) -> str:
    """`Study claims: 30 runs, 10 seeds, commit 1c88901.`"""
    found: dict[str, list[pd.DataFrame]] = {}
    for arm in once(arms):
        runs = evidence.runs(arm)
        if len(runs):
            found.setdefault(arm.study, []).append(runs)
    sentences = []
    for study, parts in found.items():
        runs = pd.concat([part[["run_id", "seed"]].astype(str) for part in parts]).drop_duplicates("run_id")
        commits = [entry for entry in evidence.studies[study].manifest["commits"] if entry["commit"]]
        states = [f"{str(entry['commit'])[:7]}{' (modified)' if entry['dirty'] else ''}" for entry in commits]
        code = f", commit {listed(states)}" if 0 < len(states) < 4 else f", {len(states)} commits" if states else ""
        sentences.append(f"Study {study}: {plural(len(runs), 'run')}, {plural(runs['seed'].nunique(), 'seed')}{code}.")
    return " ".join(sentences)


def entropy_of(evidence: Evidence, arms: Iterable[Arm]) -> float:
    """The unigram entropy of the runs' corpus, null without runs."""
    found = [evidence.runs(arm)["unigram_entropy"].max() for arm in arms if len(evidence.runs(arm))]
    return max(found) if found else float("nan")
