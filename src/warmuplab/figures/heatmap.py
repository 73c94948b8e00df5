"""A map of the final held-out loss over warmup and peak learning rate."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from warmuplab.figures import style
from warmuplab.figures.heads import add_foot
from warmuplab.study.roles import Arms


def draw_heatmap(arms: Arms, settings: list[str], footer: str) -> Figure:
    """A map per setting: mean loss as colour and number, runs that did not train by name, grey where none ran."""
    table = arms.table[arms.table["setting"].isin(settings)]
    ceiling = arms.runs["unigram_entropy"].max()
    low = table["loss"].min()
    high = max(ceiling, low + 0.5) if pd.notna(ceiling) else table["loss"].max()
    norm = Normalize(low, high, clip=True)
    columns = min(len(settings), 3)
    rows = -(-len(settings) // columns)
    width = max(2.6, 0.75 + 0.82 * len(arms.warmups))
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(5.2, 1.2 + width * columns), 1.5 + rows * (0.55 + 0.52 * len(arms.rates))),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for place, panel in enumerate(axes.flat):
        if place < len(settings):
            _draw_map(panel, arms, table[table["setting"] == settings[place]], norm)
            panel.set_title(settings[place])
        else:
            panel.axis("off")
    for panel in axes[:, 0]:
        panel.set_ylabel("peak learning rate" if arms.rates != [""] else "")
    for panel in axes[-1, :]:
        panel.set_xlabel("warmup" if arms.warmups != [""] else "")
    figure.suptitle("Final held-out loss", x=0.01, ha="left", fontweight="bold")
    scale = plt.cm.ScalarMappable(norm, style.SEQUENTIAL)
    bar = figure.colorbar(scale, ax=axes, label="nats/token", shrink=0.9, pad=0.02, extend="max")
    if pd.notna(ceiling):
        bar.ax.axhline(ceiling, color="black", linewidth=1)
    note = f"Stuck: no better than word frequencies (unigram entropy {ceiling:.2f}); a diverged run counts as that."
    add_foot(figure, f"{note}\n{footer}")
    return figure


def _draw_map(panel: Axes, arms: Arms, table: pd.DataFrame, norm: Normalize) -> None:
    losses = np.full((len(arms.rates), len(arms.warmups)), np.nan)
    scale = colormaps[style.SEQUENTIAL]
    for arm in table.to_dict("records"):
        y, x = arms.rates.index(arm["rate"]), arms.warmups.index(arm["warmup"])
        losses[y, x] = arm["loss"]
        red, green, blue, _ = scale(norm(arm["loss"])) if pd.notna(arm["loss"]) else (1.0, 1.0, 1.0, 1.0)
        ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
        bad = [f"{arm[name]} of {arm['runs']} {name}" for name in ("stuck", "diverged", "failed") if arm[name]]
        mean = f"{arm['loss']:.2f}" if pd.notna(arm["loss"]) else "–"
        panel.annotate(
            mean, (x, y), (0, 5 if bad else 0), textcoords="offset points", ha="center", va="center", color=ink
        )
        panel.annotate(
            "\n".join(bad), (x, y), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=6, color=ink
        )
    panel.set_facecolor("#efefef")
    panel.imshow(np.ma.masked_invalid(losses), cmap=scale, norm=norm, aspect="auto", origin="lower")
    panel.set_xticks(range(len(arms.warmups)), arms.warmups)
    panel.set_yticks(range(len(arms.rates)), arms.rates)
    panel.grid(False)
    panel.set_xticks(np.arange(len(arms.warmups) + 1) - 0.5, minor=True)
    panel.set_yticks(np.arange(len(arms.rates) + 1) - 0.5, minor=True)
    panel.grid(which="minor", color="white", linewidth=1.5)
    panel.tick_params(which="both", length=0)
    for spine in panel.spines.values():
        spine.set_visible(False)
