"""Everything that a GPU is to be checked with, one part after the other, each complete when the next begins."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from warmuplab.base.files import write_text
from warmuplab.bench import machine, parts
from warmuplab.bench.gpu import device
from warmuplab.bench.page import writing
from warmuplab.bench.plan import Plan
from warmuplab.config.compose import CHECKOUT

SMALL = ("model.width=16", "model.heads=2", "model.depth=1", "model.feed_forward=32", "training.batch_size=8")
TOY_STUDY = (*SMALL, "training.steps=4", "seed=0,1", "schedule.peak_lr=2e-3", "probes.batch_size=8", "hardware=cpu")
TYPED = "import sys; from warmuplab.commands.main import main; sys.exit(main())"
MINUTES_OF_TESTS, MINUTES_OF_STUDY = 1.5, 5.0
TENTHS_OF_A_SECOND, WARM_UP = 20, 100  # of a measurement on a GPU: every bucket comes three times in the warm-up

Say = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """What is checked, and where the results go."""

    data: str | None
    """Folder of Multi30k; None: the embedded corpus."""
    dry: bool
    """Whether to do at toy size, on the CPU, what needs no GPU."""
    results: Path
    outputs: Path
    say: Say

    @property
    def folder(self) -> Path:
        """Of the device's bench."""
        return self.results / "bench" / machine.folder_name(machine.facts("cpu" if self.dry else "cuda"))


def run(check: Check) -> bool:
    """Do all parts; whether none failed."""
    good = []
    for name, part in (("tests", tests), ("bench", bench), ("study", study)):
        began = time.perf_counter()
        check.say(f"gpu-check, {name} ...")
        good.append(part(check))
        check.say(f"gpu-check, {name}: {'done' if good[-1] else 'FAILED'} in {time.perf_counter() - began:.0f} s")
    return all(good)


def tests(check: Check) -> bool:
    """The tests marked `gpu`, without the plugins of pytest that this project's own tests use."""
    root = CHECKOUT or Path()
    # Only files with such tests: the others import what a bare interpreter does not have.
    files = sorted(str(path) for path in (root / "tests").rglob("test_*.py") if "mark.gpu" in path.read_text())
    plain = ["-o", "addopts=", "--import-mode=importlib", "--strict-markers", "-p", "no:cacheprovider", "-rfEs"]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", *plain, *files]
    said, status = _said(command, 60 * MINUTES_OF_TESTS, root)
    write_text(check.folder / "tests.txt", said.replace(str(root.resolve()), "."))  # no path of the machine
    check.say(said.strip().splitlines()[-1] if said.strip() else "nothing said")
    return status == 0


def bench(check: Check) -> bool:
    """The parts for a device; whether the first population of each was measured."""
    scale = device.DRY if check.dry else device.ON_GPU
    overrides = (*SMALL, "hardware.device=cpu") if check.dry else ("hardware.device=cuda",)
    tenths, warm_up = (1, 2) if check.dry else (TENTHS_OF_A_SECOND, WARM_UP)
    good = True
    with tempfile.TemporaryDirectory() as outputs:
        plan = Plan(overrides, 1, tenths, 1, outputs, 1, check.say, warm_up)
        for name, measure in device.PARTS.items():
            began = time.perf_counter()
            measured = measure(plan, scale)
            parts.keep(check.folder, name, plan, measured, time.perf_counter() - began, "cpu" if check.dry else "cuda")
            writing.write(check.folder)
            good = good and "failed" not in measured[0]
    return good


def study(check: Check) -> bool:
    """The study `gpu`, and its report."""
    toy = TOY_STUDY if check.dry else ("hardware=cuda",)
    corpus = ("data=multi30k", f"data.path={Path(check.data).resolve()}") if check.data else ()
    told = ["-m", "+study=gpu", "tracker=none", *corpus, *toy, f"outputs={check.outputs}"]  # wandb may not be there
    said, status = _said([sys.executable, "-c", TYPED, "train", *told], 60 * MINUTES_OF_STUDY)
    for line in said.strip().splitlines()[-2:]:
        check.say(line)
    if status:
        return False
    places = [f"--outputs={check.outputs}", f"--results={check.results}"]
    said, status = _said([sys.executable, "-c", TYPED, "report", "gpu", *places], 120)
    check.say(said.strip().splitlines()[-1] if said.strip() else "no report")
    return status == 0


def _said(command: list[str], seconds: float, folder: Path | None = None) -> tuple[str, int]:
    """What a command printed and its exit status, 124 where it took too long."""
    told = os.environ | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        finished = subprocess.run(command, timeout=seconds, cwd=folder, env=told, check=False, **streams)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired as late:
        kept = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
        return f"{kept}\ntook longer than {seconds:.0f} s", 124
    return finished.stdout, finished.returncode
