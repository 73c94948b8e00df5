"""Rises of the held-out loss at a large rate: the loss, the lowest it had so far, and what lies between."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.confirm import CHOSEN, RATES
from warmuplab.claims.planned.measures import LARGEST_RISE
from warmuplab.claims.planned.place import NONE, PRE, WARM, Keys
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import LOOKS, WIDTH, add_small_print, by_seed

SHOWN = 320  # steps: the window in which rises are measured
TICKS = (0, 2, 5, 10, 20, 50, 100, 320)


def draw_rises(evidence: Evidence) -> Figure | None:
    """A panel per arm: every seed thin, the one with the median rise bold, its excess shaded; None without runs."""
    arms = {name: RATES.arm(name, PRE, keys, rates=(CHOSEN.pre_large,)) for name, keys in ARMS.items()}
    losses = {name: by_seed(evidence.series(arm, "probe/loss")) for name, arm in arms.items()}
    seed = _median_seed(evidence, arms["no warmup"])
    if seed is None or not all(seed in of_arm for of_arm in losses.values()):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharex=True, sharey=True, layout="constrained")
    for panel, (name, of_arm) in zip(axes, losses.items(), strict=True):
        for other in of_arm.values():
            panel.plot(other.index, other, color=LOOKS[name].colour, linewidth=0.5, alpha=0.3, zorder=2)
        lost = _draw_one(panel, of_arm[seed], LOOKS[name].colour)
        panel.set_title(f"{name}: {lost}", fontsize=9)
        panel.set_xlabel("step (linear up to 10, then logarithmic)")
        panel.set_xscale("symlog", linthresh=10, linscale=1.2)
        panel.set_xticks(TICKS, [str(tick) for tick in TICKS], fontsize=8)
        panel.minorticks_off()
        panel.set_xlim(0, SHOWN)
    axes[0].set_ylabel("loss on a fixed held-out batch [nats]")
    handles = [
        Line2D([], [], color=style.BLACK, linewidth=1.4, label=f"seed {seed}, the median one without warmup"),
        Line2D([], [], color=style.BLACK, linewidth=1, linestyle=":", label="lowest so far"),
        Patch(color="#999999", alpha=0.45, label="excess: the nat-steps lost"),
    ]
    add_head(figure, "Jumps of the held-out loss at a large peak rate", handles)
    note = f"Pre-LN without a norm at its end, peak rate {rate_label(CHOSEN.pre_large)}. Thin: every other seed."
    add_small_print(figure, evidence, arms.values(), note)
    return figure


ARMS: dict[str, Keys] = {"no warmup": NONE, "10 % warmup": WARM}


def _median_seed(evidence: Evidence, arm: Arm) -> int | None:
    """The seed whose largest rise is the median of those there, the lower of two."""
    rises_S = evidence.table(arm, LARGEST_RISE).values[:, 0]
    there = [(rise, seed) for rise, seed in zip(rises_S, arm.seeds, strict=True) if not np.isnan(rise)]
    return sorted(there)[(len(there) - 1) // 2][1] if there else None


def _draw_one(panel: Axes, losses: "pd.Series[float]", colour: str) -> str:
    """Draw a run with its running minimum; the largest rise and the nat-steps lost in the steps shown, in words."""
    early = losses[losses.index <= SHOWN]
    lowest = early.cummin()
    panel.plot(early.index, early, color=style.BLACK, linewidth=1.2, zorder=4)
    panel.plot(lowest.index, lowest, color=style.BLACK, linewidth=0.9, linestyle=":", zorder=4)
    panel.fill_between(early.index, lowest, early, color=colour, alpha=0.45, linewidth=0, zorder=3)
    excess = early - lowest
    return f"largest rise {excess.max():.1f} nats"
