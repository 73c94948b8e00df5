"""Rates that are read off ramps: what jitter suggests for networks whose best rates differ, and what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.planned.confirm import JITTER
from warmuplab.claims.planned.place import Place
from warmuplab.claims.planned.widths import networks
from warmuplab.claims.statistics import Floats
from warmuplab.claims.terms import AtReadRate
from warmuplab.figures import style
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import INTERVAL, WIDTH, Look, add_small_print, draw_bars

LOOKS = (
    Look(style.BLUE),
    Look(style.VERMILION, marker="s"),
    Look(style.GREEN, marker="^"),
    Look(style.PURPLE, marker="D"),
)
READ, RANDOM = Look(style.BLUE, line=""), Look("#777777", line="", marker="s")


@dataclass(frozen=True)
class Read:
    """A network with what its ramps suggest."""

    name: str
    best: float
    """The rate of the grid with the lowest mean loss."""
    rates_S: Floats
    """What the ramp of each seed suggests, null where nothing."""
    at_read_S: Floats
    """Loss at that rate above the best of the grid, nats."""
    random_S: Floats
    """Mean loss over the grid above the best."""
    arms: tuple[Arm, Arm]


def draw_ramps(evidence: Evidence, place: Place = JITTER) -> Figure | None:
    """Suggested against best rates, and what they cost; None without runs."""
    found = [one for network in networks(place) if (one := _read(evidence, place, *network)) is not None]
    if not found:
        return None
    figure, (rates, losses) = plt.subplots(1, 2, figsize=(WIDTH, 3.4), layout="constrained")
    _draw_rates(rates, found)
    _draw_losses(losses, found)
    handles = [
        Line2D([], [], linestyle="", marker=look.marker, color=look.colour, markersize=5, label=one.name)
        for one, look in zip(found, LOOKS, strict=False)
    ]
    add_head(figure, "Does the place where a ramp jitters tell the peak rate?", handles)
    note = "Jitter sets in where at least one step in four raises the loss. A random rate is one of the network's grid."
    add_small_print(figure, evidence, [arm for one in found for arm in one.arms], f"{note} {INTERVAL}")
    return figure


def _read(evidence: Evidence, place: Place, name: str, arm: Arm, ramp: Arm) -> Read | None:
    losses_SxR = evidence.table(arm, place.loss).values
    term = AtReadRate((arm,), (ramp,), arm.rates[len(arm.rates) // 2], loss=place.loss)
    at_read_S = term.read(evidence).values
    if np.isnan(losses_SxR).any() or np.isnan(at_read_S).any():
        return None
    best = int(losses_SxR.mean(axis=0).argmin())
    lowest_S = losses_SxR[:, best]
    random_S = losses_SxR.mean(axis=1) - lowest_S
    return Read(name, arm.rates[best], term.suggested(evidence, 0), at_read_S - lowest_S, random_S, (arm, ramp))


def _draw_rates(panel: Axes, found: Sequence[Read]) -> None:
    limits = [np.inf, 0.0]
    for one, look in zip(found, LOOKS, strict=False):
        told_S = one.rates_S[~np.isnan(one.rates_S)]
        beside = one.best * np.exp(0.06 * np.linspace(-1, 1, len(told_S)))
        panel.plot(beside, told_S, look.marker, color=look.colour, markersize=3.2, alpha=0.5, markeredgewidth=0)
        limits = [min(limits[0], one.best, *told_S), max(limits[1], one.best, *told_S)]
    panel.plot(limits, limits, color="grey", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title("what the ramp suggests", fontsize=9)
    panel.set_xlabel("best rate of the grid")
    panel.set_ylabel("rate at which jitter sets in")


def _draw_losses(panel: Axes, found: Sequence[Read]) -> None:
    places = np.arange(len(found))
    for shift, look, values, label in (
        (-0.1, READ, [one.at_read_S for one in found], "at the rate that the ramp suggests"),
        (0.1, RANDOM, [one.random_S for one in found], "at a random rate"),
    ):
        draw_bars(panel, places + shift, np.stack(values, axis=1), look)
        panel.plot([], [], look.marker, color=look.colour, markersize=4.5, label=label)
    panel.axhline(0, color="black", linewidth=0.8, zorder=1)
    panel.set_xticks(places, [one.name for one in found], fontsize=8)
    panel.set_xlim(-0.5, len(found) - 0.5)
    panel.set_title("what that costs", fontsize=9)
    panel.set_ylabel("loss above the best rate [nats]")
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + (high - low) / 4)  # the legend lies above the bars
    panel.legend(fontsize=7.5, loc="upper left", frameon=False)
