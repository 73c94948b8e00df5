"""W&B while training goes on: a process of its own, fed through a pipe, so that training never waits for a network.

Not a thread: logging a row costs about as much Python as launching a training step, and would take turns with it.
"""

import json
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Self

import numpy as np
import pandas as pd

from warmuplab.record.directory import read_config
from warmuplab.record.run import Run
from warmuplab.record.verifying import COMPLETE, read_summary
from warmuplab.tracking.publishing import warn
from warmuplab.tracking.settings import FINISH_SECONDS
from warmuplab.tracking.view import View, diverged_at

CONNECTIONS = 8  # W&B runs that begin or end at the same time: each waits for the server more than it computes
SECONDS_TO_END = FINISH_SECONDS + 10.0  # after training, for everything that is still under way
SECONDS_TO_ABANDON = 5.0  # when training was interrupted: a person waits for the prompt

Message = tuple[str, int, Mapping[str, np.ndarray]]  # the arguments of `record.progress.Follow`


class Stream:
    """Training's end of the pipe. Used as a context: leaving it ends the W&B runs and says which are not published."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._problem = ""
        self._answers: dict[str, str | None] = {}
        self._thread = threading.Thread(target=self._feed, daemon=True)

    def rows(self, started: str, first_step: int, series_TxM: Mapping[str, np.ndarray]) -> None:
        """Hand over new rows; see `record.progress.Follow`. Returns at once."""
        self._messages.put((started, first_step, series_TxM))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._messages.put(None)
        seconds = SECONDS_TO_END if error is None else SECONDS_TO_ABANDON
        self._thread.join(seconds)
        problem = self._problem
        if self._thread.is_alive() and self._process is not None:
            problem = f"not done {seconds:g} s after training"
            self._process.kill()
            self._thread.join(SECONDS_TO_ABANDON)
        for run in self._runs:
            reason = self._answers.get(str(run.directory), problem)
            if reason is not None and run.is_complete:
                warn(run.directory, reason)

    def _feed(self) -> None:
        try:
            with tempfile.TemporaryFile() as answers:  # a pipe could fill up
                try:
                    status = self._feed_process(answers)
                    self._problem = f"the publishing process ended with status {status}"
                finally:
                    answers.seek(0)
                    self._answers = dict(json.loads(line) for line in answers.read().splitlines())
        except OSError as error:
            self._problem = f"the publishing process failed: {error}"

    def _feed_process(self, answers: IO[bytes]) -> int:
        directories = [str(run.directory) for run in self._runs]
        command = [sys.executable, "-m", "warmuplab.tracking.stream", *directories]
        # A session of its own: Ctrl-C in a terminal ends training, and then the end of the pipe tells the process.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=answers, start_new_session=True) as self._process:
            assert self._process.stdin is not None
            while (message := self._messages.get()) is not None:
                pickle.dump(message, self._process.stdin)
                self._process.stdin.flush()
        return self._process.returncode


class _Member:
    """One member's W&B run, and what went wrong with it: after that it is left alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problem: str | None = None
        self._view: View | None = None

    def begin(self, started: str) -> None:
        def attempt() -> None:
            config = read_config(self.directory)
            self._view = View(self.directory, config, self.directory.name, started, "online")

        self._attempt(attempt)

    def log(self, table: pd.DataFrame) -> None:
        def attempt() -> None:
            if self._view is not None:
                self._view.log(table)
                step = diverged_at(table)
                if step is not None:
                    self._view.alert_of_divergence(step)

        self._attempt(attempt)

    def end(self) -> Self:
        """As the record says: with its summary, or as failed where there is none."""
        self._attempt(self._end)
        if self.problem is not None and self._view is not None:
            with suppress(Exception):  # what is wrong is known already
                self._view.abandon()
        return self

    def _end(self) -> None:
        summary = read_summary(self.directory)
        if self._view is None:
            raise RuntimeError("training handed over no rows")
        if summary is None or summary["status"] not in COMPLETE:
            self._view.abandon()
        else:
            if summary["diverged_at"] is not None:  # in its last update, where no row shows it
                self._view.alert_of_divergence(summary["diverged_at"])
            self._view.close(summary)

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.problem is not None:
            return
        try:
            action()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"


def follow(directories: Sequence[Path], messages: IO[bytes], answers: IO[str]) -> None:
    """Fill the W&B runs of `directories` with what comes through `messages`; at its end, with what the records say.

    Writes a line of JSON per directory to `answers`: the directory and why it is not published, null where it is.
    """
    members = [_Member(directory) for directory in directories]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        begun = False
        for started, first_step, series_TxM in _received(messages):
            if not begun:
                begun = _begin(members, started, pool)
            if not begun:
                break
            for m, member in enumerate(members):
                member.log(_table(first_step, {name: values[:, m] for name, values in series_TxM.items()}))
        for ended in as_completed([pool.submit(member.end) for member in members]):
            member = ended.result()
            print(json.dumps([str(member.directory), member.problem]), file=answers, flush=True)


def _begin(members: Sequence[_Member], started: str, pool: ThreadPoolExecutor) -> bool:
    """Begin the W&B runs; where the first cannot, the others would only wait as long for the same answer."""
    members[0].begin(started)
    problem = members[0].problem
    for member in members[1:]:
        member.problem = problem
    for future in [pool.submit(member.begin, started) for member in members[1:]]:
        future.result()
    return problem is None


def _received(messages: IO[bytes]) -> Iterator[Message]:
    while True:
        try:
            yield pickle.load(messages)
        except (EOFError, pickle.UnpicklingError):  # training has ended, or was killed while it wrote
            return


def _table(first_step: int, series: Mapping[str, np.ndarray]) -> pd.DataFrame:
    steps = len(next(iter(series.values())))
    return pd.DataFrame({"step": np.arange(first_step, first_step + steps)} | dict(series))


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # a word that a library prints is no answer
    follow([Path(argument) for argument in sys.argv[1:]], sys.stdin.buffer, answers)
