"""Final loss over the length of the warmup: what the length that is needed grows with."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from warmuplab.base.words import rate_label
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.lengths.ladders import BATCH, BETA2, ENOUGH, Ladder, Situation, collected
from warmuplab.claims.planned.chosen import LADDER_RATES
from warmuplab.claims.planned.confirm import LENGTH
from warmuplab.claims.planned.place import PILOT
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import INTERVAL, WIDTH, Look, add_small_print, dashed_line, draw_bars

LOOKS = (Look(style.BLUE), Look(style.VERMILION, marker="s"), Look(style.GREEN, marker="^"))
TICKS = (0, 10, 40, 160, 640)
Panel = tuple[str, Callable[[Situation], bool], Callable[[Situation], str]]
PANELS: tuple[Panel, ...] = (
    ("run length", lambda at: at.steps != 400, lambda at: f"{at.steps:,} steps"),
    ("beta2, 400 steps", lambda at: at.steps == 400 and at.batch_size == BATCH, lambda at: f"beta2 {at.beta2:g}"),
    ("batch size, 400 steps", lambda at: at.steps == 400 and at.beta2 == BETA2, lambda at: f"batch {at.batch_size}"),
)


def draw_ladders(evidence: Evidence) -> Figure | None:
    """A panel for run length, beta2 and batch size; None without ladders."""
    place, ladders = collected(evidence, LENGTH)
    at_rate = [one for one in ladders if one.situation.peak_lr == LADDER_RATES[1]]
    if not at_rate:
        return None
    figure, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 3.3), sharey=True, layout="constrained")
    for panel, (title, belongs, name) in zip(axes, PANELS, strict=True):
        _draw_panel(panel, sorted((one for one in at_rate if belongs(one.situation)), key=_order), name)
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("warmup [steps]")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high + (high - low) / 3)  # the legends lie above the bars
    axes[0].set_ylabel("final loss above that of the best [nats]")
    add_head(figure, "Final loss over the length of the warmup")
    kind = " Tuning seeds of the pilot." if place == PILOT else ""
    shown = f"Post-LN, peak rate {rate_label(LADDER_RATES[1])}, against the best length seed by seed."
    note = f"{shown} Dashed: {ENOUGH:g} nats.{kind} {INTERVAL}"
    arms = [arm for one in at_rate for arm in one.arms]
    add_small_print(figure, evidence, arms, note)
    return figure


def _draw_panel(panel: Axes, ladders: Sequence[Ladder], name: Callable[[Situation], str]) -> None:
    for one, look in zip(ladders, LOOKS, strict=False):
        draw_bars(panel, one.steps, one.losses_SxL - one.losses_SxL[:, [one.best]], look)
        panel.plot([], [], color=look.colour, marker=look.marker, markersize=4.5, label=name(one.situation))
    dashed_line(panel, ENOUGH)
    panel.set_xscale("symlog", linthresh=10, linscale=0.5)
    panel.xaxis.set_major_locator(FixedLocator(list(TICKS)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlim(-3, 1.3 * max((max(one.steps) for one in ladders), default=TICKS[-1]))
    panel.legend(fontsize=7.5, loc="upper right", frameon=False)


def _order(one: Ladder) -> tuple[float, ...]:
    return one.situation.steps, one.situation.beta2, one.situation.batch_size
