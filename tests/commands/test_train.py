"""The command line: every wrong input is one line on standard error, status 2, and leaves no run directory."""

import errno
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig

from support.composing import QUICK, ROOT, composed
from warmuplab import training, worker
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.schedule import show_run
from warmuplab.commands.train import train_one
from warmuplab.config.mapping import from_mapping
from warmuplab.config.messages import RunFailedError
from warmuplab.record import writing


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
        (("hardware=[1]",), "error: hardware=[1]: a list of options, but it takes one; choose one of auto, cpu, cuda"),
        (("schedule=[1]",), "error: schedule=[1]: a list of options"),
        (("probes=[nan,nan]",), "error: probes=[nan,nan]: a list of options"),
        (
            ("model=[pre_ln,post_ln]",),
            "error: model=[pre_ln,post_ln]: a list of options, but it takes one; choose one of post_ln, pre_ln,"
            " or train each of them: -m model=post_ln,pre_ln",
        ),
        (("-m", "model=[pre_ln],[post_ln]"), "error: model=[pre_ln]: a list of options"),
        (("hydra/job_logging=[none,none]",), "error: hydra/job_logging=[none,none]: a list of options"),
        (("hydra.verbose={a:1}",), "error: hydra.verbose={a:1}: Hydra cannot use this"),
        (("optimizer.weight_decay=3.5e38",), "error: optimizer.weight_decay=3.5e+38: not a number from 0 to 3.4e+38"),
        (("optimizer.eps=1e39",), "error: optimizer.eps=1e+39: not a number from 0 to 3.4e+38"),
        (("optimizer.clip_norm=1e39",), "error: optimizer.clip_norm=1e+39: not a number above 0, at most 3.4e+38"),
        (("schedule.peak_lr=1e39",), "error: schedule.peak_lr=1e+39: is out of range"),
        (("schedule=noam", "schedule.decay.scale=1e39"), "error: schedule.decay.scale=1e+39: is out of range"),
        (("schedule=noam", f"schedule.decay.d_model={10**400}"), "error: schedule.decay.d_model=1000"),
        (("optimizer.betas=[[0.9],0.9]",), "error: optimizer.betas=[[0.9], 0.9]: not two numbers"),
        (("data.vocabulary_size=9999999999999",), "error: data.vocabulary_size=9999999999999: must be at most 1000000"),
        (
            ("schedule.warmup.layers=decodr",),
            "error: schedule.warmup.layers=decodr: there is no such part of the network",
        ),
        (("schedule.warmup.layers=[]",), "error: schedule.warmup.layers=[]: names nothing"),
        (("schedule.warmup.layers={a:1}",), "error: schedule.warmup.layers={'a': 1}: is neither a part of the network"),
        (("schedule.warmup.layer=deep",), "error: schedule.warmup.layer=deep: no such key; did you mean"),
        (("+seed=3",), "error: +seed=3: the setting is there already; type seed=3"),
        (("++model=pre_ln",), "error: ++model=pre_ln: an option needs no ++; type model=pre_ln"),
        (("+model=pre_ln",), "error: +model=pre_ln: chosen more than once; type model=OPTION, without +"),
        (("~nosuch",), "error: ~nosuch: there is nothing of that name to leave out"),
        (("training.steps=1e3",), "error: training.steps=1000.0: not a whole number"),
        (("hydra.searchpath=[nope]",), "error: hydra.searchpath=[nope]: there is no folder nope; name one that exists"),
        (("-m", "hydra.searchpath=[pkg://nope]"), "error: hydra.searchpath=[pkg://nope]: there is no folder nope"),
        (
            ("hydra.output_subdir=/dev/null",),
            "error: hydra.output_subdir=/dev/null: File exists (/dev/null); name a folder",
        ),
        (("hydra.output_subdir=/dev/null/a",), "error: hydra.output_subdir=/dev/null/a: Not a directory (/dev/null/a)"),
        (("--config-dir=nope",), f"error: --config-dir={ROOT / 'nope'}: no such folder"),
        (("foo=1",), "error: foo=1: no such key; see `python scripts/train.py --help` for the settings and their"),
    ],
)
def test_the_line_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert refused(monkeypatch, capsys, "train", *arguments).startswith(said)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("schedule.peak_rl=1", "schedule.peak_lr=1"),
        ("schedule.peaklr=1e-3", "schedule.peak_lr=1e-3"),
        ("lr=1e-3", "schedule.peak_lr=1e-3"),
        ("training.step=5", "training.steps=5"),
        ("steps=100", "training.steps=100"),
        ("batch_size=8", "training.batch_size=8"),
        ("width=128", "model.width=128"),
        ("seeds=3", "seed=3"),
        ("probe=none", "probes=none"),
        ("optimizer.beta=[0.9,0.98]", "optimizer.betas=[0.9,0.98]"),
        ("optimiser.eps=1e-8", "optimizer.eps=1e-8"),
        ("warmup.fraction=0.1", "schedule.warmup.fraction=0.1"),
        ("warmup=cosine", "schedule/warmup=cosine"),
        ("warmup=0.1", "schedule.warmup.fraction=0.1 (or schedule/warmup=OPTION)"),
        ("schedule.warmup=0.1", "schedule.warmup.fraction=0.1 (or schedule/warmup=OPTION)"),
        ("hydra.launcher.cluser=debug", "hydra.launcher.cluster=debug"),
        ("+schedule.peak_rl=1", "schedule.peak_lr=1"),
        ("schedule=cosin", "cosine"),
        ("optimizer=adm", "adam"),
        ("model=preln", "pre_ln"),
        ("data=multi30", "multi30k"),
        ("+study=quik", "quick"),
        ("study=quick", "+study=quick"),
        ("-m schedule.peak_rl=1,2", "schedule.peak_lr=1,2"),
        ("-m schedule=linear,cosin", "cosine"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, meant: str
) -> None:
    said = refused(monkeypatch, capsys, "train", *typed.split())
    assert f"did you mean {meant}?" in said


def test_the_finder_knows_its_own_settings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean seeds=3?" in refused(monkeypatch, capsys, "find_lr", "seedss=3")
    monkeypatch.setattr(sys, "argv", ["warmuplab find-lr", "seedss=3"])
    with pytest.raises(SystemExit):
        hydra_command(validate, "find_lr", sweeps=False)()
    assert "did you mean seeds=3?" in capsys.readouterr().err


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
        (f"{GRIDS}grids: [{{schedule.peak_rl: [1]}}]".encode(), "schedule.peak_rl=1: no such key; did you mean sched"),
        (f"{GRIDS}grids: [{{model: [preln]}}]".encode(), "model=preln: no such option; did you mean pre_ln?"),
        (f"{GRIDS}grids: [{{model: [[pre_ln, post_ln]]}}]".encode(), "model=[pre_ln,post_ln]: a list of options"),
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


def test_what_the_file_system_refuses_anywhere_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: DictConfig) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere/file")

    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(SystemExit) as ended:
        hydra_command(full)()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "failed: No space left on device (somewhere/file)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [(), ("-m", "hydra.launcher.cluster=debug")])
def test_an_output_that_cannot_be_printed_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "scripts/train.py", *arguments, *QUICK, "probes=none", f"outputs={tmp_path}"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (1, "failed: No space left on device (standard output)\n")


@pytest.mark.parametrize("blocked", ["", "single", "single/RUN"])
def test_a_file_in_the_way_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], blocked: str
) -> None:
    outputs = tmp_path / "outputs"
    arguments = (*QUICK, f"outputs={outputs}")
    path = outputs / blocked.replace("RUN", worker.prepare(composed(*arguments)).run_id)
    if blocked:
        path.parent.mkdir(exist_ok=True)
    else:
        shutil.rmtree(outputs)
    path.write_text("")
    monkeypatch.setattr(worker, "train_population", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        hydra_command(train_one)()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"error: outputs={outputs}: ")
    assert str(path) in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("point", ["begin", "finish", "step", "record"])
def test_a_full_disk_while_training_is_one_line_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], point: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if point == "record":  # what fails is something else, and then it cannot be recorded
        monkeypatch.setattr(training.Trainer, "run", lambda *_: 1 / 0)
        monkeypatch.setattr(writing, "write_json", full)
    elif point == "step":
        monkeypatch.setattr(training.Trainer, "run", full)
    else:
        monkeypatch.setattr(writing, point, full)
        monkeypatch.setattr(writing, "write_json", full)
    monkeypatch.setattr(sys, "argv", ["train.py", *QUICK, "probes=none", f"outputs={tmp_path}"])
    with pytest.raises(SystemExit) as ended:
        hydra_command(train_one)()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.count("\n") == 1
    assert said.startswith(f"failed: {tmp_path}/single/post_ln-")
    assert "No space left on device (" in said
    assert ("ZeroDivisionError" in said) == (point == "record")


def test_a_failed_run_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(monkeypatch, capsys, "failing", status=1) == "failed: outputs/single/x\n"


def test_a_run_that_blows_up_in_its_last_update_has_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("schedule.peak_lr=1e6", "schedule.warmup.fraction=0.5", "training.steps=2", "model.width=8", "probes=none")
    monkeypatch.setattr(sys, "argv", ["train.py", *QUICK, *told, f"outputs={tmp_path}"])
    hydra_command(train_one)()
    assert capsys.readouterr().out.splitlines()[-1] == "diverged at step 1"
    (path,) = tmp_path.glob("single/*/summary.json")
    summary = json.loads(path.read_text())
    assert (summary["status"], summary["diverged_at"], summary["values"]["val/loss"]) == ("diverged", 1, None)


def test_the_benchmark_has_seeds_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.py", "seed=abc"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / "bench.py"), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: seed=abc: the bench sets it itself; leave it out\n"


@pytest.mark.parametrize("asked", ["hydra.launcher.cluster=slurm", "hydra.launcher.dry=true"])
def test_a_single_run_is_not_sent_to_slurm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, asked: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *QUICK, f"outputs={tmp_path}", asked])
    with pytest.raises(SystemExit) as ended:
        hydra_command(train_one)()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {asked}: a single run trains in this process; add -m")
    assert not list(tmp_path.iterdir())
