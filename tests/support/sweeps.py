"""Sweeps as processes, to be killed, raced and starved; what they leave behind is the same to the byte."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.composing import QUICK, ROOT

TRAIN = [sys.executable, str(ROOT / "scripts" / "train.py")]
STEPS = 90  # a checkpoint is written before they are over
OVERRIDES = [
    *QUICK, "hardware=cpu", "tracker=none", "probes=default", f"training.steps={STEPS}", "training.validate_every=30",
    "hardware.checkpoint_seconds=0",
]  # fmt: skip
LAUNCHER = ["hydra.launcher.workers=2", "hydra.launcher.members=3"]


def started(outputs: Path, seeds: int, *more: str) -> "subprocess.Popen[str]":
    """A sweep over so many seeds, in populations of three at most."""
    return _process("-m", *OVERRIDES, *LAUNCHER, f"seed=range({seeds})", f"outputs={outputs}", *more)


def single(outputs: Path, seed: int, *more: str) -> "subprocess.Popen[str]":
    """One of the runs of such a sweep, by itself."""
    return _process(*OVERRIDES, f"seed={seed}", f"outputs={outputs}", *more)


def _process(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*TRAIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a job in the background ignores
    )  # fmt: skip


def undisturbed_sweep(outputs: Path, seeds: int, *more: str) -> dict[str, bytes]:
    """What such a sweep leaves when nothing gets in its way."""
    process = started(outputs, seeds, *more)
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, printed + said
    found = bytes_of(outputs)
    assert len(found) == 2 * seeds
    return found


def bytes_of(outputs: Path) -> dict[str, bytes]:
    """The tables of all records."""
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(outputs.glob("single/*/*.parquet"))}


def left_over(outputs: Path) -> list[str]:
    """Files that only a training that goes on may have: halves, leases, checkpoints."""
    hidden = [path for path in outputs.rglob(".*") if path.name != ".cache"]
    return sorted(path.name for path in [*hidden, *outputs.rglob("*.lease"), *checkpoints(outputs)])


def checkpoints(outputs: Path) -> list[Path]:
    """Those of all populations."""
    return list(outputs.glob("single/populations/*.checkpoint"))


def workers_of(outputs: Path) -> Iterator[int]:
    """The process ids of the workers that train there."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"warmuplab.worker" in words and any(str(outputs).encode() in word for word in words):
            yield int(folder.name)


def wait_for(what: Callable[[], object], seconds: float = 120.0) -> None:
    """Return when `what` is true; fail where it does not come to that."""
    latest = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < latest, "it did not come to that"
        time.sleep(0.02)
