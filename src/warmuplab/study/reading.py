"""The run directories of a study, each read once, by several processes where there are many of them."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from warmuplab.base import interrupts
from warmuplab.record.directory import Found, RunDirectory, ended, read_run
from warmuplab.record.verifying import CHECKSUM, CONFIG, FILES, Contents, Read
from warmuplab.study.tables import Measured, Most, measured_by, most_kept

PORTION = 64  # directories that a process is handed at a time
FEWEST_FOR_PROCESSES = 512  # below, they would not save the second that each takes to start
ONLY_IN_TABLES = ("spikes", "episodes", FILES, CHECKSUM)  # what nobody asks a summary for when the tables are there

Portion = tuple[list[RunDirectory], dict[Path, str], Measured]
"""Runs, damaged directories with what is wrong, and what the runs measured."""


def read(source: Path) -> tuple[Found, list[Measured]]:
    """What there is in the folder of a study, and what its runs measured, in their order.

    Raises `ConfigError` where a record cannot be read, and `OSError` where the folder cannot.
    """
    folders = sorted(source.glob("*/"))
    there = [path for path in folders if ended(path)]
    found = Found([], {}, [path for path in folders if not ended(path) and (path / CONFIG).exists()])
    most = most_kept(len(there))
    portions = _portions(there, most)
    for runs, damaged, _ in portions:
        found.runs.extend(runs)
        found.damaged.update(damaged)
    if most_kept(len(found.runs)) != most:  # so many are damaged that more is kept of each of the others
        portions = _portions([run.path for run in found.runs], most_kept(len(found.runs)))
    return found, [measured for _, _, measured in portions]


def _portions(folders: Sequence[Path], most: Most) -> list[Portion]:
    """`read_portion` of all `folders`, in their order."""
    pieces = [folders[begin : begin + PORTION] for begin in range(0, len(folders), PORTION)]
    work, processes = partial(read_portion, most=most), min(_cores(), len(pieces))
    if processes > 1 and len(folders) >= FEWEST_FOR_PROCESSES:
        # Not forked: Arrow and NumPy have threads by now, whose locks nobody would give back in a fork.
        pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
        try:
            return list(pool.map(work, pieces))
        except BrokenProcessPool:  # no memory for another process, or a caller's script that cannot be imported
            pass
        finally:
            pool.shutdown(cancel_futures=True)
    return list(map(work, pieces))


def read_portion(folders: Sequence[Path], most: Most) -> Portion:
    """What is in the directories of some runs that ended; `most` is what is kept of a series."""
    runs: list[RunDirectory] = []
    damaged: dict[Path, str] = {}

    def whole() -> Iterator[tuple[RunDirectory, Read]]:
        for path in folders:
            contents = Contents()
            run = read_run(path, contents)
            if isinstance(run, RunDirectory):
                yield run, contents
                runs.append(_small(run))
            else:
                damaged[path] = run

    measured = measured_by(whole(), most)
    return runs, damaged, measured


def _small(run: RunDirectory) -> RunDirectory:
    """The run without what is in the tables, and with names that it shares with others: there may be very many runs."""
    summary = {name: value for name, value in run.summary.items() if name not in ONLY_IN_TABLES}
    if "values" in summary:
        summary["values"] = _with_shared_names(summary["values"])
    return replace(run, summary=summary, config=_with_shared_names(run.config))


def _with_shared_names(members: dict[str, Any]) -> dict[str, Any]:
    return {sys.intern(name): value for name, value in members.items()}


def _begin() -> None:
    """In a process that reads: Ctrl-C is for the one that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.end_with_parent()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
