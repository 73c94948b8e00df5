"""Where in the network warmup is needed: final loss with warmup of one part alone."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.chosen import FEW
from warmuplab.claims.planned.confirm import LAYERS
from warmuplab.claims.planned.layers import BELOW, ON_CLIFF, PRE_RATE, layer_arms
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import (
    WIDTH,
    add_small_print,
    entropy_of,
    mean_and_interval,
)

PARTS = {
    "none": "nothing",
    "embedding": "embedding",
    "encoder": "encoder",
    "decoder": "decoder",
    "shallow": "shallow half",
    "deep": "deep half",
    "all": "everything",
    "longer encoder": "encoder, 3 times as long",
    "equal area": "decoder: equal area",
}
"""What is warmed up, as the figure says it, from the top."""
NOTE = (
    "400 steps, 10 % of warmup. Grey: nothing and everything warmed up. Halves are of both stacks; the embedding is"
    " shared with the output. Equal area: no warmup of the decoder, but as much rate over its first fifth. Rows without"
    " points were not run; at 8e-3 most have 8 seeds. Numbers: seeds that got stuck. Bars: 95 % interval of the mean."
)
FEWER = ("all", "deep", "shallow", "encoder", "decoder")  # of few seeds below the cliff


def panels() -> list[tuple[str, dict[str, Arm]]]:
    """Title and arms of every panel."""
    below = layer_arms(LAYERS, BELOW) | {
        name: arm for name, arm in layer_arms(LAYERS, BELOW, seeds=FEW).items() if name in FEWER
    }
    return [
        (f"post-LN, {rate_label(BELOW)}", below),
        (f"post-LN, {rate_label(ON_CLIFF)}", layer_arms(LAYERS, ON_CLIFF)),
        (f"pre-LN, {rate_label(PRE_RATE)}", layer_arms(LAYERS, PRE_RATE, before=True)),
    ]


def draw_layers(evidence: Evidence) -> Figure | None:
    """A row per part that is warmed up alone, a panel per network and rate; None without runs."""
    drawn = [(title, {name: arm for name, arm in arms.items() if len(evidence.runs(arm))}) for title, arms in panels()]
    every = [arm for _, arms in drawn for arm in arms.values()]
    if not every:
        return None
    rows = [name for name in PARTS if any(name in arms for _, arms in drawn)]
    figure, axes = plt.subplots(
        1, len(drawn), figsize=(WIDTH, 1.5 + 0.27 * len(rows)), sharey=True, layout="constrained"
    )
    for panel, (title, arms) in zip(axes, drawn, strict=True):
        for place, name in enumerate(rows):
            if name in arms:
                _draw_arm(panel, place, evidence.table(arms[name], LAYERS.loss).values[:, 0], name)
        panel.set_title(title, fontsize=9)
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(rows)), [PARTS[name] for name in rows], fontsize=8)
    axes[0].set_ylim(len(rows) - 0.5, -0.6)
    stuck = entropy_of(evidence, every)
    for panel, (_, arms) in zip(axes, drawn, strict=True):
        for place, name in enumerate(rows):
            count = int(evidence.table(arms[name], LAYERS.loss).at_ceiling.sum()) if name in arms else 0
            if count:
                panel.text(stuck + 0.07, place, str(count), fontsize=7, color="dimgrey", va="center")
    for panel in axes:
        if panel.get_xlim()[1] > stuck - 0.1:
            panel.axvline(stuck, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    axes[1].set_xlabel("final loss on the test split [nats/token], lower is better", fontsize=9)
    handles = [
        Line2D([], [], linestyle="", marker="o", color=style.BLUE, alpha=0.55, markersize=4, label="a seed"),
        Line2D([], [], color=style.BLACK, marker="D", markersize=5, label="mean, 95 % interval"),
        Line2D([], [], color="grey", linewidth=0.9, linestyle=(0, (4, 2)), label="stuck: word frequencies only"),
    ]
    add_head(figure, "Where warmup is needed: warmup of one part, the full rate elsewhere", handles)
    add_small_print(figure, evidence, every, NOTE)
    return figure


def _draw_arm(panel: Axes, place: int, losses_S: np.ndarray, name: str) -> None:
    losses_S = losses_S[~np.isnan(losses_S)]
    spread = 0.16 * np.linspace(-1, 1, len(losses_S))
    colour = "#777777" if name in ("none", "all") else style.BLUE
    panel.plot(
        losses_S, place + 0.12 + spread, "o", color=colour, markersize=2.6, alpha=0.5, markeredgewidth=0, zorder=3
    )
    mean, low, high = mean_and_interval(losses_S)
    panel.plot([low, high], [place - 0.2] * 2, color="black", linewidth=1.6, solid_capstyle="butt", zorder=4)
    panel.plot(mean, place - 0.2, "D", color="black", markersize=4.6, markeredgecolor="white", zorder=5)
