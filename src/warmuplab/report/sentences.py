"""What a study shows and what it does not, in sentences that are computed from its runs."""

import math
from collections.abc import Callable, Iterator

import pandas as pd

from warmuplab.base.words import (
    NO_WARMUP,
    OWN_RATE,
    listed,
    number,
    plural,
    warmup_phrase,
    with_warmup,
)
from warmuplab.report import measures
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms, paired_differences

EARLY_FRACTION = "probes.early_fraction"


def shows(study: Study, arms: Arms) -> list[str]:
    """What came out, one sentence or two per finding."""
    return [
        *_outcomes(study),
        *_best(arms),
        *_largest_rates(arms),
        *_episodes(arms),
        *_spikes(arms),
        *_pairs(arms),
        *measures.shows(arms),
    ]


def does_not_show(study: Study, arms: Arms) -> list[str]:
    """What the data cannot carry, as far as the data themselves tell."""
    return [
        *_seeds(arms),
        *_edges(arms),
        *_smaller_steps(study, arms),
        *measures.does_not_show(arms),
        *_one_size(study),
        *_incomplete(study),
    ]


def _outcomes(study: Study) -> Iterator[str]:
    runs = study.manifest["runs"]
    trained = runs["finished"] - runs["stuck"]
    yield (
        f"Of {plural(runs['total'], 'run')}, {trained} trained, {runs['stuck']} got stuck, {runs['diverged']} diverged"
        f" and {runs['failed']} failed."
    )


def _best(arms: Arms) -> Iterator[str]:
    """The arm with the lowest mean loss of each setting and warmup: each at its own best rate."""
    for setting, of_setting in _measured(arms).groupby("setting", sort=False):
        best = of_setting.loc[of_setting.groupby("warmup", sort=False)["loss"].idxmin()]
        if len(arms.keys) > 1:
            found = [f"{number(arm.loss)}{_at(str(arm.warmup), str(arm.rate))}" for arm in best.itertuples()]
            per = "the best peak rate of each warmup" if len(best) > 1 else "its best"
            yield f"{_of(setting, 'Lowest')} mean held-out loss, at {per}: {'; '.join(found)}."


def _largest_rates(arms: Arms) -> Iterator[str]:
    """The largest peak rate of the grid at which every seed trained."""
    if len(arms.rates) < 2:
        return
    stated = arms.table[arms.table["rate"] != OWN_RATE]
    for setting, of_setting in stated.groupby("setting", sort=False):
        found = []
        for warmup, arm in of_setting.groupby("warmup", sort=False):
            all_trained = arm[arm["trained"] == arm["runs"]]["rate"]
            found.append(f"{all_trained.iloc[-1] if len(all_trained) else 'none'}{_at(str(warmup))}")
        yield f"{_of(setting, 'Largest')} peak rate at which every seed trained: {'; '.join(found)}."


def _episodes(arms: Arms) -> Iterator[str]:
    """How far the held-out loss rose above its lowest value, in the runs in which it did."""
    for setting, found in _by_warmup(arms, "spike/episodes", _rising):
        yield f"{_of(setting, 'In')} the early window the held-out loss had an episode in {'; '.join(found)}."


def _rising(runs: pd.DataFrame) -> str:
    """`3 of 8 runs, rising by up to 15.53 nats and losing up to 55.9 nat-steps,`."""
    rising = runs[runs["spike/episodes"] > 0]
    largest, lost = (rising[name].max() if name in runs else math.nan for name in ("spike/max_rise", "spike/lost"))
    size = f", rising by up to {number(largest)} nats and losing up to {number(lost, 1)} nat-steps,"
    return f"{len(rising)} of {plural(len(runs), 'run')}{'' if rising.empty else size}"


def _spikes(arms: Arms) -> Iterator[str]:
    for setting, found in _by_warmup(arms, "spike/count", _spiking):
        yield f"{_of(setting, 'The')} training loss spiked in {'; '.join(found)}."


def _spiking(runs: pd.DataFrame) -> str:
    """`2 of 8 runs, up to 1.30 nats high,`."""
    spiking = runs[runs["spike/count"] > 0]
    largest = spiking["spike/max_height"].max() if "spike/max_height" in runs else math.nan
    height = "" if math.isnan(largest) else f", up to {number(largest)} nats high,"
    return f"{len(spiking)} of {plural(len(runs), 'run')}{height}"


def _by_warmup(arms: Arms, column: str, told: Callable[[pd.DataFrame], str]) -> Iterator[tuple[str, list[str]]]:
    """Per setting what is told of its runs that have a value, warmup by warmup."""
    if column not in arms.runs:
        return
    measured = arms.runs[arms.runs[column].notna()]
    for setting in arms.settings:
        by_warmup = {
            warmup: measured[(measured["setting"] == setting) & (measured["warmup"] == warmup)]
            for warmup in arms.warmups
        }
        found = [f"{told(runs)}{_at(warmup)}" for warmup, runs in by_warmup.items() if len(runs)]
        if found:
            yield setting, found


def _pairs(arms: Arms) -> Iterator[str]:
    """Each warmup against none, paired by seed."""
    what = {
        "loss": "ended at a lower held-out loss",
        "spike/max_rise": "had a smaller largest rise of its held-out loss",
        "overfit/gap_sum": "overfitted its first batches less",
    }
    for column, phrase in what.items():
        for warmup in arms.warmups:
            difference = paired_differences(arms, column, warmup)
            if len(difference):
                yield (
                    f"In {int((difference < 0).sum())} of {plural(len(difference), 'pair')} of runs that differ in the"
                    f" warmup alone, the one {with_warmup(warmup)} {phrase} than the one without"
                    f" (median difference {difference.median():+.2f} nats, from {difference.min():+.2f}"
                    f" to {difference.max():+.2f})."
                )


def _seeds(arms: Arms) -> Iterator[str]:
    if arms.runs.empty:
        return
    seeds = arms.runs["seed"].nunique()
    if seeds == 1:
        yield "There is one seed, so nothing here tells an effect from chance."
        return
    spread = arms.table["loss_max"] - arms.table["loss_min"]
    yield (
        f"With {seeds} seeds, no test was made: seeds of one arm lie {number(spread.median())} nats apart (median; at"
        f" most {number(spread.max())}), and differences of that size are no finding."
    )


def _edges(arms: Arms) -> Iterator[str]:
    """A best rate at the end of the grid may not be the best rate."""
    if len(arms.rates) < 2:
        return
    at_edge = []
    for (setting, warmup), arm in _measured(arms).groupby(["setting", "warmup"], sort=False):
        best = arm["rate"].iloc[int(arm["loss"].to_numpy().argmin())]
        if len(arm) > 1 and best in (arm["rate"].iloc[0], arm["rate"].iloc[-1]):
            at_edge.append(f"{setting or 'the runs'}{_at(str(warmup))} ({best})")
    if at_edge:
        yield f"The best peak rate lies at the edge of the grid, so a better one may lie beyond, for {listed(at_edge)}."


def _smaller_steps(study: Study, arms: Arms) -> Iterator[str]:
    """Warmup lowers the early rate, and smaller steps overfit less by themselves."""
    lr = study.curves[study.curves["metric"] == "lr"].merge(arms.runs[["run_id", "early_steps"]], on="run_id")
    lr = lr[lr["step"] < lr["early_steps"]]
    if lr.empty or "overfit/gap_sum" not in arms.runs:
        return
    early_rate = arms.runs.set_index("run_id").assign(early=lr.groupby("run_id", observed=True)["value"].mean())
    ratios = []
    for warmup in arms.warmups:
        by_arm = early_rate.groupby(["setting", "rate", "warmup"])["early"].mean().unstack("warmup")
        if warmup != NO_WARMUP and {warmup, NO_WARMUP} <= set(by_arm.columns):
            ratio = (by_arm[warmup] / by_arm[NO_WARMUP]).median()
            ratios.append(f"{ratio:.2f} times that without for {warmup_phrase(warmup)}")
    if ratios:
        yield (
            f"Over the early window the mean learning rate is {listed(ratios)}. Smaller steps overfit less and move the"
            " output distribution and the layers less by themselves, so less of that is not the warmup's own effect"
            f" until it is compared at the same early rate. {_controls(study)}"
        )


def _controls(study: Study) -> str:
    """How to train the arms that are compared at the same early rate: over the window that each measure looks at."""
    told = study.manifest["varying"].get(EARLY_FRACTION) or [study.manifest["configuration"].get(EARLY_FRACTION)]
    of_gap = f"{told[0]:g}" if len(told) == 1 and told[0] else "FRACTION"  # a word to replace where runs differ
    control = "schedule/warmup=equal_area schedule.warmup.window"
    return (
        f"The control is no warmup at a lower rate, over the window that a measure looks at: `{control}=0.05` for"
        f" memorisation, which asks about the first 5 % of the steps, and `{control}={of_gap}` for what is measured"
        " over the early window."
    )


def _one_size(study: Study) -> Iterator[str]:
    corpora = [corpus["name"] for corpus in study.manifest["corpora"]]
    if not corpora:
        return
    sizes = listed(f"{weights:,}" for weights in study.manifest["weights"])
    steps = listed(f"{steps:,}" for steps in study.manifest["steps"])
    data = f"one corpus ({corpora[0]})" if len(corpora) == 1 else f"{len(corpora)} corpora ({listed(corpora)})"
    yield f"It was {data} and {sizes} weights for {steps} steps: nothing is said of another size or length."


def _incomplete(study: Study) -> Iterator[str]:
    failed = study.manifest["runs"]["failed"]
    if failed:
        verb = "is" if failed == 1 else "are"
        yield f"{plural(failed, 'run')} failed and {verb} missing from every mean (listed below)."
    commits = study.manifest["commits"]
    if len(commits) > 1:
        yield f"The runs come from {len(commits)} states of the code."
    if any(commit["dirty"] for commit in commits):
        yield "Some runs were trained with uncommitted changes, so their commit alone does not reproduce them."


def _measured(arms: Arms) -> pd.DataFrame:
    """The arms in which at least one run came to its end."""
    return arms.table[arms.table["trained"] + arms.table["stuck"] > 0]


def _of(setting: object, first_word: str) -> str:
    """The start of a sentence about a setting."""
    return f"{setting}: {first_word.lower()}" if setting else first_word


def _at(warmup: str, rate: str = "") -> str:
    """` with 10 % warmup at peak rate 4e-3`; nothing of what does not vary."""
    text = f" {with_warmup(warmup)}" if warmup else ""
    return text + (" at its own peak rate" if rate == OWN_RATE else f" at peak rate {rate}" if rate else "")
