"""What is measured beyond loss, spikes and the gap, arm by arm, and each warmup against none in pairs.

Runs that learn at different speeds are compared where their loss on the probe batch reaches the same level: the deepest
of `warmuplab.levels.LEVELS` that `REACHED_BY` of the study's trained runs reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from warmuplab.base.words import MISSING, listed, number, plural, warmup_phrase
from warmuplab.report.tables import ResultTable, roles_of, tells
from warmuplab.series.levels import LEVELS, name_of
from warmuplab.series.values import describe
from warmuplab.study.roles import Arms, paired_differences

REACHED_BY = 0.75
AT_LEVEL = "{level}"  # stands for the name of the level in a column
STEPS, REACHED = "probe/steps_to_{level}", "probe/reached_{level}"


@dataclass(frozen=True)
class Column:
    """A summary value of runs as a column of a table; what it means stands in the catalogue."""

    value: str
    """Name of the summary value."""
    title: str
    steadier: str = ""
    """What the steadier of two runs did, as a part of a sentence; empty where pairs are not worth one."""
    sign: int = -1
    """Whether the steadier run has less of it (-1) or more (1)."""
    digits: int = 2
    otherwise: "Column | None" = None
    """What to show where most trained runs lack the value."""

    @property
    def meaning(self) -> str:
        """As the catalogue has it."""
        words = describe(self.value)
        return words.meaning if words else self.value


GROUPS = {
    "Early training": (
        Column(
            "overfit/memorisation_at_{level}",
            "Early − unseen",
            "had memorised less of its first batches at the level",
            sign=1,
        ),
        Column(
            "stability/log_kl_path_to_{level}",
            "log KL path",
            "moved its output distribution along a shorter path until the level",
            otherwise=Column(
                "stability/log_kl_path",
                "log early KL path",
                "moved its output distribution along a shorter path in the early window",
            ),
        ),
        Column("stability/kl_max", "Largest KL", "made a smaller largest move of its output distribution"),
    ),
    "Layers, the last minus the first in the early window": (
        Column("stability/encoder_cka_drift_last_minus_first", "Drift, encoder", digits=3),
        Column(
            "stability/decoder_cka_drift_last_minus_first",
            "Drift, decoder",
            "had a last decoder layer that drifted less against the first",
            digits=3,
        ),
        Column("stability/decoder_weight_change_last_minus_first", "Weight change", digits=3),
        Column("stability/decoder_grad_norm_last_minus_first", "Gradient", digits=3),
        Column("stability/decoder_update_to_weight_last_minus_first", "Update/weight", digits=4),
    ),
    "Drift of the layers from before training, at the same held-out loss": (
        Column("stability/encoder_log_drift_last_minus_first_at_{level}", "log drift, encoder, last − first"),
        Column("stability/decoder_log_drift_last_at_{level}", "decoder, last"),
        Column(
            "stability/decoder_log_drift_last_minus_first_at_{level}",
            "decoder, last − first",
            "had a last decoder layer that had drifted less, against the first, at the level",
        ),
    ),
    "Curvature": (
        Column("curvature/sharpness_mean", "Sharpness", digits=1),
        Column("curvature/preconditioned_sharpness_mean", "Preconditioned", digits=1),
        Column("curvature/edge_first", "Edge at start", digits=3),
        Column(
            "curvature/preconditioned_edge_first",
            "Preconditioned edge at start",
            "started further below the edge of stability",
            digits=3,
        ),
        Column("curvature/preconditioned_edge_max", "Largest such edge"),
    ),
    "The largest of the run, and the state at its end": (
        Column("stability/attention_logit_max", "Attention logit", digits=1),
        Column("stability/log_z_max", "log Z", digits=1),
        Column("spike/recovery_steps", "Recovery", digits=1),
        Column("spike/olmo_score", "OLMo score"),
        Column("stability/jitter_onset_step", "Jitter from", digits=0),
        Column("stability/entropy", "Entropy"),
        Column("stability/distance_uniform", "KL to uniform"),
        Column("stability/distance_unigram", "KL to unigram"),
        Column("overfit/generalisation_gap", "Gen. gap"),
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


def measured(arms: Arms, group: str) -> list[Column]:
    """The measures of a group that the study has values of, not all of them zero, with the level in their columns."""
    level = common_level(arms)
    options = (_option(arms, measure, level) for measure in GROUPS[group])
    return [measure for measure in options if _share(arms.runs, measure.value) > 0 and _tells(arms, measure)]


def _tells(arms: Arms, measure: Column) -> bool:
    return tells(_mean(arms.of(*key)[measure.value], measure.digits) for key in arms.keys)


def _option(arms: Arms, measure: Column, level: str | None) -> Column:
    """The measure with the level in its name, or what to show instead of it."""
    read = measure if level is None else replace(measure, value=measure.value.format(level=level))
    trained = arms.runs[arms.runs["outcome"] == "trained"]
    return read if read.otherwise is None or _share(trained, read.value) >= 0.5 else read.otherwise


def _share(runs: pd.DataFrame, value: str) -> float:
    """The share of the runs that have a value."""
    return float(runs[value].notna().mean()) if value in runs and len(runs) else 0.0


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
            rows.append(cells + [_mean(runs[measure.value], measure.digits) for measure in measures])
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
    for measure in measured(arms, group):
        lines.append(f"*{measure.title}*: {measure.meaning}.")
        if measure.value.startswith("overfit/memorisation"):
            lines[-1] += _passes(arms, level)
    return [*lines, "Means over seeds; a number of runs in brackets where not all of the arm have a value."]


def _passes(arms: Arms, level: str | None) -> str:
    """At how many passes over the training data a value at the level was read; empty where that is not known."""
    value = f"overfit/passes_at_{level}"
    if not _share(arms.runs, value):
        return ""
    passes = arms.runs[value]
    return (
        f" It was read after {number(passes.median())} passes over the training data (median; from"
        f" {number(passes.min())} to {number(passes.max())}): within the first pass hardly any sentence has been"
        " seen twice."
    )


def _level_of(arms: Arms, group: str) -> str | None:
    """The level, for the group that is read there."""
    read_there = any(AT_LEVEL in measure.value for measure in GROUPS[group])
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


def _pairs(arms: Arms, measure: Column) -> Iterator[str]:
    found = []
    for warmup in arms.warmups:
        difference = paired_differences(arms, measure.value, warmup)
        if len(difference):
            steadier = int((measure.sign * difference > 0).sum())
            found.append(
                f"{steadier} of {plural(len(difference), 'pair')} for {warmup_phrase(warmup)}"
                f" (median difference {difference.median():+.3g})"
            )
    if found:
        yield f"Against the same run without warmup, the one with it {measure.steadier} in {listed(found)}."
