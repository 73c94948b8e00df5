"""One measured process of the bench: `python -m warmuplab.bench.contender SPEC`, see `protocol`."""

import sys
import time

BEGAN = time.monotonic()  # before any import that takes long: the time until here is Python's own

import json  # noqa: E402
import os  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import IO, Any  # noqa: E402

from warmuplab.bench.protocol import GO, FailedError, Spec  # noqa: E402

Gate = Callable[[], None]
"""Says that the warm-up is over and waits until all others are ready too."""

KINDS = {
    "sweep": "ours:bare",
    "as_used": "ours:as_used",
    "trainer": "hugging_face:train",
    "tutorial": "tutorial:train",
    "products": "products:rates",
    "memory": "memory:over_steps",
    "start_up": "start_up:parts",
    "operations": "operations:per_step",
    "float32": "device:float32",
    "tf32": "device:tf32",
    "bfloat16": "device:bfloat16",
}
"""Module and function, by what is measured: `function(spec, gate)` returns what can be written as JSON."""


def peak_memory() -> int:
    """Most memory, in bytes, that this process has held so far."""
    try:
        # Not `resource.ru_maxrss`, which begins at the size of the process that started this one.
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(arguments: Sequence[str]) -> int:
    """Measure what the spec in `arguments` asks for; the exit status."""
    spec = Spec.from_json(arguments[0])
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not an answer
    module, _, function = KINDS[spec.kind].partition(":")
    try:
        result = getattr(import_module(f"warmuplab.bench.contenders.{module}"), function)(spec, _gate(said))
    except (FailedError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    _say(said, result | {"peak_memory": peak_memory()})
    return 0


def _gate(said: IO[str]) -> Gate:
    def gate() -> None:
        _say(said, {"ready": time.monotonic()})
        word = b""
        while not word.endswith(b"\n"):
            letter = os.read(sys.stdin.fileno(), 1)
            if not letter:
                os._exit(1)  # the bench has ended
            word += letter
        assert word == GO
        threading.Thread(target=_end_with_standard_input, daemon=True).start()

    return gate


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def _say(said: IO[str], answer: dict[str, Any]) -> None:
    said.write(json.dumps(answer) + "\n")
    said.flush()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # the answer is given: what libraries do at the end of a process is not waited for
