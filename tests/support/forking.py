"""Scripts run in forked children of a process that has imported all they need: in milliseconds instead of seconds.

`python -m support.forking` is that process: a request per line of standard input, its outcome per line of standard
output, both JSON. What a child does is what a process of its own does: the script runs as a main program with its
arguments, in its folder, its output in files.
"""

import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from support.composing import ROOT

SECONDS = 60  # for one script, then it hangs
TIMED_OUT = -1000  # in place of a status
MEMORY = 16 << 30  # bytes of address space of a child: what takes more must not take the machine with it
NEEDED = (
    "hydra.main", "matplotlib.pyplot", "pandas", "plotly", "pyarrow.parquet", "rich.table", "scipy.stats", "tokenizers",
    "torch._dynamo", "warmuplab.commands.main", "warmuplab.dashboard.page", "warmuplab.figures.files",
    "warmuplab.figures.lr_range", "warmuplab.launch.launch", "warmuplab.outcome.publishing", "warmuplab.recording",
    "warmuplab.report.page", "warmuplab.study.collect", "warmuplab.worker",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a script ended."""

    status: int
    """Its exit status, minus a signal's number, or `TIMED_OUT`."""
    out: str
    err: str
    seconds: float


class Forker:
    """The process, seen from a test. Used as a context."""

    def __init__(self, folder: Path) -> None:
        """Scripts run in `folder`."""
        self._folder = folder

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "support.forking", str(self._folder)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(self._folder)
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)

    def run(self, script: str, arguments: Sequence[str]) -> Outcome:
        """`python scripts/<script>.py` with these arguments."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([script, list(arguments)]), file=self._process.stdin, flush=True)
        return Outcome(**json.loads(self._process.stdout.readline()))


def run_alone(script: str, arguments: Sequence[str], folder: Path) -> Outcome:
    """The same in a process of its own."""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, str(path_of(script)), *arguments], cwd=folder, env=environment(folder), timeout=4 * SECONDS,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    return Outcome(ended.returncode, ended.stdout, ended.stderr, time.monotonic() - began)


def path_of(script: str) -> Path:
    """The file of a script."""
    return ROOT / "scripts" / f"{script}.py"


def environment(folder: Path) -> dict[str, str]:
    """Without an account, a GPU, a network or the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "CUDA", "PYTEST"))}
    home = {"HOME": str(folder / "home"), "NETRC": str(folder / "home" / "netrc"), "COLUMNS": "80"}
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return (
        kept
        | home
        | quiet
        | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("src", "tests")), "MPLBACKEND": "agg"}
    )


def _forked(script: str, arguments: Sequence[str], folder: Path) -> Outcome:
    texts = [folder / f".{name}" for name in ("out", "err")]
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(script, arguments, texts)
    status = _wait(child, began + SECONDS)
    out, err = (path.read_text(encoding="utf-8", errors="replace") for path in texts)
    return Outcome(status, out, err, time.monotonic() - began)


def _wait(child: int, latest: float) -> int:
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > latest:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return TIMED_OUT
        time.sleep(0.004)


def _become(script: str, arguments: Sequence[str], texts: Sequence[Path]) -> None:
    """Be the script, to its end; does not return."""
    status = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        files = [
            os.open(os.devnull, os.O_RDONLY),
            *(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC) for path in texts),
        ]
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        sys.argv = [str(path_of(script)), *arguments]
        sys.path[0] = str(path_of(script).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 255)


def main(folder: Path) -> None:
    """Answer requests until there are no more."""
    for name in NEEDED:
        __import__(name)
    os.chdir(folder)
    for line in sys.stdin:
        script, arguments = json.loads(line)
        print(json.dumps(asdict(_forked(script, arguments, folder))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
