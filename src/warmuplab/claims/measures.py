"""What is measured beyond loss, spikes and the gap, arm by arm, and each warmup against none in pairs.

Runs that learn at different speeds are compared where their loss on the probe batch reaches the same level: the deepest
of `warmuplab.levels.LEVELS` that `REACHED_BY` of the study's trained runs reach.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from warmuplab.claims.arms import Arms, paired_differences
from warmuplab.claims.tables import MISSING, ResultTable, listed, number, plural, roles_of
from warmuplab.levels import LEVELS, name_of

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


MEASURES = (
    Measure(
        "overfit/memorisation_at_{level}",
        "Memorised",
        "loss on sentences of the first 5 % of the steps minus loss on unseen ones of like length, at the level; the"
        " more negative, the more is remembered of them",
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
        "the largest of them in the early window",
        "made a smaller largest move of its output distribution",
    ),
    Measure(
        "stability/encoder_cka_drift_last_minus_first",
        "Drift, encoder",
        "1 - linear CKA of a layer's output between snapshots in the early window, last layer minus first",
        digits=3,
    ),
    Measure(
        "stability/decoder_cka_drift_last_minus_first",
        "Drift, decoder",
        "likewise",
        "had a last decoder layer that drifted less against the first",
        digits=3,
    ),
    Measure("stability/attention_logit_max", "Attention logit", "the largest of any layer, at any time", digits=1),
    Measure("stability/log_z_max", "log Z", "the largest logarithm of the softmax's denominator", digits=1),
    Measure("overfit/generalisation_gap", "Gen. gap", "final loss on held-out minus on trained text of like length"),
)
CURVATURE = Measure(
    "curvature/preconditioned_edge_max",
    "Edge",
    "largest preconditioned sharpness times the learning rate, in units of the edge of stability",
)


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


def measured(arms: Arms) -> list[Measure]:
    """The measures that the study has values of, with the level in their columns."""
    level = common_level(arms)
    there = []
    for measure in (*MEASURES, CURVATURE):
        if AT_LEVEL in measure.column and level is None:
            continue
        column = measure.column.format(level=level)
        if column in arms.runs and arms.runs[column].notna().any():
            there.append(replace(measure, column=column))
    return there


def measure_table(arms: Arms) -> ResultTable | None:
    """The measures of every arm, as means over seeds; None where nothing was measured.

    A mean over fewer runs than the arm has says over how many. Steps to a level that a run never reached count as the
    length of the run, and the mean is then at least that.
    """
    measures, level, shown = measured(arms), common_level(arms), roles_of(arms)
    if not measures:
        return None
    header = [*shown.values(), *([] if level is None else ["Steps"]), *(measure.title for measure in measures)]
    rows = []
    for setting, rate, warmup in arms.keys:
        runs, place = arms.of(setting, rate, warmup), {"setting": setting, "rate": rate, "warmup": warmup}
        cells = [place[role] for role in shown]
        cells += [] if level is None else [_steps(runs, level)]
        rows.append(cells + [_mean(runs[measure.column], measure.digits) for measure in measures])
    return ResultTable(header, rows)


def legend(arms: Arms) -> list[str]:
    """What the columns of the table mean."""
    level = common_level(arms)
    lines = []
    if level is not None:
        lines.append(
            f"*The level*: {in_words(level)}, on the fixed held-out batch; the deepest that three in four trained runs"
            " reach. *Steps*: until there; ≥ where a run never got there and counts with its whole length."
        )
    lines += [f"*{measure.title}*: {measure.meaning}." for measure in measured(arms)]
    return [*lines, "Means over seeds; a number of runs in brackets where not all of the arm have a value."]


def shows(arms: Arms) -> Iterator[str]:
    """What came out, each warmup against none, paired by seed."""
    for measure in measured(arms):
        if measure.steadier:
            yield from _pairs(arms, measure)


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
                f" (median difference {difference.median():+.2g})"
            )
    if found:
        yield f"Against the same run without warmup, the one with it {measure.steadier} in {listed(found)}."
