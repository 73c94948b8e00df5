"""What a task of an array does, run by bash as SLURM runs it, with stand-ins for `scontrol` and for the worker."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.sweeps import wait_for
from warmuplab.launch.slurm import script
from warmuplab.launch.slurm.settings import Settings

WORKER = """\
import signal, sys, time
from pathlib import Path
place = Path({place!r})
def ended(number, _):
    (place / "signals").open("a").write(f"{{number}}\\n")
    sys.exit(128 + number)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, ended)
with (place / "began").open("a") as file:
    file.write(sys.argv[-1] + "\\n")
print("says the worker", flush=True)
{what}
"""


def job_file(tmp_path: Path, what: str, **settings: object) -> Path:
    """A job file for three populations, whose worker is `WORKER`."""
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER.format(place=str(tmp_path), what=what))
    folder = tmp_path / "populations"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.json" for name in ("first", "a second", "third")]
    text = script.text("study-1", paths, Settings.of(settings), 1, 9, folder / "slurm")
    command = f"{shlex.quote(sys.executable)} -m warmuplab.worker"
    assert text.count(command) == 1
    path = tmp_path / "job.sh"
    path.write_text(text.replace("-m warmuplab.worker", shlex.quote(str(worker))))
    return path


def begun(tmp_path: Path, path: Path, *, state: str = "RUNNING", restarts: int = 0) -> "subprocess.Popen[str]":
    """The job file in bash, as task 1 of array 40, the last one: SLURM gives it the id of the array for its own."""
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "scontrol").write_text(
        f'#!/bin/sh\necho "$@" >> {shlex.quote(str(tmp_path / "asked"))}\n'
        'case "$*" in\n'
        f'*show*) echo "JobId=40 ArrayJobId=40 JobState={state} Reason=None";;\n'
        "esac\n"
        # Asked for an array, SLURM tells of all its tasks.
        'case "$*" in *"job 40") echo "JobId=41 ArrayJobId=40 JobState=COMPLETED Reason=None";; esac\n'
    )
    (tools / "scontrol").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "40",
        "SLURM_ARRAY_JOB_ID": "40",
        "SLURM_ARRAY_TASK_ID": "1",
        "SLURM_RESTART_COUNT": str(restarts),
    }
    return subprocess.Popen(
        ["bash", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip


def asked(tmp_path: Path) -> list[str]:
    """What the task had `scontrol` do."""
    said = tmp_path / "asked"
    return [line for line in said.read_text().splitlines() if "show" not in line] if said.exists() else []


def interrupted(tmp_path: Path, number: signal.Signals, **more: object) -> "subprocess.Popen[str]":
    """A task that got the signal as its worker trained."""
    path = job_file(tmp_path, "time.sleep(60)", **{key: more.pop(key) for key in ("requeues",) if key in more})
    process = begun(tmp_path, path, **more)  # type: ignore[arg-type]
    wait_for((tmp_path / "began").exists, 30)
    process.send_signal(number)
    process.communicate(timeout=30)
    return process


def test_a_task_runs_the_worker_command_on_its_population(tmp_path: Path) -> None:
    process = begun(tmp_path, job_file(tmp_path, "pass"))
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (0, "")
    assert (tmp_path / "began").read_text() == f"{tmp_path}/populations/a second.json\n"
    assert (tmp_path / "populations" / "a second.log").read_text() == "says the worker\n"
    assert asked(tmp_path) == []


def test_the_exit_status_of_a_failed_worker_is_that_of_its_task_alone(tmp_path: Path) -> None:
    process = begun(tmp_path, job_file(tmp_path, "sys.exit(3)"))
    process.communicate(timeout=30)
    assert process.returncode == 3
    assert asked(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM], ids=lambda number: number.name)
def test_a_task_that_is_asked_to_end_saves_and_requeues_itself_and_not_the_array(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = interrupted(tmp_path, number)
    assert process.returncode == 0
    assert (tmp_path / "signals").read_text() == f"{signal.SIGTERM.value}\n"
    assert asked(tmp_path) == ["requeue 40_1"]


@pytest.mark.parametrize("state", ["COMPLETING", "CANCELLED", "PENDING", "PREEMPTED"])
def test_a_task_of_which_slurm_decides_does_not_requeue_itself(tmp_path: Path, state: str) -> None:
    process = interrupted(tmp_path, signal.SIGTERM, state=state)
    assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / "signals").exists()
    assert asked(tmp_path) == []


def test_a_task_comes_back_a_limited_number_of_times(tmp_path: Path) -> None:
    assert interrupted(tmp_path, signal.SIGUSR1, restarts=2, requeues=2).returncode == 128 + signal.SIGTERM
    assert asked(tmp_path) == []


def test_a_signal_during_the_set_up_starts_no_worker_and_requeues(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    process = begun(tmp_path, job_file(tmp_path, "pass", setup=[f"touch {shlex.quote(str(ready))}", "sleep 1"]))
    wait_for(ready.exists, 30)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not (tmp_path / "began").exists()
    assert asked(tmp_path) == ["requeue 40_1"]


@pytest.mark.parametrize("setup", ["set -e", "set -euo pipefail"])
def test_a_set_up_that_ends_at_errors_does_not_end_what_follows(tmp_path: Path, setup: str) -> None:
    process = begun(tmp_path, job_file(tmp_path, "time.sleep(60)", setup=[setup]))
    wait_for((tmp_path / "began").exists, 30)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "signals").read_text() == f"{signal.SIGTERM.value}\n"
    assert asked(tmp_path) == ["requeue 40_1"]


def test_a_set_up_that_fails_under_set_e_starts_no_worker(tmp_path: Path) -> None:
    process = begun(tmp_path, job_file(tmp_path, "pass", setup=["set -e", "false"]))
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert not (tmp_path / "began").exists()


def test_a_sign_of_slurm_in_the_folder_is_none_to_it(tmp_path: Path) -> None:
    text = script.text("a", [tmp_path / "a.json"], Settings(), 1, 1, tmp_path / "50%j")
    assert f"--output={tmp_path}/50%%j/{script.LOG}" in text


def test_a_worker_that_is_through_as_the_signal_comes_is_through(tmp_path: Path) -> None:
    process = begun(
        tmp_path, job_file(tmp_path, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)")
    )
    wait_for((tmp_path / "began").exists, 30)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert asked(tmp_path) == []


def test_runs_that_a_dead_node_still_holds_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "SECONDS_OF_A_WAIT", 0.1)
    twice = "sys.exit(4 if (place / 'began').read_text().count(chr(10)) < 3 else 0)"
    process = begun(tmp_path, job_file(tmp_path, twice))
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "began").read_text().count("\n") == 3


def test_what_is_asked_for_stands_in_the_job_file(tmp_path: Path) -> None:
    text = job_file(
        tmp_path, "pass", partition="gpu", account="lab", gpus=1, memory="8G", time=90, options={"mail_type": "END"}
    ).read_text()
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", text, re.MULTILINE))
    folder = tmp_path / "populations" / "slurm"
    assert options == {
        "account": "lab", "array": "0-2%3", "chdir": str(Path.cwd()), "cpus-per-task": "1", "gres": "gpu:1",
        "job-name": "study-1", "mail-type": "END", "mem": "8G", "nodes": "1", "open-mode": "append",
        "output": f"{folder}/%A_%a.log", "partition": "gpu", "requeue": "", "signal": "B:USR1@120", "time": "90",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({"container": "apptainer exec --nv lab.sif"}, "apptainer exec --nv lab.sif python -m warmuplab.worker"),
        (
            {"container": "srun --container-image=lab", "python": "/opt/bin/python"},
            "srun --container-image=lab /opt/bin/",
        ),
        ({"python": "python3.12"}, "python3.12 -m warmuplab.worker"),
    ],
)
def test_a_worker_runs_in_a_container_with_its_python(tmp_path: Path, settings: dict[str, str], begins: str) -> None:
    text = script.text("study-1", [tmp_path / "a.json"], Settings.of(settings), 1, 1, tmp_path)
    assert f"\n  {begins}" in text
