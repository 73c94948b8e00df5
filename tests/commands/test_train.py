"""The command line: every wrong input is one line on standard error, status 2, and leaves no run directory."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig

from support.composing import ROOT
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.schedule import show_run
from warmuplab.config.mapping import from_mapping
from warmuplab.config.messages import RunFailedError


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


# ---- In this process, where nothing is trained -----------------------------------------------------------------------


def validate(composed: DictConfig) -> None:
    from_mapping(composed)


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], task: str, *arguments: str, status: int = 2
) -> str:
    """The only line on standard error of a command that must not train."""
    monkeypatch.setattr(sys, "argv", [f"{task}.py", *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    commands = {
        "train": hydra_command(validate),
        "schedule": hydra_command(show_run, sweeps=False),
        "find_lr": hydra_command(validate, "find_lr", sweeps=False),
        "failing": hydra_command(fail),
    }
    with pytest.raises(SystemExit) as ended:
        commands[task]()
    said = capsys.readouterr().err
    assert ended.value.code == status
    assert said.count("\n") == 1
    assert said.startswith("error: " if status == 2 else "failed: ")
    return said


def fail(composed: DictConfig) -> None:
    raise RunFailedError("outputs/single/x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model=pre_ln", "data=3"), "error: data=3: "),
        (("tracker=none", "study=null"), "error: study=null: a study is a file"),
        (("tracker=none", "=3"), "error: =3: the name of the setting is missing"),
        (("study=mine",), "error: study=mine: a study is a file"),
        (("--foo",), "error: --foo: no such flag"),
        (("-x",), "error: -x: no such flag"),
        (("--config-name=foo",), "error: --config-name=foo: no such flag"),
        (("-m", "-c", "job"), "error: Only one of --run, --multirun"),
        (("~seed",), "error: ~seed: seed has no value; type seed=VALUE"),
        (("training=null",), "error: training=null: needs a value"),
        (("seed=${nope}",), "error: seed=${nope}: Interpolation key 'nope' not found"),
        (("seed=${oc.env:NOPE}",), "error: seed=${oc.env:NOPE}: Environment variable 'NOPE' not found"),
        (("foo=1",), "error: foo=1: no such key"),
        (("+data=jupyterlab",), "error: +data=jupyterlab: chosen more than once"),
        (("seed=0,1",), "error: seed=0,1: several values"),
        (("hydra.sweeper.grids=[3]",), "error: hydra.sweeper.grids=[3]: a value of the wrong form; it is a list"),
        (("outputs=ü ☃",), "error: outputs=ü ☃: cannot be read; write key=value"),
    ],
)
def test_the_line_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert refused(monkeypatch, capsys, "train", *arguments).startswith(said)


GRIDS = "# @package _global_\nstudy: x\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- seed: [0\n", "mine.yaml: not YAML: expected ',' or ']', but got '<stream end>' (line 2)"),
        (b"a: 1\n\xff\xfe\x00", "mine.yaml: not text in UTF-8 (line 2)"),
        (b"a: \x01b\n", "mine.yaml: not YAML: special characters"),
        (b"3\n", "mine.yaml: not a mapping"),
        (b"", "+study=mine: the file is empty or lacks the first line `# @package _global_`"),
        (b"seed: 3\n", "+study=mine: the file is empty or lacks the first line"),
        (f"{GRIDS}grid: [{{seed: 0}}]".encode(), "study/mine.yaml: hydra.sweeper.grid: no such key"),
        (f"{GRIDS}grids: [3]".encode(), "study/mine.yaml: a value has the wrong form; hydra.sweeper.grids is a list"),
        (f"{GRIDS}grids: [{{seed: []}}]".encode(), "seed=[]: "),
    ],
)
def test_a_damaged_study_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_bytes(content)
    assert said in refused(monkeypatch, capsys, "train", "--config-dir", str(tmp_path), "+study=mine")


@pytest.mark.parametrize("task", ["schedule", "find_lr"])
@pytest.mark.parametrize("argument", ["-m", "+study=quick", "hydra.mode=MULTIRUN"])
def test_what_is_no_sweep_never_trains_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], task: str, argument: str
) -> None:
    said = refused(monkeypatch, capsys, task, argument, f"outputs={tmp_path}")
    assert said.startswith("error: hydra.mode=MULTIRUN: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("training=null", "training=null: "),
        ("training=3", "training=3: "),
        ("+out=[1]", "out=[1]: not a file name"),
        ("training.steps=99999999999999999999999", "training.steps=99999999999999999999999: too many"),
        ("seed=abc", "seed=abc: "),
    ],
)
def test_a_schedule_is_shown_of_a_valid_run_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argument: str, said: str
) -> None:
    assert refused(monkeypatch, capsys, "schedule", argument).startswith(f"error: {said}")


def test_a_failed_run_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(monkeypatch, capsys, "failing", status=1) == "failed: outputs/single/x\n"


def test_the_benchmark_has_seeds_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.py", "seed=abc"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "bench.py"), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: seed=abc: the members have the seeds 0 to 3; leave it out\n"
