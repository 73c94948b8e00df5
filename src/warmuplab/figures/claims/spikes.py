"""The figure of loss spikes: training losses with their spikes marked, without warmup and with it."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from warmuplab.base.words import rate_label
from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.figures.claims.arms import NONE, PRE_NONE, PRE_TENTH, TENTH
from warmuplab.figures.heads import add_head
from warmuplab.figures.panels import logarithmic
from warmuplab.figures.parts import LOOKS, WIDTH, add_small_print, warmup_of
from warmuplab.study.results import SPIKE_COLUMNS, SPIKES, read_table

SPIKING = (("post-LN", NONE, TENTH), ("pre-LN", PRE_NONE, PRE_TENTH))


def draw_spikes(evidence: Evidence) -> Figure | None:
    """Training loss with its spikes, without warmup and with it, of the runs with the highest; None without runs."""
    spikes = spikes_of(evidence, NONE.study)
    panels = [
        (network, rate, seed, arms) for network, *arms in SPIKING for rate, seed in highest(evidence, arms, spikes)
    ]
    if not panels:
        return None
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(WIDTH, 1.2 + 1.9 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat[len(panels) :]:
        panel.axis("off")
    for panel, (network, rate, seed, arms) in zip(axes.flat, panels, strict=False):
        shown = [_draw_spiking(panel, evidence, arm.at(rate), seed, spikes) for arm in arms]
        logarithmic(panel, pd.concat(shown))
        counts = " / ".join(_count(evidence, arm.at(rate), spikes) for arm in arms)
        panel.set_title(f"{network}, {rate_label(rate)}, seed {seed}", fontsize=9, fontweight="normal")
        panel.set_title(f"spikes/runs: {counts}", loc="right", fontsize=8, fontweight="normal", color="dimgrey")
    for panel in axes[:, 0]:
        panel.set_ylabel("loss [nats/token]")
    for panel in axes[-1]:
        panel.set_xlabel("step")
    handles = [LOOKS[warmup_of(arm)].handle(warmup_of(arm)) for arm in SPIKING[0][1:]]
    handles.append(Line2D([], [], color="dimgrey", marker="v", linestyle="", markersize=6, label="peak of a spike"))
    add_head(figure, "Spikes of the training loss, without warmup and with it", handles)
    note = (
        "Of each network the two peak rates with the highest spikes in either arm (the largest rates where there are"
        " none), and of each rate the seed with the highest one (the first where there is none). At the right: spikes"
        " in all runs at that rate, no warmup / 10 % warmup. Curves are thinned, with their extremes kept."
    )
    add_small_print(figure, evidence, [arm.at(rate) for _, rate, _, arms in panels for arm in arms], note)
    return figure


def spikes_of(evidence: Evidence, study: str) -> pd.DataFrame:
    """A row per spike of the study's training losses; no rows where they were not collected."""
    whole = evidence.studies.get(study)
    if whole is None or not (whole.folder / SPIKES).exists():
        return pd.DataFrame({name: [] for name in (*SPIKE_COLUMNS, "loss")})
    table = read_table(study, whole.folder / SPIKES, (*SPIKE_COLUMNS, "loss"))
    return table.assign(run_id=table["run_id"].astype(str))


def highest(evidence: Evidence, arms: Sequence[Arm], spikes: pd.DataFrame, count: int = 2) -> list[tuple[float, int]]:
    """So many (rate, seed) of some arms with the highest spikes in any of them, by rate, a rate once.

    Rates without a spike come last, the largest of them first, each with its first seed.
    """
    parts = [runs[["run_id", "seed", "rate"]] for arm in arms if len(runs := evidence.runs(arm))]
    if not parts:
        return []
    runs = pd.concat(parts).astype({"run_id": "str"}).merge(spikes[["run_id", "height"]], on="run_id", how="left")
    ordered = runs.fillna({"height": 0.0}).sort_values(["height", "rate", "seed"], ascending=[False, False, True])
    tops = ordered.drop_duplicates("rate").head(count).sort_values("rate")
    return [(float(row["rate"]), int(row["seed"])) for row in tops.to_dict("records")]


def _count(evidence: Evidence, arm: Arm, spikes: pd.DataFrame) -> str:
    """`3/10`: spikes, and the runs that they are in or not."""
    runs = evidence.runs(arm)["run_id"].astype(str)
    return f"{int(spikes['run_id'].isin(runs).sum())}/{len(runs)}"


def _draw_spiking(panel: Axes, evidence: Evidence, arm: Arm, seed: int, spikes: pd.DataFrame) -> "pd.Series[float]":
    """Draw a run's training loss with a mark above every spike; the losses drawn."""
    series = evidence.series(arm, "train/loss")
    series = series[series["seed"] == seed].sort_values("step")
    look = LOOKS[warmup_of(arm)]
    of_run = spikes[spikes["run_id"].isin(series["run_id"])]
    panel.plot(series["step"], series["value"], color=look.colour, linewidth=0.9, zorder=3)
    panel.plot(
        of_run["peak"], 1.06 * of_run["loss"], "v", color=look.colour, markersize=6, markeredgecolor="white", zorder=4
    )
    losses: pd.Series[float] = pd.concat([series["value"], of_run["loss"]])
    return losses
