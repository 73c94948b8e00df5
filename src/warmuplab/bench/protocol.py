"""Processes that are measured at the same time: each says when it is ready, waits for the word, and says what it did.

A process is `python -m warmuplab.bench.contender SPEC`. On its standard output it prints one line of JSON when its
warm-up is over (`{"ready": time}`) and one with its result; between them it waits for a line on its standard input.
Where that ends, so does the process: none outlives the bench.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

LONGEST_SECONDS = 600.0  # of one measurement; a process that has not answered by then is ended
GO = b"go\n"


@dataclass(frozen=True)
class Spec:
    """What one process measures."""

    kind: str
    """One of `contender.KINDS`."""
    overrides: tuple[str, ...] = ()
    """Settings of a run, as typed on a command line."""
    seeds: tuple[int, ...] = (0,)
    """One per member of a population; the first alone counts where there is one run."""
    threads: int = 1
    steps: int = 1
    """Optimizer steps that are measured."""
    warm_up: int = 1
    """Optimizer steps before them."""
    outputs: str = "outputs"
    """Folder for run directories and the cache of the corpus."""

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The spec that a process was started with."""
        fields = json.loads(text)
        return cls(**fields | {"overrides": tuple(fields["overrides"]), "seeds": tuple(fields["seeds"])})


class FailedError(Exception):
    """A process that gave no result: why, in one line."""


@dataclass
class _Process:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    started: float

    @property
    def why_it_ended(self) -> str:
        """The last line that it said on standard error, or the status that it ended with."""
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"ended with status {self.process.returncode} and said nothing"

    def read(self) -> dict[str, Any]:
        """The next line. Raises `FailedError` where there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise FailedError(self.why_it_ended)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def release(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(GO)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise FailedError(self.why_it_ended) from None


def together(specs: Sequence[Spec], longest_seconds: float = LONGEST_SECONDS) -> list[dict[str, Any]]:
    """The results of these processes, which begin together when the last is ready.

    Each has `start_up` beside what it says: the seconds from its start to the end of its warm-up. Raises `FailedError`
    where one of them gives no result.
    """
    processes: list[_Process] = []
    late = threading.Event()

    def end() -> None:
        late.set()
        for one in processes:
            one.process.kill()

    watch = threading.Timer(longest_seconds, end)
    watch.daemon = True
    try:
        processes += [_start(spec) for spec in specs]
        watch.start()
        start_up = [one.read()["ready"] - one.started for one in processes]
        for one in processes:
            one.release()
        return [{"start_up": round(s, 3)} | one.read() for s, one in zip(start_up, processes, strict=True)]
    except FailedError as error:
        why = f"no answer within {longest_seconds:.0f} s" if late.is_set() else str(error)
        raise FailedError(why) from error
    finally:
        watch.cancel()
        for one in processes:
            _close(one)


def _start(spec: Spec) -> _Process:
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
    command = [sys.executable, "-m", "warmuplab.bench.contender", spec.to_json()]
    started = time.monotonic()  # one clock for all processes, which nobody sets back
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    return _Process(process, errors, started)


def _close(one: _Process) -> None:
    """End it if it has not ended, and leave nothing open."""
    try:
        one.process.communicate(timeout=5)  # closes its standard input, which ends it
    except (subprocess.TimeoutExpired, BrokenPipeError, ValueError):
        one.process.kill()
        one.process.wait()
    one.errors.close()
