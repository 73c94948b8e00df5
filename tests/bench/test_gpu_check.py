"""The check of a GPU: at toy size, without what a bare interpreter lacks, and with a part that fails."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.composing import ROOT, SMALL, composed
from warmuplab.bench import parts
from warmuplab.bench.contenders import device as contender
from warmuplab.bench.gpu import check as gpu_check
from warmuplab.bench.gpu import device
from warmuplab.bench.page import report
from warmuplab.bench.plan import Plan
from warmuplab.bench.protocol import Spec
from warmuplab.commands import gpu_check as command

BLOCKED = ("wandb", "datasets", "plotly")
BLOCKER = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.timeout(480)
def test_it_runs_dry_without_wandb_datasets_and_plotly(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    told = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), "src"))}
    assert subprocess.run([sys.executable, "-c", "import wandb"], env=told, capture_output=True, check=False).returncode
    places = ["--results", str(tmp_path / "results"), "--outputs", str(tmp_path / "outputs")]
    finished = subprocess.run(
        [sys.executable, "scripts/gpu_check.py", "--dry", *places],
        cwd=ROOT,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "failed" not in finished.stdout
    (machine,) = (tmp_path / "results" / "bench").iterdir()
    assert {path.name for path in machine.iterdir()} == {"tests.txt", "bench.json", "report.md"}
    assert list(parts.read(machine)) == ["device-members", "device-replay", "device-mfu"]
    assert (tmp_path / "results" / "gpu" / "report.md").exists()


def test_a_part_that_fails_leaves_the_others_and_shows_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def part(name: str, good: bool) -> None:
        def do(check: gpu_check.Check) -> bool:
            done.append(name)
            return good

        monkeypatch.setattr(gpu_check, name, do)

    for name in ("tests", "bench", "study"):
        part(name, good=name != "tests")
    said: list[str] = []
    assert not gpu_check.run(gpu_check.Check(None, True, tmp_path, tmp_path, said.append))
    assert done == ["tests", "bench", "study"]
    assert any(line.startswith("gpu-check, tests: FAILED") for line in said)


def test_populations_grow_until_one_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(specs: list[Spec]) -> dict[str, Any]:
        members = len(specs[0].seeds)
        return {"failed": "out of memory"} if members > 16 else {"processes": [{"tokens": members, "seconds": 1.0}]}

    monkeypatch.setattr(device, "attempt", attempt)
    measured = device.over_members(Plan((), 1, 1, 1, "outputs", 1, lambda _: None), device.ON_GPU)
    assert [("failed" in value, value["members"]) for value in measured] == [
        (False, 1),
        (False, 8),
        (True, 64),
    ]


class SlowDevice:
    """Does what is launched in a tenth of a second each, and none of it before somebody waits; a clock."""

    def __init__(self) -> None:
        self.now, self.launched, self.done = 0.0, 0, 0
        self.waits: list[int] = []

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def wait(self) -> None:
        """Do all that was launched."""
        self.now += 0.1 * (self.launched - self.done)
        self.done = self.launched
        self.waits.append(self.done)


def paced(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> tuple[contender.Pace, SlowDevice]:
    device = SlowDevice()
    monkeypatch.setattr(contender.time, "perf_counter", device.clock)
    pace = contender.Pace(spec, device.wait, 50)
    with contextlib.suppress(contender._EnoughError):
        for _ in range(100):
            device.launched += 1
            pace("trainer", 0.0)
    return pace, device


def test_a_pace_is_that_of_the_steps_after_the_warm_up_and_the_device_is_waited_for_thrice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace, device = paced(Spec("tf32", steps=20, warm_up=3), monkeypatch)  # two seconds
    assert device.waits == [3, 3 + contender.FEW, 23]
    assert (pace.steps, pace.seconds) == (20, pytest.approx(2.0))


def test_a_pace_is_known_before_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    pace, device = paced(Spec("tf32", steps=1000, warm_up=3), monkeypatch)  # a hundred seconds
    assert device.waits == [3, 3 + contender.FEW, 50]
    assert (pace.steps, pace.seconds) == (47, pytest.approx(4.7))


def test_a_pace_is_known_after_few_steps_that_take_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    pace, device = paced(Spec("tf32", steps=5, warm_up=1), monkeypatch)  # half a second
    assert device.waits == [1, 1 + contender.FEW]
    assert (pace.steps, pace.seconds) == (contender.FEW, pytest.approx(0.5))


def test_the_report_of_a_device_has_ratios_and_shares(tmp_path: Path) -> None:
    def process(tokens: float) -> dict[str, Any]:
        one = {"tokens": tokens, "flops": 2e12, "seconds": 2.0, "steps": 100, "device_memory": 3e9, "peak": 4e12}
        return {"processes": [one]}

    members = [{"members": 1} | process(100), {"members": 4} | process(300), {"members": 16, "failed": "no memory"}]
    replay = [{"members": 1, "replay": on} | process(tokens) for on, tokens in ((False, 100), (True, 250))]
    plan = Plan((), 1, 1, 1, "outputs", 1, print)
    for name, values in (
        ("device-members", members),
        ("device-replay", replay),
        ("device-mfu", [{"precision": "tf32"} | process(200)]),
    ):
        parts.keep(tmp_path, name, plan, values, 1.0)
    text = report.text(parts.read(tmp_path))
    for row in (
        "| 4 | 150 | 3.0 | 20.0 | 3.0 |",
        "| 16 | failed: no memory |  |  |  |",
        "| 1 | 50 | 125 | 2.50 |",
        "| tf32 | 100 | 1.00 | 4.00 | 25.0% |",
    ):
        assert row in text, row


def test_the_study_is_one_for_a_gpu() -> None:
    config = composed("+study=gpu", *(setting for setting in SMALL if "vocabulary" in setting))
    assert (config.model.width, config.model.feed_forward, config.study) == (256, 1024, "gpu")


@pytest.mark.parametrize(
    ("told", "said"),
    [(["--dry", "--data", "nowhere"], "--data=nowhere: no such folder"), ([], "hardware.device=cuda: no CUDA device")],
)
def test_what_cannot_be_checked_is_one_line(
    told: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", *told])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
