"""What to take away from a study, in a sentence or two per setting: said first, computed from its arms."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from warmuplab.base.words import EQUAL_AREA, NO_WARMUP, OWN_RATE, listed, number, with_warmup
from warmuplab.study.roles import Arms

SMALL_RISE = 0.5  # nats: below it a rise is not worth a sentence


def takeaway(arms: Arms) -> list[str]:
    """A line per setting that was trained with warmup and without; none for other studies.

    Each says which warmup ends lowest and against what, up to which peak rate all seeds train, and how much warmup
    takes off the largest rise of the held-out loss.
    """
    lines = []
    for setting in arms.settings:
        table = arms.table[(arms.table["setting"] == setting) & arms.table["loss"].notna()]
        table = table[~table["warmup"].str.startswith(EQUAL_AREA)]  # a control, neither with warmup nor without
        without = table[table["warmup"] == NO_WARMUP]
        if not without.empty and len(without) < len(table):
            told = [*_losses(table, without), *_largest_rates(table), *_rises(table, without)]
            lines.append(f"**{setting}**: {' '.join(told)}" if setting else " ".join(told))
    return lines


def _losses(table: pd.DataFrame, without: pd.DataFrame) -> Iterator[str]:
    """The lowest loss with a warmup and without, each at its best rate."""
    best, plain = _lowest(table[table["warmup"] != NO_WARMUP]), _lowest(without)
    gain = plain["loss"] - best["loss"]
    if gain > 0:
        text = f"{with_warmup(best['warmup'])} the held-out loss ends {number(gain)} nats lower than without:"
    else:
        text = f"no warmup ends lower than none; {with_warmup(best['warmup'])} comes nearest:"
    yield (
        f"{text[0].upper()}{text[1:]} {number(best['loss'])}{_at(best)} against {number(plain['loss'])}{_at(plain)},"
        " each at its best peak rate."
        if best["rate"]
        else f"{text[0].upper()}{text[1:]} {number(best['loss'])} against {number(plain['loss'])}."
    )


def _largest_rates(table: pd.DataFrame) -> Iterator[str]:
    """The largest peak rate at which every seed trained, where warmups differ in it."""
    if table["rate"].nunique() < 2 or (table["rate"] == OWN_RATE).any():
        return
    trained = table[table["trained"] == table["runs"]]
    largest = {
        str(warmup): trained.loc[trained["warmup"] == warmup, "rate"].tolist() for warmup in table["warmup"].unique()
    }
    rates = {warmup: found[-1] if found else "none of them" for warmup, found in largest.items()}
    if len(set(rates.values())) > 1:
        found = listed(f"{rate} {with_warmup(warmup)}" for warmup, rate in rates.items())
        yield f"The largest peak rate at which every seed trains is {found}."


def _rises(table: pd.DataFrame, without: pd.DataFrame) -> Iterator[str]:
    """How far the held-out loss rises at the rate at which it rises most without warmup."""
    if not (without["rise"] > SMALL_RISE).any():
        return
    worst = without.sort_values("rise", ascending=False).to_dict("records")[0]
    at_rate = table[(table["rate"] == worst["rate"]) & table["rise"].notna()]
    found = listed(f"{number(arm['rise'], 1)} {with_warmup(arm['warmup'])}" for arm in at_rate.to_dict("records"))
    where = f"At peak rate {worst['rate']}" if worst["rate"] else "On the way"
    yield f"{where} the held-out loss rises above its lowest value by up to {found} (nats, mean over seeds)."


def _lowest(table: pd.DataFrame) -> dict[Any, Any]:
    return table.sort_values("loss").to_dict("records")[0]


def _at(arm: dict[Any, Any]) -> str:
    return f" at {arm['rate']}" if arm["rate"] else ""
