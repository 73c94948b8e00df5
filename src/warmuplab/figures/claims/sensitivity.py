"""Final loss over the peak rate, with warmup and without: what warmup makes usable."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.confirm import CHOSEN, RATES
from warmuplab.claims.planned.grids import POST_RATES
from warmuplab.claims.planned.place import NONE, POST, PRE, WARM
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import (
    INTERVAL,
    LOOKS,
    WIDTH,
    Look,
    add_small_print,
    dashed_line,
    draw_bars,
    entropy_of,
    rate_axis,
)

PRE_NONE_RATES = (CHOSEN.pre_best, CHOSEN.pre_best_warm, CHOSEN.pre_large)
ARMS: Mapping[str, Mapping[str, Arm]] = {
    "post-LN": {
        "no warmup": RATES.arm("no warmup", POST, NONE, rates=POST_RATES),
        "10 % warmup": RATES.arm("10 % warmup", POST, WARM, rates=POST_RATES),
    },
    "pre-LN": {
        "no warmup": RATES.arm("no warmup", PRE, NONE, rates=PRE_NONE_RATES),
        "10 % warmup": RATES.arm("10 % warmup", PRE, WARM, rates=PRE_NONE_RATES[1:]),
    },
}


def draw_sensitivity(evidence: Evidence) -> Figure | None:
    """A panel per network: means with intervals, every seed, and how many are stuck; None without runs."""
    every = [arm for arms in ARMS.values() for arm in arms.values()]
    if not any(len(evidence.runs(arm)) for arm in every):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharey=True, width_ratios=(5, 3), layout="constrained")
    stuck = entropy_of(evidence, every)
    for panel, (network, arms) in zip(axes, ARMS.items(), strict=True):
        for side, (name, arm) in zip((-1, 1), arms.items(), strict=True):
            _draw_arm(panel, evidence, arm, LOOKS[name], side)
        dashed_line(panel, stuck)
        rate_axis(panel, sorted({rate for arm in arms.values() for rate in arm.rates}))
        panel.set_title(network, fontsize=9)
        panel.set_xlabel("peak learning rate")
    axes[0].set_ylabel("final loss on the test split [nats/token]")
    axes[0].set_ylim(None, stuck + 0.45)
    handles = [look.handle(name, marker=look.marker) for name, look in list(LOOKS.items())[:2]]
    add_head(figure, "Final loss over the peak rate, with warmup and without", handles)
    note = (
        "800 steps. Dots: every seed. Dashed: a network that knows word frequencies alone; numbers above it are seeds"
        f" that end there. {INTERVAL}"
    )
    add_small_print(figure, evidence, every, note)
    return figure


def _draw_arm(panel: Axes, evidence: Evidence, arm: Arm, look: Look, side: int) -> None:
    table = evidence.table(arm, RATES.loss)
    places = np.array(arm.rates) * 1.035**side  # arms of one rate beside each other
    for place, losses_S in zip(places, table.values.T, strict=True):
        panel.plot(
            np.full(len(losses_S), place), losses_S, "o", color=look.colour, markersize=2.4, alpha=0.4,
            markeredgewidth=0, zorder=2,
        )  # fmt: skip
    draw_bars(panel, places, table.values, look)
    for place, count in zip(places, table.at_ceiling.sum(axis=0), strict=True):
        if count:
            top = 0.97 if side < 0 else 0.92
            panel.text(place, top, str(count), color=look.colour, fontsize=7.5, ha="center", va="top",
                       transform=panel.get_xaxis_transform())  # fmt: skip
