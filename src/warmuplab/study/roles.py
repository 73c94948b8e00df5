"""The arms of a study: runs that differ in nothing but the seed, and where each stands in its tables and figures.

Three roles order whatever a study varies: the peak learning rate, the warmup, and the setting (all the rest: the
normalisation, the decay, the optimizer, a size, ...).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from warmuplab.base.words import NO_WARMUP, norm_label, rate_label, warmup_label
from warmuplab.config.keys import HOW_IT_IS_COMPUTED
from warmuplab.record.verifying import COMPLETE
from warmuplab.study.results import Study

RATE, WARMUP = "schedule.peak_lr", "schedule.warmup."
OUTCOMES = ("trained", "stuck", "diverged", "failed")

# Keys that tell runs apart in how they were computed or looked at, not in what was trained.
_NO_FACTOR = ("seed", "probes.", *HOW_IT_IS_COMPUTED)


@dataclass(frozen=True)
class Arms:
    """The runs of a study in their roles."""

    runs: pd.DataFrame
    """The study's runs that left a configuration, with the columns `setting`, `rate`, `warmup` (labels), `loss` and
    `outcome` beside their own."""
    settings: list[str]
    rates: list[str]
    warmups: list[str]
    """Labels in the order to show them; a single empty one where a role does not vary."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per arm, in the order to show them.

        Columns: `setting`, `rate`, `warmup`; `runs` and how many of them ended in each of `OUTCOMES`; mean, `_min` and
        `_max` over seeds of `loss` in nats per token; as means over seeds how unstable the held-out loss was in the
        early window: `rise`, the largest above its running minimum in nats, `lost` to rises in nat-steps, `episodes`;
        per run `spikes` of the training loss; `gap`, the early overfitting in nats. Null where nothing was measured.
        """
        return pd.DataFrame([self._arm(*key) for key in self.keys])

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """(setting, rate, warmup) of every arm that has runs, in the order to show them."""
        there = set(zip(self.runs["setting"], self.runs["rate"], self.runs["warmup"], strict=True))
        return [
            (setting, rate, warmup)
            for setting in self.settings
            for rate in self.rates
            for warmup in self.warmups
            if (setting, rate, warmup) in there
        ]

    def of(self, setting: str, rate: str, warmup: str) -> pd.DataFrame:
        """The runs of an arm."""
        runs = self.runs
        return runs[(runs["setting"] == setting) & (runs["rate"] == rate) & (runs["warmup"] == warmup)]

    def _arm(self, setting: str, rate: str, warmup: str) -> dict[str, Any]:
        runs = self.of(setting, rate, warmup)
        return {
            "setting": setting,
            "rate": rate,
            "warmup": warmup,
            "runs": len(runs),
            **{outcome: int((runs["outcome"] == outcome).sum()) for outcome in OUTCOMES},
            "loss": runs["loss"].mean(),
            "loss_min": runs["loss"].min(),
            "loss_max": runs["loss"].max(),
            "rise": _mean(runs, "spike/max_rise"),
            "lost": _mean(runs, "spike/lost"),
            "episodes": _mean(runs, "spike/episodes"),
            "spikes": _mean(runs, "spike/count"),
            "gap": _mean(runs, "overfit/gap_sum"),
        }


def arrange(study: Study) -> Arms:
    """Put every run of `study` in its place. Runs that failed before they wrote a configuration have none."""
    varying = [key for key in study.manifest["varying"] if not key.startswith(_NO_FACTOR) and key in study.runs]
    runs = study.runs.copy()
    if varying:
        runs = runs[(runs["status"] != "failed") | runs[varying].notna().any(axis=1)]
    lengths = [key for key in (f"{WARMUP}fraction", f"{WARMUP}steps") if key in varying]  # a run has one of them
    more = [key for key in varying if key.startswith(WARMUP) and key not in lengths]
    warmup_keys = _needed(runs, lengths, sorted(more, key=lambda key: key != f"{WARMUP}shape"))
    others = [key for key in varying if key != RATE and not key.startswith(WARMUP)]
    other_keys = _needed(runs, [], sorted(others, key=_setting_priority))
    rate_keys = [RATE] if RATE in varying else []
    runs["rate"], rates = _label(runs, rate_keys, lambda row: rate_label(row[RATE]))
    shared = _shared_warmup(study) if f"{WARMUP}layers" in warmup_keys else {}
    runs["warmup"], warmups = _label(runs, warmup_keys, lambda row: _warmup_label(shared | row))
    runs["setting"], settings = _label(runs, other_keys, _setting_label)
    runs["outcome"] = outcomes(runs)
    runs["loss"] = final_losses(runs)
    return Arms(runs, settings, rates, warmups)


def paired_differences(arms: Arms, column: str, warmup: str) -> "pd.Series[float]":
    """`column` with `warmup` minus `column` without, per (setting, rate, seed) where both have a value."""
    if warmup == NO_WARMUP or column not in arms.runs:
        return pd.Series(dtype="float64")
    by_pair = arms.runs.groupby(["setting", "rate", "seed", "warmup"])[column].mean().unstack("warmup")
    if not {warmup, NO_WARMUP} <= set(by_pair.columns):
        return pd.Series(dtype="float64")
    return (by_pair[warmup] - by_pair[NO_WARMUP]).dropna()


def outcomes(runs: pd.DataFrame) -> "pd.Series[str]":
    """Each run's place among `OUTCOMES`: stuck is a run that finished no better than word frequencies would."""
    trained = runs["trained"].fillna(False).astype(bool)
    outcome = runs["status"].astype("object").where(runs["status"] != "finished", "stuck")
    return outcome.where(~((runs["status"] == "finished") & trained), "trained")


def final_losses(runs: pd.DataFrame) -> "pd.Series[float]":
    """Final held-out loss of each run in nats per token.

    A diverged run has none and counts as a model that knows word frequencies only, at the unigram entropy: left out, it
    would flatter its arm. Null for a failed run.
    """
    measured = runs["val/loss"] if "val/loss" in runs else pd.Series(math.nan, index=runs.index)
    finished = runs["status"] == "finished"
    ceiling = runs["unigram_entropy"].where(runs["status"].isin(COMPLETE))
    return measured.where(finished & measured.notna(), ceiling)


def _needed(runs: pd.DataFrame, kept: list[str], more: list[str]) -> list[str]:
    """`kept`, and those of `more` that do not follow from the ones before them (as betas from the name adam)."""
    needed = list(kept)
    for key in more:
        if not needed or runs.groupby(needed, dropna=False)[key].nunique(dropna=False).max() > 1:
            needed.append(key)
    return needed


def _setting_priority(key: str) -> tuple[bool, bool]:
    return key != "model.norm", not key.endswith(".name")  # names first: the settings of a group follow from its name


def _label(runs: pd.DataFrame, keys: Sequence[str], text: Any) -> "tuple[pd.Series[str], list[str]]":
    """A label for each run, and the labels in the order of what they stand for."""
    if not keys or runs.empty:
        return pd.Series("", index=runs.index, dtype="object"), [""]
    ordered = sorted(runs[list(keys)].drop_duplicates().to_dict("records"), key=lambda row: _order(row, keys))
    labels = {_identity(row, keys): text(row) for row in ordered}
    column = pd.Series(
        [labels[_identity(row, keys)] for row in runs[list(keys)].to_dict("records")], index=runs.index, dtype="object"
    )
    return column, list(dict.fromkeys(labels.values()))


def _identity(row: dict[Any, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(None if pd.isna(row[key]) else row[key] for key in keys)


def _order(row: dict[Any, Any], keys: Sequence[str]) -> list[tuple[bool, bool, float, str]]:
    """Numbers by size, then text, then null."""
    order = []
    for value in _identity(row, keys):
        is_number = isinstance(value, int | float)
        order.append((value is None, not is_number, float(value) if is_number else 0.0, str(value)))
    return order


def _shared_warmup(study: Study) -> dict[str, Any]:
    """What the warmups of a study have in common and a label begins with, by dotted keys."""
    configuration = study.manifest.get("configuration") or {}
    return {key: configuration.get(key) for key in (f"{WARMUP}{name}" for name in ("shape", "fraction", "steps"))}


def _warmup_label(row: dict[str, Any]) -> str:
    """The words for a warmup, and whatever else tells warmups apart."""
    told = {key.removeprefix(WARMUP): value for key, value in row.items() if not pd.isna(value)}
    own = ("shape", "fraction", "steps", "layers", *(("window",) if told.get("shape") == "equal_area" else ()))
    label = warmup_label(**{name: told.pop(name, None) for name in own})
    if label == NO_WARMUP:
        return label
    return (
        " ".join(filter(None, [label, *(f"{name} {_plain(value)}" for name, value in told.items())])) or "as configured"
    )


def _setting_label(row: dict[str, Any]) -> str:
    """`post-LN`, `adam`, `width 64`."""
    parts = []
    for key, value in row.items():
        if pd.isna(value):
            continue
        name = key.rpartition(".")[2]
        if key == "model.norm":
            parts.append(norm_label(value))
        else:
            parts.append(str(value) if name == "name" else f"{name.replace('_', ' ')} {_plain(value)}")
    return ", ".join(parts) or "as configured"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _mean(runs: pd.DataFrame, column: str) -> float:
    return float(runs[column].mean()) if column in runs else math.nan
