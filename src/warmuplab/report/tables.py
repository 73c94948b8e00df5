"""The result table of a study: a row per arm, for a report and for a terminal."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from warmuplab.base.words import MISSING, number
from warmuplab.study.roles import OUTCOMES, Arms

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ResultTable:
    """Cells as text: `rows` under `header`, in the order to show them."""

    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """As a Markdown table."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(as_markdown(cell.replace('|', '/')) for cell in line)} |" for line in lines)


def as_markdown(text: str) -> str:
    """`text` in Markdown where a single asterisk stands for itself, as in `decoder.*.cross`; two still mean bold."""
    if text.startswith("*") and text.endswith("*"):  # emphasised as a whole
        return text
    return re.sub(r"(?<!\*)\*(?!\*)", r"\\*", text)


# What the result table says of an arm between its loss and its runs: the title, the column of `Arms.table`, digits.
INSTABILITY = (("Rise", "rise", 2), ("Lost", "lost", 1), ("Episodes", "episodes", 1), ("Spikes", "spikes", 1))
MEASURES = (*INSTABILITY, ("Gap", "gap", 2))


def result_table(arms: Arms, leave_out: str = "") -> ResultTable:
    """Final held-out loss, instability, early overfitting and outcome of every arm, without the measure `leave_out`.

    Loss is the mean over seeds with the smallest and largest in brackets; what is between it and the runs are means
    over seeds. A role that does not vary has no column, nor has a measure that is zero in all arms or was not taken.
    """
    shown = roles_of(arms)
    told = [measure for measure in MEASURES if measure[0] != leave_out]
    measures = [measure for measure in told if tells(number(value, measure[2]) for value in arms.table[measure[1]])]
    header = [*shown.values(), "Held-out loss", *(title for title, _, _ in measures), "Runs"]
    rows = []
    for arm in arms.table.to_dict("records"):
        measured = [number(arm[name], digits) for _, name, digits in measures]
        rows.append([*(str(arm[role]) for role in shown), _loss(arm), *measured, outcome_text(arm)])
    return ResultTable(header, rows)


def tells(cells: Iterable[str]) -> bool:
    """Whether a column of numbers says anything: one of them is neither zero nor missing."""
    return any(set(cell.partition(" (")[0]) - set("0.") and not cell.startswith(MISSING) for cell in cells)


def roles_of(arms: Arms) -> dict[str, str]:
    """The columns that place an arm, with their titles: the roles that vary."""
    labels = {"setting": arms.settings, "rate": arms.rates, "warmup": arms.warmups}
    titles = {"setting": "Setting", "rate": "Peak lr", "warmup": "Warmup"}
    return {role: titles[role] for role, there in labels.items() if there != [""]}


def terminal_tables(arms: Arms, title: str) -> "list[Table]":
    """The result table for 80 columns: one part per setting, a repeated peak rate written once."""
    from rich import box
    from rich.table import Table

    whole = result_table(arms, leave_out="Lost")  # for which 80 columns have no room
    by_setting = arms.settings != [""]
    header = whole.header[1:] if by_setting else whole.header
    tables = []
    for setting in arms.settings:
        table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, title_justify="left")
        table.title = f"{title} {setting}".strip()
        for name in header:
            measured = name in [title for title, _, _ in MEASURES]
            justify: Literal["left", "right"] = "right" if measured else "left"
            table.add_column(name, justify=justify, no_wrap=name != "Runs")
        rows = [row[1:] if by_setting else row for row in whole.rows if not by_setting or row[0] == setting]
        for row, above in zip(rows, [None, *rows], strict=False):
            repeats = arms.rates != [""] and arms.warmups != [""] and above is not None and above[0] == row[0]
            table.add_row(*(["", *row[1:]] if repeats else row))
        tables.append(table)
    return tables


def _loss(arm: dict[Any, Any]) -> str:
    loss = number(arm["loss"])
    if arm["runs"] - arm["failed"] > 1:
        loss += f" ({number(arm['loss_min'])}–{number(arm['loss_max'])})"
    return loss


def outcome_text(arm: Any) -> str:
    """How many of an arm's runs ended how: `1 trained, 1 stuck`."""
    return ", ".join(f"{arm[outcome]} {outcome}" for outcome in OUTCOMES if arm[outcome])
