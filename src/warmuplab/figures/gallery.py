"""The two figures of the notes and a gallery of every schedule and warmup, from the schedules alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from warmuplab.config.compose import CHECKOUT
from warmuplab.figures import style
from warmuplab.schedules import (
    SHAPES,
    UNTUNED_RULES,
    CosineDecay,
    ExponentialDecay,
    Noam,
    PiecewiseConstantDecay,
    Schedule,
    WarmupInverseTime,
    build,
    warmup_steps,
)

FOLDER = (CHECKOUT or Path()) / "results" / "notes" / "figures"
STEPS = 40_000
EVERY = 20  # steps between two drawn points: finer than a pixel

LINEAR_RISE = {"shape": "linear", "fraction": 0.1}
ONE_CYCLE_RISE = {"shape": "cosine", "fraction": 0.3, "start_factor": 0.04}

# Title -> the decays drawn under it, by their legend.
GALLERY: dict[str, dict[str, dict[str, Any]]] = {
    "constant": {"": {"name": "constant"}},
    "linear": {"": {"name": "linear"}},
    "polynomial": {f"power {power:g}": {"name": "polynomial", "power": power} for power in (0.5, 2.0, 4.0)},
    "cosine": {f"alpha {alpha:g}": {"name": "cosine", "alpha": alpha} for alpha in (0.0, 0.1)},
    "cosine_restarts": {"": {"name": "cosine_restarts"}},
    "exponential": {
        "smooth": {"name": "exponential"},
        "staircase": {"name": "exponential", "decay_rate": 0.8, "decay_fraction": 0.1, "staircase": True},
    },
    "piecewise": {
        "": {"name": "piecewise", "values": [1.0, 0.8, 0.4, 0.1], "boundary_fractions": [0.25, 0.5, 0.75]},
    },
    "inverse_sqrt": {"": {"name": "inverse_sqrt"}},
    "trapezoid": {f"{fall} fall": {"name": "trapezoid", "fall": fall} for fall in ("linear", "cosine", "1-sqrt")},
    "one_cycle": {"": {"name": "one_cycle"}},
    "warmup_inverse_time": {"": {"name": "warmup_inverse_time"}},
    "noam": {"": {"name": "noam", "d_model": 64}},
}


def draw_notes_figures(folder: Path = FOLDER) -> list[Path]:
    """Draw the three figures into `folder`; the files written."""
    style.apply()
    figures = {
        "schedules": draw_schedules,
        "transformer_schedule": draw_transformer_schedule,
        "gallery": draw_gallery,
    }
    written = []
    for name, draw in figures.items():
        figure = draw()
        written += style.save(figure, folder / name)
        plt.close(figure)
    return written


def draw_schedules() -> Figure:
    """The notes' first figure: four schedules over 40,000 steps."""
    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    schedules: dict[str, Schedule] = {
        "Cosine decay (0.001, 4,000 steps)": CosineDecay(0.001, 4000),
        "Exponential decay (0.001, 4,000 steps, 0.9)": ExponentialDecay(0.001, 4000, 0.9),
        "Piecewise constant decay (at 10k, 20k, 30k)": PiecewiseConstantDecay(
            [10_000, 20_000, 30_000], [0.001, 0.0008, 0.0004, 0.0001]
        ),
        "Warmup (0.001, 4,000 steps), then inverse time": WarmupInverseTime(0.001),
    }
    steps = np.arange(0, STEPS + 1, EVERY)
    for (label, schedule), line in zip(schedules.items(), ("-", "--", "-.", "-"), strict=True):
        axes.plot(steps, schedule(steps), line, label=label)
    axes.set(title="Learning rate schedules", xlabel="Training step", ylabel="Learning rate")
    figure.legend(loc="outside lower center", ncols=2)
    _finish(axes)
    return figure


def draw_transformer_schedule() -> Figure:
    """The notes' second figure: the rule of the transformer paper over 40,000 steps."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    noam = Noam(d_model=128, warmup_steps=4000)
    steps = np.arange(0, STEPS + 1, EVERY)
    axes.plot(steps, noam(steps), label="Noam (d_model 128, 4,000 warmup steps)")
    peak = float(noam(4000))
    axes.annotate(f"{peak:.2e} at step 4,000", (4000, peak), (8, -3), textcoords="offset points")
    axes.set(title="Transformer learning rate schedule", xlabel="Training step", ylabel="Learning rate")
    axes.legend(loc="upper right")
    _finish(axes)
    return figure


def draw_gallery() -> Figure:
    """Every decay after a linear warmup of a tenth of the run, and every warmup before a constant rate."""
    figure = plt.figure(figsize=(11, 10.5), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=[3, 1.45])
    upper, lower = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    upper.suptitle(
        "schedule=…  after a linear warmup over a tenth of the run (one_cycle: its own rise)", x=0.01, ha="left"
    )
    lower.suptitle("schedule/warmup=…  before a constant rate", x=0.01, ha="left")
    panels = upper.subplots(3, 4, sharex=True, sharey=True).flat
    for axes, (title, lines) in zip(panels, GALLERY.items(), strict=True):
        for line, (label, decay) in enumerate(lines.items()):
            _draw_share(axes, decay, ONE_CYCLE_RISE if title == "one_cycle" else LINEAR_RISE, label, line)
        axes.set_title(title)
        if len(lines) > 1:
            axes.legend(fontsize=8, handlelength=1.4)
        axes.label_outer()
    left, right = lower.subplots(1, 2, sharey=True)
    for line, shape in enumerate(shape for shape in SHAPES if shape != "none"):
        _draw_share(left, {"name": "constant"}, {"shape": shape, "fraction": 0.5}, shape, line)
    left.set(title="shapes, over half of this run", xlabel="step / training.steps")
    for line, rule in enumerate(UNTUNED_RULES):
        _draw_share(right, {"name": "constant"}, {"shape": rule, "beta2": 0.98}, rule, line, total=400)
    right.set(title="untuned rules, beta2 = 0.98", xlabel="step")
    right.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 400:.0f}"))
    right.axvline(0.25, color="grey", linewidth=0.8, linestyle=":")
    right.annotate("2 / (1 - beta2)", (0.25, 0.02), (4, 0), textcoords="offset points", color="dimgrey", fontsize=8)
    for axes in (left, right):
        axes.legend(fontsize=8, loc="lower right")
    for group in (upper, lower):
        group.supylabel("learning rate / peak", fontsize=9)
    upper.supxlabel("step / training.steps", fontsize=9)
    return figure


def _draw_share(
    axes: Axes, decay: Mapping[str, Any], warmup: Mapping[str, Any], label: str, line: int, total: int = 10_000
) -> None:
    """Learning rate over the peak against step over the run's length."""
    peak = None if decay["name"] in ("noam", "piecewise") else 1.0
    config = {"peak_lr": peak, "warmup": warmup, "decay": decay}
    steps = np.arange(0, total, max(total // 2000, 1))
    schedule = build(config, total)
    top = float(schedule(warmup_steps(config, total))) if peak is None else 1.0
    axes.plot(steps / total, schedule(steps) / top, ("-", "--", "-.", ":")[line % 4], label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.05))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1))


def _finish(axes: Axes) -> None:
    axes.set(xlim=(0, STEPS), ylim=(0, None))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
