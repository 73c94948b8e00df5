"""What is said to SLURM's commands and read from them, with stand-ins on the path that answer as SLURM 22.05 does."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.composing import QUICK, composed
from warmuplab import worker
from warmuplab.base.errors import ConfigError
from warmuplab.launch import queue
from warmuplab.launch.launch import LauncherConfig, launch
from warmuplab.launch.slurm import arrays, backend, question, script, states, submission
from warmuplab.launch.slurm.settings import Settings
from warmuplab.launch.slurm.states import Ended, SilentError, Task
from warmuplab.launch.slurm.submission import FullError, UnknownError

POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
SQUEUE = """\
3|0|COMPLETED|None|quick-0a
3|1|RUNNING|None|quick-0a
3|2|PENDING|Resources|quick-0a
7|N/A|RUNNING|None|wrap
9|0|PENDING|BeginTime|with|bars
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def stands_in(tools: Path, name: str, body: str) -> None:
    """A shell script in the place of a command of SLURM's, which writes down how it was called."""
    (tools / name).write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(tools / name))}.calls\n{body}\n')
    (tools / name).chmod(0o755)


def called(tools: Path, name: str) -> list[str]:
    return (tools / f"{name}.calls").read_text().splitlines()


def array(tmp_path: Path) -> arrays.Array:
    return arrays.new("my study", [tmp_path / "populations" / "a.json"])


def test_states_are_those_that_squeue_prints(tools: Path) -> None:
    stands_in(tools, "squeue", f"printf %s {shlex.quote(SQUEUE)}")
    found = states.tasks()
    assert found == {
        ("quick-0a", 0): Task(3, 0, "COMPLETED", "None"),
        ("quick-0a", 1): Task(3, 1, "RUNNING", "None"),
        ("quick-0a", 2): Task(3, 2, "PENDING", "Resources"),
        ("with|bars", 0): Task(9, 0, "PENDING", "BeginTime"),
    }
    assert [str(found["quick-0a", index]) for index in (1, 2)] == [
        "3_1 RUNNING",
        "3_2 PENDING (Resources)",
    ]
    (call,) = called(tools, "squeue")
    assert "--me" in call
    assert "--states=all" in call


@pytest.mark.parametrize("lines", [("8|0|RUNNING|None|a", "5|0|FAILED|None|a"), ("4|0|FAILED|None|a",)])
def test_of_a_job_file_that_was_submitted_twice_the_living_task_counts(lines: tuple[str, ...]) -> None:
    living = "8|0|RUNNING|None|a"
    for order in ([living, *lines], [*lines, living]):
        assert states.read("\n".join(order))["a", 0].array == 8


def test_how_a_task_ended_is_asked_of_scontrol(tools: Path) -> None:
    stands_in(tools, "scontrol", "echo 'JobId=5 ArrayJobId=3 JobState=FAILED Reason=NonZeroExitCode ExitCode=3:0 X=1'")
    assert states.ended("3_1") == Ended("FAILED", 3)
    assert called(tools, "scontrol") == ["--oneliner show job 3_1"]
    stands_in(tools, "scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert states.ended("3_1") is None


def test_a_controller_that_does_not_answer_is_told_in_one_line(tools: Path) -> None:
    for name in ("sbatch", "scontrol", "scancel"):
        stands_in(tools, name, "exit 1")
    stands_in(tools, "squeue", "printf 'squeue: error: A\\nslurm_load_jobs error: Unable to contact\\n' >&2; exit 1")
    with pytest.raises(SilentError, match=r"^squeue: A slurm_load_jobs error: Unable to contact$"):
        states.tasks()
    with pytest.raises(
        ConfigError, match=r"^hydra\.launcher\.cluster=slurm: squeue: A .*; see whether `sinfo` answers"
    ):
        states.check()


def test_the_log_folder_is_there_before_sbatch(tools: Path, tmp_path: Path) -> None:
    """Older versions of SLURM take a job without one, and it fails without a word."""
    where = r'sed -n "s/^#SBATCH --output=//p" "$2"'
    stands_in(tools, "sbatch", f'[ -d "$(dirname "$({where})")" ] && echo "17;cluster"')
    new = array(tmp_path)
    text = script.text(new.name, new.populations, Settings(), 1, 1, new.folder)
    assert submission.submit(new, text, Settings()) == 17
    assert called(tools, "sbatch") == [f"--parsable {new.script}"]
    assert new.script.read_text() == text
    assert new.name.startswith("my_study-")
    assert arrays.known([tmp_path / "populations"]) == [new]


@pytest.mark.parametrize(
    ("said", "field", "remedy"),
    [
        ("invalid partition specified: nosuch", "partition", "choose one of high, low"),
        ("Invalid account or account/partition combination specified", "account", "sacctmgr"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "time", "fewer minutes"),
        (f"QOSMaxWallDurationPerJobLimit\nsbatch: error: {POLICY}", "time", "fewer minutes"),
        ("Memory specification can not be satisfied", "memory", "use less"),
        ("Invalid generic resource (gres) specification", "gpus", "sinfo"),
    ],
)
def test_what_sbatch_refuses_names_the_setting(tools: Path, tmp_path: Path, said: str, field: str, remedy: str) -> None:
    stands_in(tools, "sbatch", f"echo {shlex.quote(f'sbatch: error: {said}')} >&2; exit 1")
    stands_in(tools, "sinfo", "echo low; echo high")
    new = array(tmp_path)
    with pytest.raises(ConfigError) as caught:
        submission.submit(new, "", Settings(partition="nosuch"))
    assert caught.value.field == f"hydra.launcher.slurm.{field}"
    assert said.partition("\n")[0] in str(caught.value)
    assert remedy in str(caught.value)
    assert arrays.known([tmp_path / "populations"]) == []


@pytest.mark.parametrize(
    "said",
    [
        "Slurm temporarily unable to accept job, sleeping and retrying",
        "AssocMaxSubmitJobLimit",
        POLICY,
        "QOSMaxSubmitJobPerUserLimit",
        "Batch job submission failed: Invalid job array specification",
        "Maximum number of jobs reached (job submit limit)",
    ],
)
def test_a_full_queue_is_no_error(tools: Path, tmp_path: Path, said: str) -> None:
    wait = "exec sleep 60" if "temporarily" in said else "exit 1"  # as sbatch itself would try again
    stands_in(tools, "sbatch", f"echo {shlex.quote(f'sbatch: error: {said}')} >&2; {wait}")
    with pytest.raises(FullError, match=re.escape(said)):
        submission.submit(array(tmp_path), "", Settings())


@pytest.mark.parametrize(
    "name",
    [
        "QOSMaxMemoryPerJob",
        "QOSMaxGRESPerUser",
        "AssocMaxGRESPerJob",
        "MaxMemPerLimit",
        "QOSMaxWallDurationPerJobLimit",
    ],
)
def test_a_limit_of_another_kind_is_no_full_queue(tools: Path, tmp_path: Path, name: str) -> None:
    stands_in(
        tools, "sbatch", f"echo {shlex.quote(f'sbatch: error: {name}')} >&2; echo {shlex.quote(POLICY)} >&2; exit 1"
    )
    with pytest.raises(ConfigError, match=name):
        submission.submit(array(tmp_path), "", Settings())


@pytest.mark.parametrize(
    "said",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Socket timed out on send/recv operation",
        "Batch job submission failed: Zero Bytes were transmitted or received",
    ],
)
def test_an_array_that_may_have_been_taken_stays_written_down(tools: Path, tmp_path: Path, said: str) -> None:
    stands_in(tools, "sbatch", f"echo {shlex.quote(f'sbatch: error: {said}')} >&2; exit 1")
    new = array(tmp_path)
    with pytest.raises(UnknownError, match=re.escape(said)):
        submission.submit(new, "", Settings())
    assert arrays.known([tmp_path / "populations"]) == [new]


def test_a_persons_own_variables_change_neither_questions_nor_job_files(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"SBATCH_JOB_NAME": "mine", "SBATCH_ARRAY_INX": "0-9", "SBATCH_NO_REQUEUE": "1", "SBATCH_TIMELIMIT": "1"}
    theirs |= {"SBATCH_MEM_PER_GPU": "1G", "SBATCH_CPUS_PER_GPU": "9", "SBATCH_TRES_PER_TASK": "gres/gpu:4"}
    theirs |= {"SBATCH_PARTITION": "high", "SBATCH_ACCOUNT": "ours", "SBATCH_QOS": "long", "SBATCH_CONSTRAINT": "a100"}
    theirs |= {"SQUEUE_PARTITION": "high", "SQUEUE_SORT": "i", "SLURM_RESTART_COUNT": "3"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    for name in ("sbatch", "squeue"):
        stands_in(tools, name, f"env > {tools}/{name}.env; [ {name} = squeue ] || echo 17")
    states.tasks()
    submission.submit(array(tmp_path), "", Settings(partition="low", options={"constraint": "h100"}))
    seen = {name: set((tools / f"{name}.env").read_text().splitlines()) for name in ("sbatch", "squeue")}
    left = {f"{name}={value}" for name, value in theirs.items()}
    assert seen["sbatch"] & left == {"SBATCH_ACCOUNT=ours", "SBATCH_QOS=long"}  # of which the job file says nothing
    assert not {line for line in seen["squeue"] & left if line.startswith(("SQUEUE", "SLURM"))}


def test_a_slurm_without_arrays_is_told_in_one_line(tools: Path) -> None:
    for name in ("sbatch", "squeue", "scancel"):
        stands_in(tools, name, "")
    stands_in(tools, "scontrol", "echo 'MaxArraySize            = 0'")
    with pytest.raises(ConfigError, match=r"this SLURM has none \(MaxArraySize += 0\)"):
        states.check()


def test_where_there_is_no_slurm_it_says_so(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tools))
    config = composed(*QUICK, f"outputs={tmp_path}")
    with pytest.raises(ConfigError, match="no sbatch on this machine; run it on a machine of the cluster"):
        launch([config], LauncherConfig("slurm", None, None), lambda _: None)


def test_where_submitit_is_missing_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    script._executor_class.cache_clear()
    config = composed(*QUICK, f"outputs={tmp_path}")
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.cluster=slurm: needs submitit .*; type pip install -e"):
        launch([config], LauncherConfig("slurm", None, None, dry=True), lambda _: None)
    monkeypatch.undo()
    script._executor_class.cache_clear()


def test_dry_prints_the_job_file_and_nothing_else(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = [composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}", "hardware.threads=2") for seed in range(3)]
    with pytest.raises(SystemExit) as ended:
        launch(configs, LauncherConfig("slurm", None, 1, dry=True, slurm=Settings(parallel=2)), lambda _: None)
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("#!/bin/bash\n")
    assert "#SBATCH --array=0-2%2\n" in printed
    assert "#SBATCH --cpus-per-task=2\n" in printed
    (known,) = arrays.known([tmp_path / "single" / "populations"])
    assert known.script.read_text() == printed
    assert all(str(worker.PopulationFile(path).path) in printed for path in known.populations)
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.dry=true"):
        launch(configs, LauncherConfig("local", None, None, dry=True), lambda _: None)


def test_dry_prints_of_several_arrays_what_submits_each(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sbatch` takes one array from a file, the first."""
    stands_in(tools, "scontrol", "echo 'MaxArraySize = 2'")
    configs = [composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}") for seed in range(3)]
    with pytest.raises(SystemExit):
        launch(configs, LauncherConfig("slurm", None, 1, dry=True), lambda _: None)
    heard = capsys.readouterr()
    assert "2 job arrays, each with a file of its own" in heard.err
    stands_in(tools, "sbatch", r'grep "^#SBATCH --array" "$1" >> "$0.arrays"')
    subprocess.run(["sh"], input=heard.out, text=True, check=True)
    assert (tools / "sbatch.arrays").read_text() == "#SBATCH --array=0-1%2\n#SBATCH --array=0-0%1\n"
    assert {array.script for array in arrays.known([tmp_path / "single" / "populations"])} == {
        Path(line.removeprefix("sbatch ")) for line in heard.out.splitlines()
    }


def test_populations_with_more_threads_have_an_array_of_their_own(tmp_path: Path) -> None:
    told = [(seed, 1 + seed % 2) for seed in range(4)]
    runs = [
        worker.prepare(composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}", f"hardware.threads={threads}"))
        for seed, threads in told
    ]
    plans = submission.planned(queue.plan([[run] for run in runs]).populations, Settings(), 4, 5)
    cores = [re.findall(r"--cpus-per-task=(\d+)", text) for _, text in plans]
    assert [(len(array.populations), *found) for (array, _), found in zip(plans, cores, strict=True)] == [
        (2, "1"),
        (2, "2"),
    ]


def test_more_tasks_than_an_array_may_have_are_several_arrays(tmp_path: Path) -> None:
    configs = [composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}") for seed in range(5)]
    planned = queue.plan([[worker.prepare(config)] for config in configs])
    plans = submission.planned(planned.populations, Settings(), 4, 2)
    assert [len(array.populations) for array, _ in plans] == [2, 2, 1]
    assert [path for array, _ in plans for path in array.populations] == [p.file.path for p in planned.populations]
    assert [re.findall(r"--array=(\S+)", text) for _, text in plans] == [["0-1%2"], ["0-1%2"], ["0-0%1"]]


def test_whoever_moves_finds_the_jobs_of_relative_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    arrays.new("a", [Path("out/populations/a.json")]).write("")
    monkeypatch.chdir(tmp_path / "below")
    (found,) = arrays.known([Path("../out/populations")])
    assert found.populations == (tmp_path / "out/populations/a.json",)


@pytest.mark.parametrize(
    ("answer", "cancelled"), [("y", True), ("Yes", True), ("n", False), ("", False), (None, False)], ids=str
)
def test_a_person_says_what_becomes_of_the_jobs(
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str | None,
    cancelled: bool,
) -> None:
    stands_in(tools, "scancel", "")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    def read(_: str) -> str:
        if answer is None:
            raise KeyboardInterrupt
        return answer

    question.ask([(12, 4), (12, 0), (9, 3), (12, 1), (12, 2)], True, read)  # others have the tasks between them
    said = capsys.readouterr().out
    assert ("Cancelled." in said) is cancelled
    assert ("the same command shows them again, `scancel 9_3 '12_[0-2,4]'` cancels them" in said) is not cancelled
    assert (tools / "scancel.calls").exists() is cancelled
    if cancelled:
        assert called(tools, "scancel") == ["9_3 12_[0-2,4]"]


def test_without_a_terminal_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    question.ask([(12, 0)], True, lambda _: pytest.fail("asked"))
    assert "1 job of this sweep is with SLURM and goes on" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    question.ask([(12, 0)], False, lambda _: pytest.fail("asked"))  # a signal ended the command, and no person
    assert "1 job of this sweep is with SLURM and goes on" in capsys.readouterr().out


def test_what_was_written_down_of_old_arrays_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = worker.prepare(composed(*QUICK, f"outputs={tmp_path}"))
    planned = queue.plan([[run]])
    folder = planned.populations[0].file.path.parent
    old, young = (arrays.new("single", [planned.populations[0].file.path]) for _ in range(2))
    for each in (old, young):
        each.write("")
    monkeypatch.setattr(arrays.Array, "is_old", property(lambda each: each.name == old.name))
    monkeypatch.setattr(states, "tasks", dict)
    watch = backend._Watch(planned, 1, Settings())
    watch.take_up()
    assert watch.jobs == []
    assert arrays.known([folder]) == [young]
