"""Figures of the claims about the final loss: a map over warmup and peak rate, and arms ranked at their best rates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import FINAL_LOSS
from warmuplab.figures import style
from warmuplab.figures.claims.arms import (
    AT_SHORT,
    FALLING,
    GI_ADAM,
    NO_FALL,
    NO_PLATEAU,
    NO_RISE,
    NONE,
    PRE_NONE,
    PRE_TENTH,
    RADAM,
    TENTH,
    WARMUP_SCHEDULE,
    WHOLE,
    scheduled,
)
from warmuplab.figures.claims.best import chosen_by_others
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import INTERVAL, WIDTH, add_small_print, entropy_of, mean_and_interval
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms, arrange

WARMED_UP = tuple(
    replace(scheduled(f"{arm.name}, 10 % warmup", arm.name, 0.1), seeds=(0, 1, 2, 3, 4)) for arm in FALLING
)  # with half the seeds: they are in no verdict
COLOURS = 16  # of the map: enough to read, and few enough for a small file
MAPPED = (*AT_SHORT, PRE_NONE, PRE_TENTH)


@dataclass(frozen=True)
class AtBest:
    """An arm at its own best peak rate."""

    name: str
    values: Floats
    """[seed], final held-out loss at the rate that is best on the other seeds."""
    rates: dict[float, int]
    """The rates chosen, with the number of seeds."""

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def rates_text(self) -> str:
        """`8e-3`, or `4e-3 (3), 8e-3 (7)` where seeds choose differently."""
        if len(self.rates) == 1:
            return rate_label(next(iter(self.rates)))
        return ", ".join(f"{rate_label(rate)} ({count})" for rate, count in sorted(self.rates.items()))


def at_best(evidence: Evidence, arm: Arm) -> AtBest | None:
    """An arm at the best of the rates it was trained at; None with fewer than two seeds that have all of these."""
    loss = evidence.table(arm, FINAL_LOSS).values
    there = ~np.isnan(loss).all(axis=0)
    if not there.any():
        return None
    rates = np.array(arm.rates)[there]
    values, chosen = chosen_by_others(loss[:, there])
    complete = ~np.isnan(values)
    if not complete.any():
        return None
    found, counts = np.unique(rates[chosen[complete]], return_counts=True)
    return AtBest(arm.name, values[complete], dict(zip(found.tolist(), counts.tolist(), strict=True)))


def draw_shapes(evidence: Evidence) -> Figure | None:
    """The whole shape of the rate against its parts."""
    return _draw_ranking(evidence, (WHOLE, NO_RISE, NO_PLATEAU, NO_FALL), "Rise, plateau, fall: what each part gives")


def draw_schedule_ranking(evidence: Evidence) -> Figure | None:
    """The notes' four schedules, and the falling ones behind a warmup."""
    named = replace(WARMUP_SCHEDULE, name="warmup, inverse of the step")
    arms = (named, *(replace(arm, name=f"{arm.name}, no warmup") for arm in FALLING), *WARMED_UP)
    few = "Falling schedules with 10 % warmup: half the seeds, in no verdict."
    return _draw_ranking(evidence, arms, "Schedules from best to worst", few)


def draw_optimizers(evidence: Evidence) -> Figure | None:
    """Optimizers that are said to do without warmup, beside Adam with it and without."""
    arms = (
        replace(TENTH, name="Adam, 10 % warmup"),
        replace(NONE, name="Adam, no warmup"),
        replace(RADAM, name="RAdam, no warmup"),
        replace(GI_ADAM, name="GI-Adam, no warmup"),
    )
    return _draw_ranking(evidence, arms, "Optimizers without warmup against Adam with it")


def _draw_ranking(evidence: Evidence, arms: Sequence[Arm], title: str, more: str = "") -> Figure | None:
    """Arms from best to worst, each at its own best rate: every seed a dot, the mean with its interval."""
    found = [(arm, best) for arm in arms if (best := at_best(evidence, arm)) is not None]
    if not found:
        return None
    found.sort(key=lambda pair: pair[1].mean)
    figure, panel = plt.subplots(figsize=(WIDTH, 1.35 + 0.42 * len(found)), layout="constrained")
    for place, (_, best) in enumerate(found):
        mean, low, high = mean_and_interval(best.values)
        spread = 0.14 + 0.12 * np.linspace(-1, 1, len(best.values))
        panel.plot(
            best.values, place + spread, "o", color=style.BLUE, markersize=3.5, alpha=0.5, markeredgewidth=0, zorder=2
        )
        panel.plot([low, high], [place - 0.18] * 2, color=style.BLUE, linewidth=2, solid_capstyle="butt", zorder=3)
        panel.plot(mean, place - 0.18, "D", color=style.BLUE, markersize=6, markeredgecolor="white", zorder=4)
        text = f"{best.mean:.2f} at {best.rates_text}"
        panel.annotate(
            text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
        )
    panel.set_yticks(range(len(found)), [best.name for _, best in found])
    panel.set_ylim(len(found) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    panel.set_xlabel("final held-out loss [nats/token]")
    add_head(figure, title)
    note = (
        "Each arm at its own best peak rate, which the other seeds choose; beside it the mean and these rates, with the"
        " number of seeds where they differ. Dots: every seed."
    )
    steps = "Post-LN, 200 steps."
    add_small_print(figure, evidence, [arm for arm, _ in found], f"{steps} {note} {more} {INTERVAL}")
    return figure


def draw_phase_diagram(evidence: Evidence) -> Figure | None:
    """Final held-out loss over warmup and peak rate, a map per normalisation; None without runs."""
    arms = arranged(evidence)
    if arms is None or not arms.table["loss"].notna().any():
        return None
    there = {setting: [w for w in arms.warmups if len(arms.runs[_of(arms, setting, w)])] for setting in arms.settings}
    entropy = entropy_of(evidence, MAPPED)
    norm = Normalize(arms.table["loss"].min(), max(entropy, arms.table["loss"].min() + 0.1), clip=True)
    figure, axes = plt.subplots(
        1,
        len(there),
        figsize=(WIDTH, max(3.0, 1.25 + 0.42 * len(arms.rates))),
        width_ratios=[len(warmups) for warmups in there.values()],
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, (setting, warmups) in zip(axes[0], there.items(), strict=True):
        _draw_map(panel, arms, setting, warmups, norm)
        panel.set_title(setting or "all", fontsize=9, fontweight="normal")
        panel.set_xlabel("warmup")
    axes[0, 0].set_ylabel("peak learning rate")
    scale = plt.cm.ScalarMappable(norm, colormaps[style.SEQUENTIAL].resampled(COLOURS))
    figure.colorbar(scale, ax=axes, label="final held-out loss [nats/token]", pad=0.015, aspect=28, extend="max")
    add_head(figure, "Which warmup and peak rate train")
    note = (
        "Mean over seeds; below it, how many of them ended stuck, no better than word frequencies (unigram entropy"
        f" {entropy:.2f}), or diverged, which counts as that. Framed: the best rate of each warmup. Linear decay, Adam,"
        " 200 steps."
    )
    add_small_print(figure, evidence, MAPPED, note)
    return figure


def arranged(evidence: Evidence) -> Arms | None:
    """The runs of the map in their roles; None without any."""
    whole = evidence.studies.get(MAPPED[0].study)
    parts = [runs for arm in MAPPED if len(runs := evidence.runs(arm))]
    if whole is None or not parts:
        return None
    runs = pd.concat(parts).drop_duplicates("run_id").drop(columns="rate")
    varying = {key: values for key, values in whole.manifest["varying"].items() if key in runs and _varies(runs[key])}
    return arrange(Study(whole.name, whole.folder, runs, whole.curves, whole.manifest | {"varying": varying}))


def _varies(column: "pd.Series[str]") -> bool:
    return column.map(repr).nunique() > 1


def _of(arms: Arms, setting: str, warmup: str) -> "pd.Series[bool]":
    return (arms.runs["setting"] == setting) & (arms.runs["warmup"] == warmup)


def _draw_map(panel: Axes, arms: Arms, setting: str, warmups: Sequence[str], norm: Normalize) -> None:
    losses = np.full((len(arms.rates), len(warmups)), np.nan)
    scale = colormaps[style.SEQUENTIAL].resampled(COLOURS)
    table = arms.table[arms.table["setting"] == setting]
    for arm in table.to_dict("records"):
        y, x = arms.rates.index(arm["rate"]), warmups.index(arm["warmup"])
        losses[y, x] = arm["loss"]
        red, green, blue, _ = scale(norm(arm["loss"]))
        ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
        bad = [f"{arm[name]} {name}" for name in ("stuck", "diverged") if arm[name]]
        text = "\n".join([f"{arm['loss']:.2f}", *bad])
        panel.text(x, y, text, ha="center", va="center", color=ink, fontsize=7, linespacing=1.1)
    panel.imshow(np.ma.masked_invalid(losses), cmap=scale, norm=norm, aspect="auto", origin="lower")
    for x, column in enumerate(losses.T):
        if np.isfinite(column).sum() > 1:
            y = int(np.nanargmin(column))
            panel.add_patch(
                Rectangle(
                    (x - 0.46, y - 0.45), 0.92, 0.9, fill=False, edgecolor=style.VERMILION, linewidth=1.8, zorder=5
                )
            )
    panel.set_facecolor("#efefef")
    panel.set_xticks(range(len(warmups)), warmups, fontsize=8)
    panel.set_yticks(range(len(arms.rates)), arms.rates, fontsize=8)
    panel.grid(False)
    panel.set_xticks(np.arange(len(warmups) + 1) - 0.5, minor=True)
    panel.set_yticks(np.arange(len(arms.rates) + 1) - 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=1.2)
    panel.tick_params(which="both", length=0)
    for spine in panel.spines.values():
        spine.set_visible(False)
