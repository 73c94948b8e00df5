"""Sweeps through a real SLURM on this machine: `make slurm-test`. Left out of `make test`, as it takes minutes.

Whatever becomes of the jobs, the records are to the byte those of a sweep on this machine without SLURM.
"""

import fcntl
import os
import pty
import re
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import local_slurm
from support.composing import ROOT
from support.sweeps import OVERRIDES, TRAIN, bytes_of, checkpoints, left_over, wait_for, workers_of
from warmuplab.launch.slurm import states

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

ON_SLURM = ("hydra.launcher.cluster=slurm", "hydra.launcher.members=4")
LONG = ("training.steps=1200", "training.validate_every=1200", "probes=none")
"""Of a run that is under way for some seconds."""
Table = dict[str, bytes]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patched = pytest.MonkeyPatch()
    try:
        with local_slurm.running(tmp_path_factory.mktemp("slurm")) as configuration:
            patched.setenv("SLURM_CONF", str(configuration))
            yield
    except local_slurm.CannotRunError as reason:
        pytest.skip(f"no SLURM can be run here: {reason}")
    finally:
        patched.undo()


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    yield
    slurm("scancel", "--user", "root")
    wait_for(lambda: not slurm("squeue", "--noheader"), 60)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Eight long runs without SLURM."""
    return tables(tmp_path_factory.mktemp("undisturbed"), 8, *LONG, "hydra.launcher.cluster=debug")


def slurm(*command: str) -> str:
    """What a command of SLURM's prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def sweep(outputs: Path, seeds: int, *more: str) -> "subprocess.Popen[str]":
    typed = [f"seed=range({seeds})", f"outputs={outputs}", *ON_SLURM, *more]
    return subprocess.Popen(
        [*TRAIN, "-m", *OVERRIDES, *typed], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip


def ended(process: "subprocess.Popen[str]", status: int = 0) -> str:
    """What the sweep printed and said, when it has ended."""
    printed, said = process.communicate(timeout=500)
    assert process.returncode == status, printed + said
    return printed + said


def tables(outputs: Path, seeds: int, *more: str) -> Table:
    """What a sweep leaves, when it is over."""
    ended(sweep(outputs, seeds, *more))
    return bytes_of(outputs)


def jobs(state: str = "all") -> list[str]:
    """The tasks of arrays in that state."""
    listed = slurm("squeue", "--array", f"--states={state}", "--noheader", "--format=%i|%T|%r").splitlines()
    return [line for line in listed if "_" in line]


def restarts(job: str) -> int:
    """How often a task went back into the queue."""
    told = re.search(r"Restarts=(\d+)", slurm("scontrol", "--oneliner", "show", "job", job))
    assert told
    return int(told[1])


def in_training(outputs: Path, populations: int) -> bool:
    """Whether that many populations have kept something."""
    return len(checkpoints(outputs)) >= populations


def test_sixteen_runs_are_the_same_through_all_backends(tmp_path: Path) -> None:
    by_slurm = tables(tmp_path / "slurm", 16)
    assert len(by_slurm) == 2 * 16
    for cluster in ("debug", "local"):
        assert tables(tmp_path / cluster, 16, f"hydra.launcher.cluster={cluster}") == by_slurm, cluster
    assert left_over(tmp_path / "slurm") == []
    assert "16 runs of 16 finished before" in ended(sweep(tmp_path / "slurm", 16))


def test_a_preempted_job_comes_back_and_goes_on(tmp_path: Path, undisturbed: Table) -> None:
    process = sweep(tmp_path, 8, *LONG)
    wait_for(lambda: in_training(tmp_path, 2), 180)
    first = jobs("running")[0].partition("|")[0]
    slurm("sbatch", "--partition=high", "--cpus-per-task=2", "--output=/dev/null", "--wrap=sleep 3")
    wait_for(lambda: restarts(first) == 1, 60)
    assert checkpoints(tmp_path)
    printed = ended(process)
    assert "PENDING (BeginTime)" in printed
    assert bytes_of(tmp_path) == undisturbed
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("number", [0, 1], ids=["the first", "the last, whose id is that of the array"])
def test_a_task_near_its_time_limit_requeues_itself_alone(tmp_path: Path, undisturbed: Table, number: int) -> None:
    process = sweep(tmp_path, 8, *LONG)
    wait_for(lambda: in_training(tmp_path, 2), 180)
    first, second = sorted(line.partition("|")[0] for line in jobs("running"))
    slurm("scancel", "--batch", "--signal=USR1", task := (first, second)[number])  # as SLURM does by --signal=B:USR1
    wait_for(lambda: restarts(task) == 1, 60)
    ended(process)
    assert restarts((second, first)[number]) == 0
    assert bytes_of(tmp_path) == undisturbed


def test_a_killed_task_fails_alone_and_goes_on_another_time(tmp_path: Path, undisturbed: Table) -> None:
    process = sweep(tmp_path, 8, *LONG)
    wait_for(lambda: in_training(tmp_path, 2), 180)
    os.kill(next(workers_of(tmp_path)), signal.SIGKILL)
    printed = ended(process, 1)
    assert "4 of 8 runs failed" in printed
    assert "ended as FAILED, exit status 137" in printed
    assert len(bytes_of(tmp_path)) >= len(undisturbed) // 2
    assert "1 population of them has a checkpoint to go on from" in ended(sweep(tmp_path, 8, *LONG))
    assert bytes_of(tmp_path) == undisturbed


def test_what_is_cancelled_does_not_come_back_by_itself(tmp_path: Path, undisturbed: Table) -> None:
    process = sweep(tmp_path, 8, *LONG)
    wait_for(lambda: in_training(tmp_path, 2), 180)
    array = jobs("running")[0].partition("_")[0]
    slurm("scancel", array)
    printed = ended(process, 1)
    assert printed.count("ended as CANCELLED; the same command goes on with what it kept") == 2
    assert not jobs("pending,running")
    assert "2 populations of them have a checkpoint to go on from" in ended(sweep(tmp_path, 8, *LONG))
    assert bytes_of(tmp_path) == undisturbed


def test_jobs_that_were_left_running_are_taken_up_again(tmp_path: Path, undisturbed: Table) -> None:
    first = sweep(tmp_path, 8, *LONG)
    wait_for(lambda: in_training(tmp_path, 2), 180)
    first.send_signal(signal.SIGTERM)
    said = ended(first, 128 + signal.SIGTERM)
    assert "2 jobs of this sweep are with SLURM and go on" in said
    assert len(jobs("running")) == 2
    assert "2 jobs of an earlier command, 2 of them running, are taken up again" in ended(sweep(tmp_path, 8, *LONG))
    assert bytes_of(tmp_path) == undisturbed


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_at_a_terminal_is_asked(tmp_path: Path, answer: str) -> None:
    here, there = pty.openpty()
    typed = ["seed=range(2)", f"outputs={tmp_path}", *ON_SLURM, *LONG, "training.steps=100000"]
    process = subprocess.Popen(
        [*TRAIN, "-m", *OVERRIDES, *typed], stdin=there, stdout=there, stderr=there, cwd=ROOT, start_new_session=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "160"},
        preexec_fn=_heeds_its_terminal,
    )  # fmt: skip
    os.close(there)
    seen = Seen(here)
    seen.until("0 RUNNING")
    os.write(here, b"\x03")
    seen.until("Cancel them?")
    os.write(here, f"{answer}\n".encode())
    seen.until("Cancelled." if answer == "y" else "cancels them")
    seen.until("interrupted")
    assert process.wait(60) == 128 + signal.SIGINT
    if answer == "y":
        wait_for(lambda: not jobs("running"), 60)
    else:
        assert len(jobs("running")) == 1
    os.close(here)


def _heeds_its_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a job in the background ignores


class Seen:
    """What a terminal shows."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._text = ""

    def until(self, text: str, seconds: float = 120.0) -> None:
        """Read on until `text` is shown."""
        latest = time.monotonic() + seconds
        while text not in self._text:
            assert time.monotonic() < latest, self._text[-2000:]
            self._text += os.read(self._terminal, 4096).decode(errors="replace")
        self._text = self._text.partition(text)[2]


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    """Others hold all but three places of the queue; jobs of a while ago have theirs still."""
    left = local_slurm.MOST_JOBS - 3 - len(slurm("squeue", "--states=all", "--array", "--noheader").splitlines())
    while left > 0:
        size = min(left, local_slurm.LARGEST_ARRAY)
        slurm("sbatch", "--hold", "--job-name=others", f"--array=0-{size - 1}", "--output=/dev/null", "--wrap=true")
        left -= size
    process = sweep(tmp_path, 12, "hydra.launcher.members=1", "training.steps=2", "training.validate_every=2")
    assert process.stdout is not None
    for line in process.stdout:
        if "to be submitted when it takes more" in line:
            break
    else:
        pytest.fail("the queue was not full")
    slurm("scancel", "--name=others")
    for _ in process.stdout:
        pass
    assert process.wait(500) == 0
    assert len(bytes_of(tmp_path)) == 2 * 12


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("partition=nosuch", "hydra.launcher.slurm.partition=nosuch: SLURM refuses it: "),
        ("memory=900G", "hydra.launcher.slurm.memory=900G: SLURM refuses it: "),
        ("gpus=1", "hydra.launcher.slurm.gpus=1: SLURM refuses it: "),
    ],
)
def test_what_the_cluster_does_not_have_is_one_line(tmp_path: Path, typed: str, said: str) -> None:
    process = sweep(tmp_path, 2, f"hydra.launcher.slurm.{typed}")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2
    assert error.startswith(f"error: {said}"), error
    assert error.count("\n") == 1
    assert not jobs("pending,running")


def test_a_printed_job_file_can_be_submitted_by_hand(tmp_path: Path) -> None:
    printed, _ = sweep(tmp_path, 2, "hydra.launcher.dry=true").communicate(timeout=120)
    assert not jobs("pending,running")
    path = tmp_path / "job.sh"
    path.write_text(printed)
    slurm("sbatch", str(path))
    assert "1 job of an earlier command" in ended(sweep(tmp_path, 2))
    assert len(bytes_of(tmp_path)) == 2 * 2


def test_tasks_are_cancelled_and_the_others_of_their_arrays_go_on(tmp_path: Path) -> None:
    log = f"--output={tmp_path}/%A_%a.log"
    first, second = (
        int(slurm("sbatch", "--parsable", f"--array=0-{last}", log, "--wrap=sleep 300")) for last in (4, 1)
    )
    assert states.cancel([(first, 0), (first, 1), (first, 3), (second, 1)]) is None

    def left() -> set[str]:
        return set(slurm("squeue", "--noheader", "--array", "--format=%i", "--states=PENDING,RUNNING").split())

    expected = {f"{first}_2", f"{first}_4", f"{second}_0"}
    wait_for(lambda: left() == expected, 60)
    time.sleep(2)
    assert left() == expected
