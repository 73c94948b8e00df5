"""What a study's claims compare, as lines that W&B draws itself: a chart per claim that lines can show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import claims_about, gather, studies_of
from warmuplab.claims.terms import FINAL_LOSS, Value
from warmuplab.record.directory import PROBE_LOSS
from warmuplab.series.catalogue import SERIES, Metric
from warmuplab.series.thinning import kept_positions
from warmuplab.study.results import Study
from warmuplab.study.roles import RATE, Arms, arrange

MOST_POINTS = 100  # of a line: W&B draws at most 10,000 of a chart
TIME_TO_LEVEL = "probe/steps_to_"  # until the held-out loss is so low
FINAL, RATE_AXIS = "Final held-out loss [nats per token]", "peak learning rate"

Line = tuple[list[float], list[float]]
"""Places on the axis, rising, and the value at each."""


@dataclass(frozen=True)
class Chart:
    """Lines over one axis."""

    name: str
    title: str
    axis: str
    lines: Mapping[str, Line]


def charts_of(study: Study) -> list[Chart]:
    """The charts of `study`: of the claims about it, or of its arms where there are no claims."""
    claims = claims_about(study.name)
    if not claims:
        return _over_rates(arrange(study))
    evidence = gather(study, studies_of(claims), study.folder.parent)
    charts = (chart_of(claim, evidence) for claim in claims)
    return [chart for chart in charts if chart is not None]


def chart_of(claim: Claim, evidence: Evidence) -> Chart | None:
    """The arms of a claim as lines, means over seeds; None where fewer than two of them can be drawn.

    Arms with a grid of peak rates: the final held-out loss over the rate, diverged and stuck runs at the unigram
    entropy as in the verdict. Else: what the claim measures over the steps, where that is read from one series.
    """
    lines = _by_name(claim.arms, lambda arm: _over_rate(arm, evidence))
    if len(lines) > 1:
        return Chart(claim.id, f"{claim.statement} {FINAL}", RATE_AXIS, lines)
    metric = _series_of(claim)
    if metric is None:
        return None
    lines = _by_name(claim.arms, lambda arm: _over_steps(arm, evidence, metric.name))
    title = f"{claim.statement} {metric.label}{f' [{metric.unit}]' if metric.unit else ''}"
    return Chart(claim.id, title, "step", lines) if len(lines) > 1 else None


def _by_name(arms: Sequence[Arm], line_of: Callable[[Arm], Line | None]) -> dict[str, Line]:
    """The lines of the arms that have one; the second arm of a name is told apart by a number."""
    lines: dict[str, Line] = {}
    for arm in arms:
        line = line_of(arm)
        if line is not None:
            lines[f"{arm.name} ({len(lines) + 1})" if arm.name in lines else arm.name] = line
    return lines


def _over_rate(arm: Arm, evidence: Evidence) -> Line | None:
    if len(arm.rates) < 2:
        return None
    losses = evidence.table(arm, FINAL_LOSS).values
    there = ~np.isnan(losses).all(axis=0)
    if there.sum() < 2:
        return None
    return np.array(arm.rates)[there].tolist(), np.nanmean(losses[:, there], axis=0).tolist()


def _series_of(claim: Claim) -> Metric | None:
    """The series that a claim's number per seed is read from; None where that is more than one, or none."""
    terms = [term for comparison in claim.contrasts for term in (*comparison.plus, *comparison.minus)]
    columns = {term.measure.column for term in terms if isinstance(term, Value)}
    if len(columns) != 1:
        return None
    column = columns.pop()
    if column == FINAL_LOSS.column or column.startswith(TIME_TO_LEVEL):
        return SERIES[PROBE_LOSS]
    names = [name for name in SERIES if column == name or column.startswith((f"{name}_at_", f"{name}_path_to_"))]
    return SERIES[names[0]] if names else None


def _over_steps(arm: Arm, evidence: Evidence, metric: str) -> Line | None:
    """The mean over seeds, where all of them go on; what lies between two steps of a seed is taken as straight."""
    series = evidence.series(arm, metric).dropna(subset="value")
    seeds = [one.sort_values("step") for _, one in series.groupby("seed")]
    if len(arm.rates) > 1 or not seeds:
        return None
    first, last = max(one["step"].iloc[0] for one in seeds), min(one["step"].iloc[-1] for one in seeds)
    steps = np.unique(np.concatenate([one["step"].to_numpy() for one in seeds]))
    steps = steps[(steps >= first) & (steps <= last)]
    if len(steps) < 2:
        return None
    mean = np.mean([np.interp(steps, one["step"], one["value"]) for one in seeds], axis=0)
    kept = kept_positions(mean, MOST_POINTS, MOST_POINTS)
    return steps[kept].tolist(), mean[kept].tolist()


def _over_rates(arms: Arms) -> list[Chart]:
    """A chart per setting: the final held-out loss over the peak rate, a line per warmup."""
    charts = []
    for setting in arms.settings if RATE in arms.runs else ():
        lines: dict[str, Line] = {}
        for warmup in arms.warmups:
            runs = arms.runs[(arms.runs["setting"] == setting) & (arms.runs["warmup"] == warmup)]
            means = runs.groupby(RATE)["loss"].mean().dropna().sort_index()
            if len(means) > 1:
                lines[f"warmup: {warmup}" if warmup else "all runs"] = (means.index.tolist(), means.tolist())
        if lines:
            charts.append(Chart(_named(setting), f"{setting}: {FINAL}".removeprefix(": "), RATE_AXIS, lines))
    return charts


def _named(setting: str) -> str:
    """The label of a setting as the name of a chart: without what W&B takes for a path or for nested keys."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in setting) or "final_loss"
