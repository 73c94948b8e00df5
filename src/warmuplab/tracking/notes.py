"""What the W&B run of a record says in words: how to train it again, and where its losses rose."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from warmuplab.config.overrides import as_cell
from warmuplab.config.rerun import run_command
from warmuplab.record.directory import PROBE_LOSS, recorded_episodes, recorded_spikes, told


def describe(config: Mapping[str, Any], summary: Mapping[str, Any], metrics: pd.DataFrame) -> str:
    """Markdown, as W&B shows it beside a run, from the record's nested `config`, its `summary` and its `metrics`."""
    return "\n\n".join([_reproduction(config, summary), *_episodes(summary, metrics), _spikes(summary, metrics)])


def _reproduction(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    command = run_command({key: as_cell(value) for key, value in told(config).items()})
    commit = summary.get("commit")
    checkout = f"git checkout {commit}\n" if commit else ""
    changed = "The working tree had changes beyond that commit.\n\n" if summary.get("dirty") else ""
    lines = f"{checkout}{command}" if command else f"{checkout}python scripts/train.py  # with the values under Config"
    return f"To train it again:\n\n```\n{lines}\n```\n\n{changed}".rstrip()


def _episodes(summary: Mapping[str, Any], metrics: pd.DataFrame) -> list[str]:
    """A row per episode of the probe loss; nothing where that was not measured."""
    if PROBE_LOSS not in metrics or "episodes" not in summary:
        return []
    episodes = recorded_episodes(summary)
    if not episodes:
        return ["The held-out loss never rose far above its lowest value in the early window."]
    head = ["| start | peak | height in nats | steps until back |", "| --- | --- | --- | --- |"]
    rows = [f"| {each.start} | {each.peak} | {each.height:.3f} | {each.back_after or 'never'} |" for each in episodes]
    title = "Episodes in which the held-out loss rose above its lowest value, in steps:"
    return ["\n".join([title, "", *head, *rows])]


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
