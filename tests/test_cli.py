"""The command line: every wrong input is one line on standard error, status 2, and leaves no run directory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def train(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "scripts/train.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip


WRONG = [
    (("schedule=nosuch",), "choose one of"),
    (("nosuch=1",), "nosuch"),
    (("+nosuch=1",), "nosuch"),
    (("seed=abc",), "seed=abc"),
    (("model=3",), "model=3"),
    (("schedule.peak_lr=nan",), "schedule.peak_lr=nan"),
    (("schedule.warmup.fraction=1.5",), "schedule.warmup.fraction=1.5"),
    (("schedule.warmup.steps=20",), "schedule.warmup.fraction=null"),
    (("schedule.warmup.fraction=null", "schedule.warmup.steps=200"), "schedule.warmup.steps=200"),
    (("model.heads=5",), "model.width=64"),
    (("training.steps=0",), "training.steps=0"),
    (("data=multi30k", "data.path=nowhere"), "data.path=nowhere"),
    (("data=multi30k",), "data.path="),
    (("seed=[1",), "seed=[1"),
    (("-m", "+study=nosuch"), "study=nosuch"),
    (("-m", "seed=0,abc"), "seed=abc"),
    (("-m", "schedule.peak_lr=1e-3,nan"), "schedule.peak_lr=nan"),
    (("hydra/launcher=nosuch",), "hydra/launcher=nosuch"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    finished = train(*arguments, f"outputs={tmp_path / 'outputs'}", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "hub"))
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ")
    assert finished.stderr.count("\n") == 1
    assert said in finished.stderr
    assert not list(tmp_path.glob("outputs/*/*"))


def test_help_lists_groups_and_knobs_without_heavy_imports() -> None:
    finished = train("--help", PYTHONPROFILEIMPORTTIME="1")
    assert finished.returncode == 0
    for said in ("schedule: ", "noam", "+study=quick", "peak_lr:", "make report"):
        assert said in finished.stdout
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert "hydra" in imported
    assert not imported & {"torch", "wandb", "datasets", "pandas", "matplotlib", "scipy"}
