"""The progress of a sweep: a live table in a terminal, a plain line from time to time in a pipe or a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from warmuplab.base.files import say
from warmuplab.base.words import duration
from warmuplab.launch.queue import (
    DONE,
    ELSEWHERE,
    FAILED,
    QUEUED,
    TRAINING,
    WAITING,
    WRITING,
    QueuedPopulation,
    Show,
    Sweep,
)
from warmuplab.record.progress import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown(sweep: Sweep) -> Iterator[Show]:
    """What to call with the sweep as it goes on; the terminal is left tidy at the end."""
    if not sys.stdout.isatty():
        yield _lines()
        return
    console = Console()
    with Live(table(sweep), console=console, refresh_per_second=4) as live:
        yield lambda sweep: live.update(table(sweep))


def _lines() -> Show:
    last_time, last_ended = -SECONDS_BETWEEN_LINES, 0

    def show(sweep: Sweep) -> None:
        nonlocal last_time, last_ended
        ended = len(sweep.among(DONE, FAILED))
        if ended > last_ended or time.monotonic() - last_time >= SECONDS_BETWEEN_LINES:
            last_time, last_ended = time.monotonic(), ended
            say(line(sweep))

    return show


def line(sweep: Sweep) -> str:
    """The sweep in one line."""
    training = [f"{population.file.name} {_short(population)}" for population in sweep.among(TRAINING, WRITING)]
    return "  |  ".join([_overall(sweep), *training])


def table(sweep: Sweep) -> Group:
    """The populations in training or being written, a row each, and the sweep as a whole below them."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    with_jobs = any(population.job for population in sweep.populations)
    for heading in ("population", "job") if with_jobs else ("population",):
        rows.add_column(heading, no_wrap=True)
    for heading in ("members", "step", "loss", "diverged", "spiking", "steps/s", "left"):
        rows.add_column(heading, justify="right")
    for population in sweep.among(TRAINING, WRITING):
        names = [population.file.name, population.job] if with_jobs else [population.file.name]
        rows.add_row(*names, str(len(population.runs)), *_cells(population.progress))
    return Group(rows, _overall(sweep))


def _cells(progress: Progress | None) -> list[str]:
    if progress is None:
        return ["starting", *[""] * 5]
    pace = progress.step * progress.members / max(progress.seconds, 1e-9)
    return [
        f"{progress.step}/{progress.steps}",
        "-" if progress.loss is None else f"{progress.loss:.3f}",
        str(progress.diverged),
        str(progress.spiking),
        f"{pace:.1f}",
        "writing" if progress.writing else duration(progress.seconds_left),
    ]


def _short(population: QueuedPopulation) -> str:
    progress = population.progress
    if progress is None:
        return "starting"
    if progress.writing:
        return "writing"
    loss = "all diverged" if progress.loss is None else f"loss {progress.loss:.2f}"
    events = [f"{n} {what}" for n, what in ((progress.diverged, "diverged"), (progress.spiking, "spiking")) if n]
    return ", ".join([f"step {progress.step}/{progress.steps}", loss, *events])


def _overall(sweep: Sweep) -> str:
    ended, failed = len(sweep.among(DONE, FAILED)), len(sweep.among(FAILED))
    parts = [f"{duration(sweep.seconds)}  {ended}/{len(sweep.populations)} populations done"]
    if failed:
        parts.append(f"{failed} failed")
    elsewhere = sweep.among(ELSEWHERE)
    if elsewhere:
        parts.append(f"{len(elsewhere)} trained elsewhere ({elsewhere[0].owner or 'by another sweep'})")
    if sweep.scheduler:
        parts.append(sweep.scheduler)
    left = sweep.seconds_left
    if left is not None and sweep.among(TRAINING, WAITING, QUEUED):
        parts.append(f"{sweep.member_steps_per_second:.1f} steps/s, about {duration(left)} left")
    return ", ".join(parts)
