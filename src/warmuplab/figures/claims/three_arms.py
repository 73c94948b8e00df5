"""Figures of the claims that compare three arms at fixed rates: warmup, none, and none with the same early area."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from warmuplab.claims.arm import Arm
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.statistics import Floats
from warmuplab.figures.claims.arms import level as equal_area
from warmuplab.figures.claims.arms import warmed
from warmuplab.figures.claims.measures import READ_AT, SHARPNESS
from warmuplab.figures.heads import add_head
from warmuplab.figures.parts import (
    DASHED,
    DOTTED,
    INTERVAL,
    LOOKS,
    WIDTH,
    add_small_print,
    by_seed,
    draw_band,
    draw_bars,
    entropy_of,
    estimated_sum,
    mean_and_interval,
    warmup_of,
)
from warmuplab.series import levels
from warmuplab.study.results import LAYER_COLUMNS, LAYERS, read_table

SHOWN_FROM = 0.5  # nats above it: training starts far above, with nothing learned
DRIFT = "stability/cka_drift"
SHARPNESS_METRIC, EDGE = SHARPNESS.column, "curvature/preconditioned_edge"


@dataclass(frozen=True)
class Setting:
    """A network and a rate at which the three arms were trained."""

    title: str
    arms: tuple[Arm, ...]


def setting(title: str, rate: float, **where: Any) -> Setting:
    """The three arms there."""
    return Setting(title, (warmed(0.0, (rate,), **where), warmed(0.1, (rate,), **where), equal_area(rate, **where)))


SETTINGS = (
    setting("post-LN, peak lr 8e-3", 8e-3),
    setting("post-LN, peak lr 4e-3", 4e-3),
    setting("pre-LN, peak lr 1.6e-2", 1.6e-2, model__norm="pre"),
)


@dataclass(frozen=True)
class Followed:
    """A metric that is followed along the held-out loss."""

    metric: str
    read: "Callable[[pd.Series[float], float], float | None]"
    """Of its series and a step."""
    summary: str
    """What the summary values at `levels.LEVELS` begin with."""


def draw_memorisation(evidence: Evidence) -> Figure | None:
    """Loss on the earliest sentences minus loss on unseen ones at matched held-out loss; None without the probe."""
    return _draw_at_levels(
        evidence,
        Followed("overfit/memorisation", levels.value_at, "overfit/memorisation_at_"),
        "Memorisation of the first sentences, at matched progress",
        "early − unseen loss [nats/token]",
        "Loss on sentences of the first 5 % of the steps minus loss on unseen ones of like length: lower is more"
        " memorised. How easy the early sentences are adds a constant to all arms of a seed.",
        zero=True,
    )


def draw_distribution_path(evidence: Evidence) -> Figure | None:
    """KL divergences of all steps so far, by the held-out loss reached; None without the probe."""
    return _draw_at_levels(
        evidence,
        Followed("stability/kl", estimated_sum, "stability/kl_path_to_"),
        "Path of the output distribution, at matched progress",
        "KL path so far [nats/token]",
        "Sum of KL(before || after) of the steps until the held-out loss is reached: longer is less steady. After the"
        " early window every 16th step stands for those up to the next.",
    )


def _draw_at_levels(
    evidence: Evidence,
    followed: "Followed",
    title: str,
    unit: str,
    note: str,
    zero: bool = False,
) -> Figure | None:
    settings = [one for one in SETTINGS if any(len(evidence.series(arm, followed.metric)) for arm in one.arms)]
    if not settings:
        return None
    arms = [arm for one in settings for arm in one.arms]
    entropy = entropy_of(evidence, arms)
    figure, axes = _panels(1, len(settings), 3.5)
    for panel, one in zip(axes[0], settings, strict=True):
        lowest = entropy
        for arm in one.arms:
            losses, values = at_levels(evidence, arm, followed, entropy)
            look, half = LOOKS[warmup_of(arm)], -(-len(values) // 2)
            draw_band(panel, losses, values, look, max(1, half))
            reached = losses[(~np.isnan(values)).sum(axis=0) >= max(1, half)]
            lowest = min([lowest, *reached.tolist()])
        panel.axvline(entropy - READ_AT, color="grey", linewidth=0.9, linestyle=DASHED, zorder=1)
        if zero:
            panel.axhline(0, color="grey", linewidth=0.8, zorder=1)
        panel.set_xlim(entropy + SHOWN_FROM, lowest - 0.05)
        panel.set_title(one.title, fontsize=9, fontweight="normal")
        panel.set_xlabel("held-out loss [nats/token]")
    axes[0, 0].set_ylabel(unit)
    handles = [*_arm_handles(), Line2D([], [], color="grey", linewidth=0.9, linestyle=DASHED, label="judged here")]
    add_head(figure, title, handles)
    where = f"Training goes to the right; judged {READ_AT:g} nats below the unigram entropy ({entropy:.2f})."
    mean = "Mean of the seeds that got there, where half did. A seed's arms share sentences, so they differ more surely"
    mean += " than their bands suggest."
    add_small_print(figure, evidence, arms, f"{note} {where} {mean} {INTERVAL}")
    return figure


def at_levels(
    evidence: Evidence, arm: Arm, followed: Followed, entropy: float, points: int = 41
) -> tuple[Floats, Floats]:
    """A metric where the held-out loss first gets below each of `points` losses [point], [seed, point].

    Of a thinned series nothing can be summed up, so every run is moved to the summary values that it has at
    `levels.LEVELS`, and between them in proportion.
    """
    held_out, measured = (by_seed(evidence.series(arm, name)) for name in ("probe/loss", followed.metric))
    seeds = [seed for seed in held_out if seed in measured and len(measured[seed])]
    lowest = min([entropy, *(float(held_out[seed].min()) for seed in seeds)])
    losses = np.linspace(entropy + SHOWN_FROM, lowest, points)
    marks = np.array([entropy - level for level in levels.LEVELS])
    runs = evidence.runs(arm).drop_duplicates("seed").set_index("seed")
    exact = runs.reindex(columns=[f"{followed.summary}{levels.name_of(level)}" for level in levels.LEVELS])
    values = np.full((len(seeds), points), np.nan)
    for row, seed in enumerate(seeds):
        values[row] = _read_at(losses, held_out[seed], measured[seed], followed)
        off = exact.loc[seed].to_numpy(dtype=np.float64) - _read_at(marks, held_out[seed], measured[seed], followed)
        known = ~np.isnan(off)
        if known.any():
            values[row] += np.interp(-losses, -marks[known], off[known])
    return losses, values


def _read_at(losses: Floats, held_out: "pd.Series[float]", measured: "pd.Series[float]", followed: Followed) -> Floats:
    steps = [levels.crossing(held_out, loss) for loss in losses.tolist()]
    found = [None if step is None else followed.read(measured, step) for step in steps]
    return np.array([np.nan if value is None else value for value in found])


def draw_depth_drift(evidence: Evidence) -> Figure | None:
    """Drift of every layer in the early window; None where no layers were measured."""
    layers = layers_of(evidence, SETTINGS[0].arms[0].study)
    drifts = [(one, [drift_by_layer(evidence, arm, layers) for arm in one.arms]) for one in SETTINGS]
    drifts = [(one, of_arms) for one, of_arms in drifts if any(of_arms)]
    if not drifts:
        return None
    figure, axes = _panels(2, len(drifts), 4.8)
    for column, (one, of_arms) in enumerate(drifts):
        for row, stack in enumerate(("encoder", "decoder")):
            panel = axes[row, column]
            for place, (arm, of_stacks) in enumerate(zip(one.arms, of_arms, strict=True)):
                if stack in of_stacks:
                    values = of_stacks[stack]
                    beside = 0.07 * (place - 1)  # else the bars of the arms would hide each other
                    draw_bars(panel, np.arange(1, values.shape[1] + 1) + beside, values, LOOKS[warmup_of(arm)])
            panel.xaxis.set_major_locator(MultipleLocator(1))
            if row == 0:
                panel.set_title(one.title, fontsize=9, fontweight="normal")
            if column == 0:
                panel.set_ylabel(f"{stack}: drift [1 − CKA]")
        axes[1, column].set_xlabel("layer")
    for panel in axes[:, 0]:
        panel.set_ylim(bottom=0)  # once all panels of its row are drawn
    add_head(figure, "Drift of the layers in the early window", _arm_handles(markers=True))
    note = (
        "1 − linear CKA of a layer's output between two snapshots of the early window (the first fifth of the steps),"
        " mean over its snapshots. Judged: last layer of the decoder minus its first."
    )
    add_small_print(figure, evidence, [arm for one, _ in drifts for arm in one.arms], f"{note} {INTERVAL}")
    return figure


def layers_of(evidence: Evidence, study: str) -> pd.DataFrame | None:
    """What the study measured layer by layer; None where it did not."""
    whole = evidence.studies.get(study)
    if whole is None or not (whole.folder / LAYERS).exists():
        return None
    return read_table(study, whole.folder / LAYERS, (*LAYER_COLUMNS, "stack"))


def drift_by_layer(evidence: Evidence, arm: Arm, layers: pd.DataFrame | None) -> dict[str, Floats]:
    """Per stack the drift [seed, layer], mean over the snapshots in the early window; empty without measurements."""
    runs = evidence.runs(arm)
    if layers is None or DRIFT not in layers or runs.empty:
        return {}
    early = runs.assign(run_id=runs["run_id"].astype(str))[["run_id", "early_steps"]]
    rows = layers.assign(run_id=layers["run_id"].astype(str)).merge(early, on="run_id")
    rows = rows[rows["step"] < rows["early_steps"]]
    return {
        str(stack): part.pivot_table(DRIFT, "run_id", "layer").to_numpy(dtype=np.float64)
        for stack, part in rows.groupby("stack", observed=True)
        if part[DRIFT].notna().any()
    }


def draw_sharpness(evidence: Evidence) -> Figure | None:
    """Preconditioned sharpness over the steps, and how far it is from the edge of stability; None without the probe."""
    arms = [arm for arm in SETTINGS[0].arms if len(evidence.series(arm, SHARPNESS_METRIC))]
    if not arms:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.7), layout="constrained")
    for arm in arms:
        for panel, metric in zip(axes, (SHARPNESS_METRIC, EDGE), strict=True):
            steps, values = snapshots(evidence.series(arm, metric))
            _draw_logarithm(panel, steps, values, arm)
    early = max(float(evidence.runs(arm)["early_steps"].max()) for arm in arms)
    for panel in axes:
        panel.set_yscale("log")
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.axvline(early, color="grey", linewidth=0.9, linestyle=DOTTED, zorder=1)
        panel.set_xlabel("step")
    axes[0].set_ylabel("preconditioned sharpness")
    axes[1].set_ylabel("fraction of the edge, λ lr / 38")
    axes[1].axhline(1, color="grey", linewidth=0.9, linestyle=DASHED, zorder=1)
    handles = [LOOKS[warmup_of(arm)].handle(warmup_of(arm)) for arm in arms]
    handles.append(Line2D([], [], color="grey", linewidth=0.9, linestyle=DASHED, label="edge of stability"))
    add_head(figure, f"Sharpness as Adam sees it, {SETTINGS[0].title}", handles)
    note = (
        "Largest eigenvalue λ of the Hessian of the held-out loss, preconditioned as by Adam; Adam on a quadratic"
        " diverges above 38 / lr (Cohen et al. 2022). Dotted: end of the early window, before which it is judged."
        " Mean of the logarithm."
    )
    add_small_print(figure, evidence, arms, f"{note} {INTERVAL}")
    return figure


def snapshots(series: pd.DataFrame) -> tuple[Floats, Floats]:
    """The steps at which anything was measured, and the decimal logarithm there, [seed, step]; 0 has none."""
    positive = series[(series["value"] > 0) & (series["step"] > 0)]
    table = positive.pivot_table("value", "seed", "step")
    return table.columns.to_numpy(dtype=np.float64), np.log10(table.to_numpy(dtype=np.float64))


def _draw_logarithm(panel: Axes, steps: Floats, values: Floats, arm: Arm) -> None:
    mean, low, high = mean_and_interval(values)
    look = LOOKS[warmup_of(arm)]
    panel.plot(
        steps,
        10**mean,
        color=look.colour,
        linestyle=look.line,
        linewidth=1.7,
        marker=look.marker,
        markersize=4,
        markeredgecolor="white",
        zorder=3,
    )
    panel.fill_between(steps, 10**low, 10**high, color=look.colour, alpha=0.2, linewidth=0, zorder=2.2)


def _panels(rows: int, columns: int, height: float) -> "tuple[Figure, NDArray[np.object_]]":
    """Empty panels side by side that share the vertical axis of their row."""
    return plt.subplots(
        rows,
        columns,
        figsize=(WIDTH if columns > 1 else 4.8, height),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )


def _arm_handles(markers: bool = False) -> list[Line2D]:
    return [look.handle(name, **({"marker": look.marker} if markers else {})) for name, look in LOOKS.items()]
