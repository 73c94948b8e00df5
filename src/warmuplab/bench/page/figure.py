"""`bench.png` and `bench.svg` of a machine: throughput of the contenders, and growth over members."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from warmuplab.bench import growth, ratios
from warmuplab.bench.contenders import NAMES
from warmuplab.figures import style

OURS = ("sweep", "as_used", "single")


def write(folder: Path, parts: dict[str, Any]) -> list[Path]:
    """Draw what the parts have of it, the two files; none where they have nothing of it."""
    drawn = [name for name in ("contenders", "members") if name in parts]
    if not drawn:
        return []
    style.apply()
    widths = [3.0 if name == "contenders" else 2.0 for name in drawn]
    figure, axes = plt.subplots(1, len(drawn), figsize=(2.4 * sum(widths), 3.6), width_ratios=widths, squeeze=False)
    for name, axis in zip(drawn, axes[0], strict=True):
        DRAW[name](axis, parts[name]["measured_values"])
    figure.tight_layout()
    written = _save(figure, folder / "bench")
    plt.close(figure)
    return written


def _save(figure: Figure, path: Path) -> list[Path]:
    return style.save(figure, path)


def _contenders(axis: Axes, values: list[dict[str, Any]]) -> None:
    measured = {name: rates for name in NAMES if (rates := ratios.rates(values, name))}
    for place, (name, rates) in enumerate(measured.items()):
        median = statistics.median(rates.values())
        axis.barh(place, median, color=style.BLUE if name in OURS else style.ORANGE, height=0.6)
        axis.plot(list(rates.values()), [place] * len(rates), "o", color=style.BLACK, markersize=3)
        against = ratios.ratio(rates, measured.get("trainer", {}))
        label = f" {median:,.0f}" + (f", x {against.median:.2f}" if against else "")
        axis.annotate(label, (max(rates.values()), place), xytext=(4, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(measured)), [NAMES[name].replace(", ", ",\n") for name in measured])
    axis.invert_yaxis()
    axis.set_xlim(0, 1.45 * max((max(rates.values()) for rates in measured.values()), default=1))
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("source + target tokens per second\n(bar: median; dots: rounds; x: against Seq2SeqTrainer)")
    axis.set_title("Throughput while training")


def _members(axis: Axes, values: list[dict[str, Any]]) -> None:
    good = [value for value in values if "processes" in value]
    members = [value["members"] for value in good]
    milliseconds = [1000 * growth.per_member_step(value) for value in good]
    memory = [value["processes"][0]["peak_memory"] / 1e9 for value in good]
    axis.plot(members, milliseconds, "o-", color=style.BLUE)
    axis.set_ylim(0, 1.3 * max(milliseconds, default=1))
    axis.set_xscale("log", base=2)
    axis.set_xticks(members, [str(number) for number in members])
    axis.set_xlabel("members of a population")
    axis.set_ylabel("ms per member and step", color=style.BLUE)
    axis.set_title("Growth over members")
    beside = axis.twinx()
    beside.plot(members, memory, "s--", color=style.VERMILION)
    beside.set_ylim(0, 1.3 * max(memory, default=1))
    beside.set_ylabel("peak memory, GB", color=style.VERMILION)
    beside.grid(visible=False)


DRAW = {"contenders": _contenders, "members": _members}
