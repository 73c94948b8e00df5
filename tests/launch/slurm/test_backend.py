"""Sweeps over a stand-in for SLURM that trains in this process, and does as it is told: fail, fill up, fall silent."""

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from support.composing import QUICK, composed
from support.records import numbers_of
from warmuplab import training, worker
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import read_json
from warmuplab.config.schema import RunConfig
from warmuplab.launch import display, queue, recorded
from warmuplab.launch.launch import LauncherConfig, launch
from warmuplab.launch.slurm import backend, jobs, states, submission, tries
from warmuplab.launch.slurm.arrays import Array
from warmuplab.launch.slurm.settings import Settings
from warmuplab.launch.slurm.states import Ended, Key, SilentError, Task
from warmuplab.launch.slurm.submission import FullError, UnknownError
from warmuplab.population import checkpoint
from warmuplab.population.checkpoint import Checkpoint
from warmuplab.record.progress import Progress
from warmuplab.record.writing import failures
from warmuplab.worker import BUSY, PopulationFile, train_population

ON_SLURM = LauncherConfig("slurm", workers=None, members=1)
DEBUG = LauncherConfig("debug", workers=None, members=1)
LOOKS = 3  # until a task is over: it waits, it runs


@dataclass
class Slurm:
    """Every time that it is asked, all of its tasks get on by one state."""

    fate: dict[int, tuple[str, int]] = field(default_factory=dict)
    """State and exit status in which the tasks of these indices of the first arrays end, without any training."""
    fated: int = 1
    """How many arrays those are."""
    room: int = 100
    """Tasks that it takes."""
    silent_at: int = 0
    """After so many answers it gives none once."""
    arrays: list[Array] = field(default_factory=list)
    asked: int = 0
    stopped: bool = False
    """Whether nothing gets on."""
    told: dict[Key, Task] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)

    def submit(self, array: Array, text: str, settings: Settings) -> int:
        living = sum(not task.is_over for task in self.told.values())
        if living + len(array.populations) > self.room:
            raise FullError("job submit limit")
        array.write(text)
        self.arrays.append(array)
        for index in range(len(array.populations)):
            self.told[array.name, index] = Task(100 + len(self.arrays), index, "PENDING", "Resources")
        return 100 + len(self.arrays)

    def tasks(self) -> dict[Key, Task]:
        if self.silent_at and self.asked == self.silent_at:
            self.silent_at = 0
            raise SilentError("squeue: Unable to contact slurm controller")
        self.asked += 1
        for key, task in [] if self.stopped else list(self.told.items()):
            if task.state == "RUNNING":
                self.told[key] = self._end(key, task)
            elif task.is_queued:
                self.told[key] = replace(task, state="RUNNING", reason="None")
        return dict(self.told)

    def _end(self, key: Key, task: Task) -> Task:
        array = next(array for array in self.arrays if array.name == key[0])
        if array in self.arrays[: self.fated] and task.index in self.fate:
            state, status = self.fate[task.index]
        else:
            file = PopulationFile(array.populations[task.index])
            well = train_population(file.read(), file.name, lambda progress: progress.write(file.progress_path))
            state, status = ("COMPLETED", 0) if well else ("FAILED", 1)
        self.statuses[task.job] = status
        return replace(task, state=state)

    def ended(self, job: str) -> Ended | None:
        task = next(task for task in self.told.values() if task.job == job)
        return Ended(task.state, self.statuses[job])


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Slurm:
    there = Slurm()
    for name in ("tasks", "ended"):
        monkeypatch.setattr(states, name, getattr(there, name))
    monkeypatch.setattr(states, "check", lambda: None)
    monkeypatch.setattr(states, "largest_array", lambda: 5)
    monkeypatch.setattr(submission, "submit", there.submit)
    for name in ("LOOKS", "ASKS", "TRIES"):
        monkeypatch.setattr(backend, f"SECONDS_BETWEEN_{name}", 0.0)
    return there


def configs(folder: Path, seeds: int, *overrides: str) -> list[RunConfig]:
    return [composed(*QUICK, f"outputs={folder}", f"seed={seed}", *overrides) for seed in range(seeds)]


def interrupted(runs: list[RunConfig], slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as the jobs are submitted, of which none begins."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    slurm.stopped = True
    with monkeypatch.context() as patched:
        patched.setattr(backend.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            launch(runs, ON_SLURM, lambda _: None)


def test_populations_are_the_tasks_of_arrays_and_trained_once(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = launch(configs(tmp_path, 6), ON_SLURM, lambda _: None)
    assert failures(runs) == []
    assert [len(array.populations) for array in slurm.arrays] == [5, 1]  # SLURM takes arrays of five at most
    monkeypatch.setattr(training.Trainer, "run", lambda *_: pytest.fail("trained again"))
    launch(configs(tmp_path, 6), ON_SLURM, lambda _: None)
    assert len(slurm.arrays) == 2


def test_a_failed_task_fails_alone_and_says_how(tmp_path: Path, slurm: Slurm) -> None:
    slurm.fate[1] = ("FAILED", 127)
    runs = launch(configs(tmp_path, 3), ON_SLURM, lambda _: None)
    (said,) = failures(runs)
    assert said.startswith(f"{runs[1].directory}: its job 101_1 ended as FAILED, exit status 127; see ")
    assert launch(configs(tmp_path, 3), ON_SLURM, lambda _: None) == runs
    assert failures(runs) == []
    assert [len(array.populations) for array in slurm.arrays] == [3, 1]


@pytest.mark.parametrize("state", ["CANCELLED", "TIMEOUT", "NODE_FAIL"])
def test_what_was_interrupted_has_no_record_of_a_failure(
    tmp_path: Path, slurm: Slurm, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm.fate[0] = (state, 0)
    runs = launch(configs(tmp_path, 2), ON_SLURM, lambda _: None)
    assert [line.partition(": ")[0] for line in failures(runs)] == [str(runs[0].directory)]
    assert runs[0].summary is None
    assert f"its job 101_0 ended as {state}; the same command goes on" in capsys.readouterr().out


def test_what_others_had_is_trained_when_it_is_free(tmp_path: Path, slurm: Slurm) -> None:
    """Also when nothing else of the sweep is left to be submitted."""
    slurm.fate[0] = ("FAILED", BUSY)
    runs = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert failures(runs) == []
    assert len(slurm.arrays) == 2


class Dying:
    """Tasks that are killed on another machine: no exit status, and their leases live on until nobody looks."""

    def __init__(self, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, kept: Iterator[int | None]) -> None:
        self.kept = kept
        monkeypatch.setattr(slurm, "_end", self.end)
        monkeypatch.setattr(states, "ended", lambda _: None)
        monkeypatch.setattr(jobs, "owner_of", lambda _: "node7, process 12")
        monkeypatch.setattr(queue, "SECONDS_BETWEEN_LOOKS", 0.0)
        self.statuses, self.arrays = slurm.statuses, slurm.arrays

    def end(self, key: Key, task: Task) -> Task:
        array = next(array for array in self.arrays if array.name == key[0])
        next_kept = next(self.kept)
        if next_kept is not None:
            state = {"population.members.clock": torch.tensor(next_kept)}
            checkpoint.write(array.populations[task.index].with_suffix(".checkpoint"), Checkpoint(state, {}))
        return replace(task, state="FAILED")


def test_a_population_whose_tasks_die_without_a_word_is_given_up(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a node without memory: submitted again and again it would die again and again."""
    with monkeypatch.context() as patched:
        Dying(slurm, patched, itertools.repeat(0))
        (run,) = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert len(slurm.arrays) == tries.MOST
    (said,) = failures([run])
    file = slurm.arrays[0].populations[0]
    assert f"given up after {tries.MOST} jobs that ended without getting further" in said
    assert f"; see {file.with_suffix('.log')} and " in said
    assert capsys.readouterr().out.count("given up") == 1
    assert failures(launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)) == []  # the same command tries again


def test_a_population_that_gets_further_is_not_given_up(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dying(slurm, monkeypatch, iter([1, 2, 3, 4, 5, *[5] * 9]))
    launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert len(slurm.arrays) == 5 + tries.MOST


def test_a_checkpoint_of_before_is_no_progress(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        launch(configs(tmp_path, 1), replace(ON_SLURM, dry=True), lambda _: None)
    (file,) = tmp_path.glob("single/populations/*.json")
    state = {"population.members.clock": torch.tensor(500)}
    checkpoint.write(file.with_suffix(".checkpoint"), Checkpoint(state, {}))
    slurm.arrays.clear()
    Dying(slurm, monkeypatch, itertools.repeat(None))
    launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert len(slurm.arrays) == tries.MOST


def test_what_others_train_at_last_is_no_try(tmp_path: Path, slurm: Slurm) -> None:
    """A job that finds its runs in other hands did not die."""
    slurm.fate = {0: ("FAILED", BUSY)}
    slurm.fated = tries.MOST + 2
    runs = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert failures(runs) == []
    assert len(slurm.arrays) == tries.MOST + 3


def test_the_lease_of_a_cancelled_task_is_not_that_of_another(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another machine it lives on for a minute: the task is not submitted again meanwhile."""
    slurm.fate[0] = ("CANCELLED", 0)
    monkeypatch.setattr(jobs, "owner_of", lambda _: "node7, process 12")
    runs = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert runs[0].summary is None
    assert len(slurm.arrays) == 1


def test_a_dry_run_prints_the_job_file_alone_whatever_is_finished(
    tmp_path: Path, slurm: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    capsys.readouterr()
    for seeds, printed in ((2, True), (1, False)):
        with pytest.raises(SystemExit) as ended:
            launch(configs(tmp_path, seeds), replace(ON_SLURM, dry=True))
        heard = capsys.readouterr()
        assert not ended.value.code
        assert heard.out.startswith("#!") == printed
        assert bool(heard.out) == printed
        assert "1 run of" in heard.err
    assert len(slurm.arrays) == 1


def test_a_dry_run_fixes_no_packing(tmp_path: Path, slurm: Slurm) -> None:
    """What it wrote was printed only: a later sweep packs as it is told."""
    with pytest.raises(SystemExit):
        launch(configs(tmp_path, 4), replace(ON_SLURM, dry=True), lambda _: None)
    assert len(list(tmp_path.glob("single/populations/*.json"))) == 4
    runs = launch(configs(tmp_path, 4), replace(ON_SLURM, members=4), lambda _: None)
    assert {len((run.summary or {})["population"]["members"]) for run in runs} == {4}


def test_a_dry_run_leaves_the_files_of_a_sweep_alone(
    tmp_path: Path, slurm: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job may be training by them: with `overwrite` it would train finished runs again."""
    launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    (file,) = slurm.arrays[0].populations
    before = file.read_bytes()
    capsys.readouterr()
    for told, is_said in (("overwrite=true", True), ("overwrite=false", False)):
        with pytest.raises(SystemExit):
            launch(configs(tmp_path, 1, told), replace(ON_SLURM, dry=True))
        said = capsys.readouterr().err
        assert (f"with other settings, which its jobs may train by: {file}" in said) == is_said
        assert file.read_bytes() == before


def test_what_a_machine_decided_is_no_other_setting(tmp_path: Path) -> None:
    runs = [worker.prepare(config) for config in configs(tmp_path, 1, "hardware.compile=auto")]
    file = worker.write_population(runs)
    assert file.begin(runs) != runs
    assert not recorded.has_other_settings(queue.QueuedPopulation(runs, file))
    others = [worker.prepare(replace(run.config, overwrite=True)) for run in runs]
    assert recorded.has_other_settings(queue.QueuedPopulation(others, file))


@pytest.mark.parametrize(
    ("workers", "room", "bounds"),
    [
        (None, 100, ["0-4%5", "0-0%1"]),
        (2, 100, ["0-4%2", "0-0%1"]),  # the second has one at least
        (3, 3, ["0-1%2", "0-0%1", "0-2%3"]),  # cut up by a full queue, then those that are free again
    ],
)
def test_arrays_share_the_tasks_at_a_time(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, workers: int | None, room: int, bounds: list[str]
) -> None:
    found: list[str] = []
    slurm.room, submit = room, slurm.submit

    def seen(array: Array, text: str, settings: Settings) -> int:
        number = submit(array, text, settings)
        found.extend(re.findall(r"--array=(\S+)", text))
        return number

    monkeypatch.setattr(submission, "submit", seen)
    assert failures(launch(configs(tmp_path, 6), replace(ON_SLURM, workers=workers), lambda _: None)) == []
    assert found[: len(bounds)] == bounds


def test_whoever_interrupts_hears_of_an_array_that_may_have_been_taken(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays: list[Array] = []

    def submit(array: Array, text: str, settings: Settings) -> int:
        array.write(text)
        arrays.append(array)
        raise UnknownError("Socket timed out on send/recv operation")

    def interrupt(_: float) -> None:
        slurm.silent_at, slurm.asked = 1, 1
        raise KeyboardInterrupt

    monkeypatch.setattr(submission, "submit", submit)
    monkeypatch.setattr(backend.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    said = capsys.readouterr().out
    assert f"SLURM may have taken the job array {arrays[0].name}, or not (Socket timed out" in said
    assert f"`squeue --name {arrays[0].name}` shows it" in said
    assert arrays[0].listing.exists()


@pytest.mark.parametrize("taken", [True, False])
def test_an_array_of_which_nothing_is_known_is_looked_for_first(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """The controller fell silent as it got the first one."""
    asked: list[Array] = []

    def submit(array: Array, text: str, settings: Settings) -> int:
        asked.append(array)
        if len(asked) > 1:
            return slurm.submit(array, text, settings)
        array.write(text)
        if taken:
            slurm.submit(array, text, settings)
        raise UnknownError("Socket timed out on send/recv operation")

    monkeypatch.setattr(submission, "submit", submit)
    runs = launch(configs(tmp_path, 2), ON_SLURM, lambda _: None)
    assert failures(runs) == []
    assert all(run.is_complete for run in runs)
    assert len(slurm.arrays) == 1
    assert len(asked) == (1 if taken else 2)
    assert asked[0].listing.exists() == taken


def test_what_slurm_refuses_later_leaves_word_of_the_jobs_that_go_on(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm.room, submit = 1, slurm.submit

    def refusing(array: Array, text: str, settings: Settings) -> int:
        if slurm.arrays:
            raise ConfigError("hydra.launcher.slurm.time", 240, "SLURM refuses it", "use fewer minutes")
        return submit(array, text, settings)

    monkeypatch.setattr(submission, "submit", refusing)
    with pytest.raises(ConfigError):
        launch(configs(tmp_path, 2), ON_SLURM, lambda _: None)
    assert "1 job of this sweep is with SLURM and goes on" in capsys.readouterr().out


def test_what_others_trained_before_a_job_began_is_cancelled(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.stopped = True
    cancelled: list[tuple[int, int]] = []

    def cancel(tasks: list[tuple[int, int]]) -> None:
        cancelled.extend(tasks)
        slurm.told = {key: replace(task, state="CANCELLED") for key, task in slurm.told.items()}

    def train_elsewhere(_: queue.Sweep) -> None:
        if not cancelled:
            launch(configs(tmp_path, 1), DEBUG, lambda _: None)

    monkeypatch.setattr(states, "cancel", cancel)
    planned = queue.plan([[worker.prepare(config)] for config in configs(tmp_path, 1)])
    backend.run(planned, 1, train_elsewhere, Settings())
    assert cancelled == [(101, 0)]
    assert planned.populations[0].state == queue.DONE


@pytest.mark.parametrize(
    ("states_after", "again"),
    [
        (["COMPLETING", "COMPLETING", "CANCELLED"], True),
        (["COMPLETING", "PENDING", "RUNNING", "CANCELLED"], False),  # preempted, and cancelled later
    ],
)
def test_a_job_that_was_ending_when_it_was_taken_up_is_no_failure(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, states_after: list[str], again: bool
) -> None:
    """Right after a person cancelled the jobs: their nodes may take minutes to be rid of them."""
    interrupted(configs(tmp_path, 1), slurm, monkeypatch)
    (key,) = slurm.told
    slurm.told[key] = replace(slurm.told[key], state="COMPLETING")
    steps = iter(states_after)

    def tasks() -> dict[Key, Task]:
        state = next(steps, None)
        if state is not None:
            slurm.told[key], slurm.statuses[slurm.told[key].job] = replace(slurm.told[key], state=state), 0
        elif len(slurm.arrays) > 1:
            slurm.stopped = False
        return slurm.tasks()

    monkeypatch.setattr(states, "tasks", tasks)
    runs = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    assert [run.is_complete for run in runs] == [again]
    assert len(slurm.arrays) == (2 if again else 1)


def test_the_machine_that_trains_decides_what_is_left_to_it(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login node may have no GPU and another compiler; the names are those of every other backend."""
    listed: list[object] = []
    submit = slurm.submit

    def seen(array: Array, text: str, settings: Settings) -> int:
        listed.extend(run["hardware"]["compile"] for path in array.populations for run in read_json(path)["runs"])
        return submit(array, text, settings)

    monkeypatch.setattr(submission, "submit", seen)
    auto = configs(tmp_path, 2, "hardware.compile=auto")
    runs = launch(auto, ON_SLURM, lambda _: None)
    assert listed == ["auto", "auto"]
    written = [yaml.safe_load((run.directory / "config.yaml").read_text())["hardware"]["compile"] for run in runs]
    assert written == [False, False]
    here = launch([replace(config, outputs=str(tmp_path / "here")) for config in auto], DEBUG, lambda _: None)
    assert [run.run_id for run in here] == [run.run_id for run in runs]
    assert [numbers_of(run.directory) for run in here] == [numbers_of(run.directory) for run in runs]


def test_a_task_without_memory_is_tried_again_in_halves(tmp_path: Path, slurm: Slurm) -> None:
    slurm.fate[0] = ("OUT_OF_MEMORY", 0)
    runs = launch(configs(tmp_path, 4), replace(ON_SLURM, members=4), lambda _: None)
    assert failures(runs) == []
    assert [len(array.populations) for array in slurm.arrays] == [1, 2]
    assert {len((run.summary or {})["population"]["members"]) for run in runs} == {2}


def test_a_full_queue_takes_smaller_arrays_one_after_the_other(tmp_path: Path, slurm: Slurm) -> None:
    slurm.room = 2
    runs = launch(configs(tmp_path, 5), ON_SLURM, lambda _: None)
    assert failures(runs) == []
    assert sum(len(array.populations) for array in slurm.arrays) == 5
    assert max(len(array.populations) for array in slurm.arrays) == 2


def test_a_queue_that_takes_nothing_is_tried_again_and_told_once(
    tmp_path: Path, slurm: Slurm, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm.room = 0
    tries = 0

    def show(sweep: queue.Sweep) -> None:
        nonlocal tries
        tries += 1
        assert sweep.scheduler == ("SLURM: 2 to be submitted when it takes more" if tries < 4 else sweep.scheduler)
        slurm.room = 2 if tries == 3 else slurm.room

    planned = queue.plan([[worker.prepare(config)] for config in configs(tmp_path, 2)])
    backend.run(planned, 2, show, Settings())
    assert len(planned.among(queue.DONE)) == 2
    assert capsys.readouterr().out.count("SLURM takes no more jobs now (job submit limit): tried again every") == 1


def test_a_controller_that_starts_again_is_waited_for(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "SECONDS_BETWEEN_LINES", 0.0)
    slurm.silent_at = 2
    assert failures(launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)) == []
    assert slurm.silent_at == 0
    assert "SLURM does not answer (squeue: Unable to contact slurm controller)" in capsys.readouterr().out


def test_the_same_command_takes_up_the_jobs_that_go_on(
    tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(configs(tmp_path, 3), slurm, monkeypatch)
    said = capsys.readouterr().out
    assert "3 jobs of this sweep are with SLURM and go on" in said
    assert "`scancel '101_[0-2]'` cancels them" in said
    slurm.stopped = False
    runs = launch(configs(tmp_path, 4), ON_SLURM, lambda _: None)  # one more than before
    assert failures(runs) == []
    assert "3 jobs of an earlier command, 3 of them running, are taken up again" in capsys.readouterr().out
    assert [len(array.populations) for array in slurm.arrays] == [3, 1]


def test_old_jobs_are_no_jobs_of_this_sweep(tmp_path: Path, slurm: Slurm) -> None:
    """SLURM gives ids out again; states of those that had them before must not count."""
    slurm.told["single-0123abcd", 0] = Task(101, 0, "COMPLETED", "None")
    assert failures(launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)) == []
    assert len(slurm.arrays) == 1


def test_what_is_overwritten_is_done_when_its_record_is_new(tmp_path: Path, slurm: Slurm) -> None:
    (run,) = launch(configs(tmp_path, 1), ON_SLURM, lambda _: None)
    before = (run.directory / "summary.json").stat().st_mtime_ns
    os.utime(run.directory / "summary.json", (0, 0))
    asked = slurm.asked
    launch(configs(tmp_path, 1, "overwrite=true"), ON_SLURM, lambda _: None)
    assert slurm.asked >= asked + LOOKS
    assert (run.directory / "summary.json").stat().st_mtime_ns > before


def test_the_table_shows_what_slurm_says(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def show(sweep: queue.Sweep) -> None:
        console = Console(width=160)
        with console.capture() as captured:
            console.print(display.table(sweep))
        shown.append(captured.get())

    planned = queue.plan([[worker.prepare(config)] for config in configs(tmp_path, 2)])
    slurm.fate[0] = ("COMPLETED", 0)
    monkeypatch.setattr(backend, "SECONDS_TO_BE_SEEN", 0.0)
    Progress(3, 6, 5.0, 0, 1, 0, 1.0, 0.5).write(planned.populations[1].file.progress_path)
    backend.run(planned, 2, show, Settings())
    assert "SLURM: 2 RUNNING" in shown[0] or "SLURM: 2 PENDING (Resources)" in shown[0]
    assert any("101_1 RUNNING" in table for table in shown)
    assert planned.populations[0].state == queue.FAILED  # it left no record
    assert planned.populations[1].state == queue.DONE
