"""What the W&B run of a record says in words: how to train it again, and where its training loss spiked."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from warmuplab.config.overrides import as_cell
from warmuplab.config.rerun import run_command
from warmuplab.record.directory import recorded_spikes, told


def describe(config: Mapping[str, Any], summary: Mapping[str, Any], metrics: pd.DataFrame) -> str:
    """Markdown, as W&B shows it beside a run, from the record's nested `config`, its `summary` and its `metrics`."""
    return "\n\n".join([_reproduction(config, summary), _spikes(summary, metrics)])


def _reproduction(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    command = run_command({key: as_cell(value) for key, value in told(config).items()})
    commit = summary.get("commit")
    checkout = f"git checkout {commit}\n" if commit else ""
    changed = "The working tree had changes beyond that commit.\n\n" if summary.get("dirty") else ""
    lines = f"{checkout}{command}" if command else f"{checkout}python scripts/train.py  # with the values under Config"
    return f"To train it again:\n\n```\n{lines}\n```\n\n{changed}".rstrip()


def _spikes(summary: Mapping[str, Any], metrics: pd.DataFrame) -> str:
    """A row per spike of the training loss."""
    spikes = recorded_spikes(summary, metrics)
    if not spikes:
        return "No spike of the training loss was found."
    head = ["| start | peak | end | height in nats | back |", "| --- | --- | --- | --- | --- |"]
    rows = [
        f"| {spike.start} | {spike.peak} | {spike.end} | {spike.height:.3f} | {'yes' if spike.recovered else 'no'} |"
        for spike in spikes
    ]
    return "\n".join(["Spikes of the training loss, in steps:", "", *head, *rows])
