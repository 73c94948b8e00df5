"""Offline publication beside a sweep: one process for all of its records.

Not in the workers: each would start W&B anew, which takes as long as publishing twenty small runs. The process gives
way to training wherever both want a core.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from warmuplab.base.files import say
from warmuplab.base.words import plural
from warmuplab.config.mapping import to_mapping
from warmuplab.config.rerun import again
from warmuplab.record.run import Run
from warmuplab.tracking.publishing import NOT_PUBLISHED, publish
from warmuplab.tracking.settings import mode_of

LOG = "tracking.log"
NICENESS = 10  # of 19: how far it gives way

Record = tuple[str, dict[str, Any]]
"""The directory of a record, and its configuration, nested."""


class Publisher:
    """The process, seen from the launcher. It starts with the first record; what it says goes to `log_path`."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._problem = ""
        self._runs: list[Run] = []

    def publish(self, runs: Sequence[Run]) -> None:
        """Have those of `runs` published that are complete and offline. Returns at once and raises nothing."""
        offline = [run for run in runs if run.is_complete and mode_of(run.config.tracker) == "offline"]
        self._runs += offline
        if not offline or self._problem:
            return
        try:
            stream = self._started()
            records = ([str(run.directory), to_mapping(run.config)] for run in offline)
            stream.writelines(json.dumps(record).encode() + b"\n" for record in records)
            stream.flush()
        except OSError as error:
            self._problem = str(error)

    def finish(self) -> None:
        """Wait until all is published; a line on standard output says where that failed."""
        status = 0
        if self._process is not None:
            with self._process as process:
                process.communicate()
            status = process.returncode
        if status or self._problem:
            command = again("sync", self._runs[0].config.study)
            say(f"{self._what_failed()}: the records are unharmed, `{command}` uploads them.")

    def _what_failed(self) -> str:
        told = self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""
        failed, runs = told.count(NOT_PUBLISHED), plural(len(self._runs), "run")
        why = self._problem or f"{self._log_path} says why"
        which = f"{failed} of {runs}" if failed else f"some of {runs}"
        return f"{which} not published to W&B ({why})"

    def abandon(self) -> None:
        """Leave unpublished what is not published yet."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _started(self) -> IO[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "warmuplab.tracking.background"]
            with self._log_path.open("wb") as log:
                # A session of its own: Ctrl-C in a terminal is for the launcher, which ends this process.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
                )
        assert self._process.stdin is not None
        return self._process.stdin


@contextmanager
def publisher(folder: Path) -> Iterator[Publisher]:
    """A publisher for the block, with its log in `folder`; waits at its end for what is under way."""
    publisher = Publisher(folder / LOG)
    try:
        yield publisher
        publisher.finish()
    except BaseException:
        publisher.abandon()
        raise


def _received(lines: IO[bytes], records: "SimpleQueue[Record | None]") -> None:
    for line in lines:
        records.put(json.loads(line))
    records.put(None)


def main() -> int:
    """Publish the records that come through standard input, one at a time; returns the exit status."""
    os.nice(NICENESS)
    records: SimpleQueue[Record | None] = SimpleQueue()
    # A thread empties the pipe, so that the launcher never waits for room in it.
    threading.Thread(target=_received, args=(sys.stdin.buffer, records), daemon=True).start()
    all_well = True
    while (record := records.get()) is not None:
        directory, config = record
        all_well = publish(Path(directory), config=config) and all_well
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main())
