"""The result table of a study: a row per arm, for a report and for a terminal."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from warmuplab.base.words import number
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
    return re.sub(r"(?<!\*)\*(?!\*)", r"\\*", text)


def result_table(arms: Arms) -> ResultTable:
    """Final held-out loss, spikes, early overfitting and outcome of every arm; a role that does not vary has no column.

    Loss is the mean over seeds with the smallest and largest in brackets; spikes are per run with the largest height in
    nats, of the training loss / of the probe loss in the early window; above are the steps per run with a training loss
    above the initial one; the gap is the mean over seeds, in nats.
    """
    shown = roles_of(arms)
    header = [*shown.values(), "Held-out loss", "Spikes", "Largest", "Above", "Gap", "Runs"]
    rows = [[str(arm[role]) for role in shown] + _cells(arm) for arm in arms.table.to_dict("records")]
    return ResultTable(header, rows)


def roles_of(arms: Arms) -> dict[str, str]:
    """The columns that place an arm, with their titles: the roles that vary."""
    labels = {"setting": arms.settings, "rate": arms.rates, "warmup": arms.warmups}
    titles = {"setting": "Setting", "rate": "Peak lr", "warmup": "Warmup"}
    return {role: titles[role] for role, there in labels.items() if there != [""]}


def terminal_tables(arms: Arms, title: str) -> "list[Table]":
    """The result table for 80 columns: one part per setting, a repeated peak rate written once."""
    from rich import box
    from rich.table import Table

    whole = result_table(arms)
    by_setting = arms.settings != [""]
    header = whole.header[1:] if by_setting else whole.header
    tables = []
    for setting in arms.settings:
        table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, title_justify="left")
        table.title = f"{title} {setting}".strip()
        for name in header:
            justify: Literal["left", "right"] = "right" if name in ("Spikes", "Largest", "Above", "Gap") else "left"
            table.add_column(name, justify=justify, no_wrap=name != "Runs")
        rows = [row[1:] if by_setting else row for row in whole.rows if not by_setting or row[0] == setting]
        for row, above in zip(rows, [None, *rows], strict=False):
            repeats = arms.rates != [""] and arms.warmups != [""] and above is not None and above[0] == row[0]
            table.add_row(*(["", *row[1:]] if repeats else row))
        tables.append(table)
    return tables


def _cells(arm: dict[Any, Any]) -> list[str]:
    loss = number(arm["loss"])
    if arm["runs"] - arm["failed"] > 1:
        loss += f" ({number(arm['loss_min'])}–{number(arm['loss_max'])})"
    spikes = " / ".join(number(arm[name], 1) for name in ("spikes", "probe_spikes"))
    spiking = [spikes, number(arm["largest_spike"]), number(arm["above_initial"], 1)]
    return [loss, *spiking, number(arm["gap"]), outcome_text(arm)]


def outcome_text(arm: Any) -> str:
    """How many of an arm's runs ended how: `1 trained, 1 stuck`."""
    return ", ".join(f"{arm[outcome]} {outcome}" for outcome in OUTCOMES if arm[outcome])
