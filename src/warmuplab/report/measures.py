"""What is measured beyond loss, spikes and the gap, arm by arm, and each warmup against none in pairs.

Runs that learn at different speeds are compared where their loss on the probe batch reaches the same level: the deepest
of `warmuplab.levels.LEVELS` that `REACHED_BY` of the study's trained runs reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from warmuplab.base.words import MISSING, listed, number, plural
from warmuplab.report.tables import ResultTable, roles_of
from warmuplab.series.levels import LEVELS, name_of
from warmuplab.study.roles import Arms, paired_differences

REACHED_BY = 0.75
AT_LEVEL = "{level}"  # stands for the name of the level in a column
STEPS, REACHED = "probe/steps_to_{level}", "probe/reached_{level}"


@dataclass(frozen=True)
class Measure:
    """A summary value of runs."""

    column: str
    title: str
    meaning: str
    steadier: str = ""
    """What the steadier of two runs did, as a part of a sentence; empty where pairs are not worth one."""
    sign: int = -1
    """Whether the steadier run has less of it (-1) or more (1)."""
    digits: int = 2


GROUPS = {
    "Early training": (
        Measure(
            "overfit/memorisation_at_{level}",
            "Early − unseen",
            "loss on sentences of the first 5 % of the steps minus loss on unseen ones of like length, at the level;"
            " the lower, the more was remembered, but part of it is that a seed's early sentences may be easier:"
            " compare warmups, not settings",
            "had memorised less of its first batches at the level",
            sign=1,
        ),
        Measure(
            "stability/kl_path_to_{level}",
            "KL path",
            "sum of the steps' KL(before || after) of the output distribution on the probe batch, until the level",
            "moved its output distribution along a shorter path until the level",
        ),
        Measure(
            "stability/kl_max",
            "Largest KL",
            "the largest KL(before || after) of a step in the early window",
            "made a smaller largest move of its output distribution",
        ),
    ),
    "Layers, the last minus the first in the early window": (
        Measure(
            "stability/encoder_cka_drift_last_minus_first",
            "Drift, encoder",
            "1 - linear CKA of a layer's output between snapshots, in the encoder",
            digits=3,
        ),
        Measure(
            "stability/decoder_cka_drift_last_minus_first",
            "Drift, decoder",
            "1 - linear CKA of a layer's output between snapshots, in the decoder",
            "had a last decoder layer that drifted less against the first",
            digits=3,
        ),
        Measure(
            "stability/decoder_weight_change_last_minus_first",
            "Weight change",
            "relative change of a decoder layer's weights between snapshots",
            digits=3,
        ),
        Measure(
            "stability/decoder_grad_norm_last_minus_first",
            "Gradient",
            "norm of a decoder layer's gradient",
            digits=3,
        ),
        Measure(
            "stability/decoder_update_to_weight_last_minus_first",
            "Update/weight",
            "size of a step relative to the weights of a decoder layer",
            digits=4,
        ),
    ),
    "The largest of the run, and the state at its end": (
        Measure("stability/attention_logit_max", "Attention logit", "the largest of any layer, at any time", digits=1),
        Measure("stability/log_z_max", "log Z", "the largest logarithm of the softmax's denominator", digits=1),
        Measure(
            "spike/recovery_steps", "Recovery", "steps until the slowest spike of the training loss was over", digits=1
        ),
        Measure(
            "spike/olmo_score", "OLMo score", "share of steps whose loss is 6 standard deviations above its last 128"
        ),
        Measure("stability/jitter_onset_step", "Jitter from", "step at which jitter left its baseline", digits=0),
        Measure("stability/entropy", "Entropy", "of the output distribution at the end, nats"),
        Measure("stability/distance_uniform", "KL to uniform", "of the output distribution at the end, nats"),
        Measure("stability/distance_unigram", "KL to unigram", "of the output distribution at the end, nats"),
        Measure(
            "overfit/generalisation_gap",
            "Gen. gap",
            "final loss on held-out minus on trained text of like length",
        ),
        Measure(
            "curvature/preconditioned_edge_max",
            "Edge",
            "largest preconditioned sharpness times the learning rate, in units of the edge of stability",
        ),
    ),
}


def common_level(arms: Arms) -> str | None:
    """The name of the level at which the runs of a study are compared; None where too few reach any."""
    trained = arms.runs[arms.runs["outcome"] == "trained"]
    for level in sorted(LEVELS, reverse=True):
        column = REACHED.format(level=name_of(level))
        if column in trained and len(trained) and trained[column].mean() >= REACHED_BY:
            return name_of(level)
    return None


def in_words(level: str) -> str:
    """`1 nat below the unigram entropy`."""
    nats = level.removesuffix("_below")
    return f"{nats} nat{'' if nats == '1' else 's'} below the unigram entropy"


def measured(arms: Arms, group: str) -> list[Measure]:
    """The measures of a group that the study has values of, with the level in their columns."""
    level = common_level(arms)
    there = []
    for measure in GROUPS[group]:
        column = measure.column.format(level=level)
        readable = AT_LEVEL not in measure.column or level is not None
        if readable and column in arms.runs and arms.runs[column].notna().any():
            there.append(replace(measure, column=column))
    return there


def measure_tables(arms: Arms) -> dict[str, ResultTable]:
    """By group, the measures of every arm as means over seeds; no group of which nothing was measured.

    A mean over fewer runs than the arm has says over how many. Steps to a level that a run never reached count as the
    length of the run, and the mean is then at least that.
    """
    tables, shown = {}, roles_of(arms)
    for group in GROUPS:
        measures, level = measured(arms, group), _level_of(arms, group)
        if not measures:
            continue
        rows = []
        for setting, rate, warmup in arms.keys:
            runs, place = arms.of(setting, rate, warmup), {"setting": setting, "rate": rate, "warmup": warmup}
            cells = [place[role] for role in shown]
            cells += [] if level is None else [_steps(runs, level)]
            rows.append(cells + [_mean(runs[measure.column], measure.digits) for measure in measures])
        header = [*shown.values(), *([] if level is None else ["Steps"]), *(measure.title for measure in measures)]
        tables[group] = ResultTable(header, rows)
    return tables


def legend(arms: Arms, group: str) -> list[str]:
    """What the columns of a group's table mean."""
    level = _level_of(arms, group)
    lines = []
    if level is not None:
        lines.append(
            f"*The level*: {in_words(level)}, on the fixed held-out batch; the deepest that three in four trained runs"
            " reach. *Steps*: until there; ≥ where a run never got there and counts with its whole length."
        )
    lines += [f"*{measure.title}*: {measure.meaning}." for measure in measured(arms, group)]
    return [*lines, "Means over seeds; a number of runs in brackets where not all of the arm have a value."]


def _level_of(arms: Arms, group: str) -> str | None:
    """The level, for the group that is read there."""
    read_there = any(AT_LEVEL in measure.column for measure in GROUPS[group])
    return common_level(arms) if read_there else None


def shows(arms: Arms) -> Iterator[str]:
    """What came out, each warmup against none, paired by seed."""
    for group in GROUPS:
        for measure in measured(arms, group):
            if measure.steadier:
                yield from _pairs(arms, measure)
    yield from _jitter(arms)


def _jitter(arms: Arms) -> Iterator[str]:
    onset = "stability/jitter_onset_step"
    if onset in arms.runs:
        found = int(arms.runs[onset].notna().sum())
        yield f"The jitter of the training loss left its baseline in {found} of {plural(len(arms.runs), 'run')}."


def does_not_show(arms: Arms) -> Iterator[str]:
    """What these measures cannot carry."""
    level = common_level(arms)
    if level is not None:
        missing = int((arms.runs[REACHED.format(level=level)] < 1).sum())
        if missing:
            yield (
                f"What is read at the level leaves out the {plural(missing, 'run')} that never reached it: stuck runs"
                " above all, so these comparisons are between runs that fared well."
            )
    if not any(str(column).startswith("curvature/") for column in arms.runs):
        yield "Sharpness was not measured, so nothing is said of curvature (`probes=full` measures it)."


def _steps(runs: pd.DataFrame, level: str) -> str:
    steps, reached = runs[STEPS.format(level=level)], runs[REACHED.format(level=level)]
    return f"{'≥ ' if (reached < 1).any() else ''}{number(steps.mean(), 0)}" if steps.notna().any() else MISSING


def _mean(values: "pd.Series[float]", digits: int) -> str:
    there = values.notna().sum()
    return number(values.mean(), digits) + (f" ({there})" if 0 < there < len(values) else "")


def _pairs(arms: Arms, measure: Measure) -> Iterator[str]:
    found = []
    for warmup in arms.warmups:
        difference = paired_differences(arms, measure.column, warmup)
        if len(difference):
            found.append(
                f"{int((measure.sign * difference > 0).sum())} of {plural(len(difference), 'pair')} for {warmup} warmup"
                f" (median difference {difference.median():+.3g})"
            )
    if found:
        yield f"Against the same run without warmup, the one with it {measure.steadier} in {listed(found)}."
