"""Leases: one owner per run, on one machine and among machines that share a folder."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from warmuplab.base.processes import this_process
from warmuplab.record import leases
from warmuplab.record.leases import SECONDS_TO_LIVE, BusyError, Leases, held, lease_path, owner_of

NAMES = ("a", "b", "c")
TAKE = """
import sys
from pathlib import Path
from warmuplab.record.leases import BusyError, Leases
try:
    Leases([Path(name) for name in sys.argv[1:]])
    print("taken", flush=True)
except BusyError as error:
    print("busy", error.owner, flush=True)
sys.stdin.read()
"""


def directories(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names]


@pytest.fixture
def another() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a process that takes leases and keeps them until its standard input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(*paths: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", TAKE, *map(str, paths)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write(path: Path, seconds_ago: float = 0.0, **owner: object) -> None:
    """The lease of another process, touched so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"host": "far", "machine": "01234567", "number": 1, "started": 1} | owner
    path.write_text(json.dumps({"token": "another", "owner": whole}))
    os.utime(path, (time.time() - seconds_ago,) * 2)


def test_a_run_has_one_owner_until_it_is_given_back(tmp_path: Path) -> None:
    paths = directories(tmp_path, *NAMES)
    with held(paths[:2]):
        assert owner_of(paths[0]) == f"process {os.getpid()} on {this_process().host}"
        assert owner_of(paths[2]) is None
        with pytest.raises(BusyError), held(paths[1:]):
            pass
        assert owner_of(paths[2]) is None  # of several, all are taken or none
    assert [owner_of(path) for path in paths] == [None] * 3
    assert list((tmp_path / "populations").iterdir()) == []


def test_another_process_is_told_who_it_is(tmp_path: Path, another: Callable[..., "subprocess.Popen[str]"]) -> None:
    (run,) = directories(tmp_path, "a")
    with held([run]):
        assert said(another(run)) == f"busy process {os.getpid()} on {this_process().host}"


def test_a_killed_owner_owns_nothing(tmp_path: Path, another: Callable[..., "subprocess.Popen[str]"]) -> None:
    (run,) = directories(tmp_path, "a")
    owner = another(run)
    assert said(owner) == "taken"
    assert owner_of(run) == f"process {owner.pid} on {this_process().host}"
    owner.kill()
    owner.wait()
    assert owner_of(run) is None
    with held([run]):
        assert owner_of(run) is not None


def test_a_killed_owner_that_its_parent_does_not_wait_for_owns_nothing(
    tmp_path: Path, another: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Killed, and its parent never asks how it ended: it keeps its number, as in a container without an init."""
    (run,) = directories(tmp_path, "a")
    owner = another(run)
    assert said(owner) == "taken"
    owner.kill()
    wait_for(lambda: owner_of(run) is None)
    os.kill(owner.pid, 0)
    with held([run]):
        pass


def test_a_process_of_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    (run,) = directories(tmp_path, "a")
    here = this_process()
    write(lease_path(run), host=here.host, machine=here.machine, number=here.number, started=(here.started or 0) - 1)
    assert owner_of(run) is None


@pytest.mark.parametrize(
    ("seconds_ago", "lives"), [(0, True), (SECONDS_TO_LIVE - 20, True), (SECONDS_TO_LIVE + 5, False)]
)
def test_another_machine_lives_as_long_as_it_touches(tmp_path: Path, seconds_ago: float, lives: bool) -> None:
    (run,) = directories(tmp_path, "a")
    write(lease_path(run), seconds_ago, number=os.getpid())
    assert (owner_of(run) == f"process {os.getpid()} on far") is lives
    if lives:
        with pytest.raises(BusyError, match="on far"):
            Leases([run])
    else:
        with held([run]):
            assert "far" not in (owner_of(run) or "")
    assert [path.name for path in (tmp_path / "populations").iterdir()] == (["a.lease"] if lives else [])


def test_the_clock_is_that_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = directories(tmp_path, "a")
    write(lease_path(run))
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert owner_of(run) == "process 1 on far"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"token": "x"}', '{"token": "x", "owner": {"host": "far"}}'])
def test_a_lease_that_cannot_be_read_is_somebodys_for_a_while(tmp_path: Path, content: str) -> None:
    (run,) = directories(tmp_path, "a")
    path = lease_path(run)
    path.parent.mkdir()
    path.write_text(content)
    assert owner_of(run) == "an unknown process"
    os.utime(path, (time.time() - SECONDS_TO_LIVE - 5,) * 2)
    assert owner_of(run) is None
    with held([run]):
        pass


def test_something_else_in_the_place_of_a_lease_does_not_stay(tmp_path: Path) -> None:
    (run,) = directories(tmp_path, "a")
    path = lease_path(run)
    path.mkdir(parents=True)
    os.utime(path, (time.time() - SECONDS_TO_LIVE - 5,) * 2)
    with held([run]):
        assert path.is_file()


def test_a_lease_that_finds_no_room_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor an empty file, for whose unknown owner others would wait."""
    (run,) = directories(tmp_path, "a")
    with monkeypatch.context() as patch:
        patch.setattr(leases.json, "dump", full)
        with pytest.raises(OSError, match=r"No space left on device: .*a\.lease"):
            Leases([run])
    assert list((tmp_path / "populations").iterdir()) == []


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_lease_that_cannot_be_read_for_a_moment_is_not_lost(tmp_path: Path) -> None:
    (run,) = directories(tmp_path, "a")
    with held([run]) as mine:
        path = lease_path(run)
        content = path.read_text()
        path.write_text("")
        mine.check_now()
        path.write_text(content)
        mine.check_now()
    assert not path.exists()


def test_what_was_given_back_is_not_made_again(tmp_path: Path) -> None:
    """By the thread that touches, which may be under way at that moment."""
    (run,) = directories(tmp_path, "a")
    with held([run]) as mine:
        pass
    mine.check_now()
    assert not lease_path(run).exists()


def test_an_owner_that_slept_finds_out(tmp_path: Path) -> None:
    paths = directories(tmp_path, *NAMES)
    with held(paths) as mine:
        mine.check_now()
        write(lease_path(paths[1]))
        mine.check()  # until it looks
        with pytest.raises(BusyError, match="process 1 on far"):
            mine.check_now()
        with pytest.raises(BusyError):
            mine.check()
    assert owner_of(paths[1]) == "process 1 on far"  # what is another's is not given back


def test_it_is_touched_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SECONDS_BETWEEN_TOUCHES", 0.05)
    (run,) = directories(tmp_path, "a")
    with held([run]) as mine:
        path = lease_path(run)
        os.utime(path, (0, 0))
        wait_for(lambda: path.stat().st_mtime > 0)
        path.unlink()
        wait_for(path.exists)
        mine.check_now()


@pytest.mark.parametrize("_", range(30))
def test_of_many_at_once_one_gets_it(tmp_path: Path, _: int) -> None:
    """The owner is dead: whoever takes over, there is never more than one."""
    paths = directories(tmp_path, *NAMES)
    for path in paths:
        write(lease_path(path), 2 * SECONDS_TO_LIVE)
    got: list[Leases] = []
    barrier = threading.Barrier(6)

    def take() -> None:
        barrier.wait()
        with suppress(BusyError):
            got.append(Leases(paths))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(still_owns, got)) <= 1
    for lease in got:
        lease.give_back()
    assert [path.name for path in (tmp_path / "populations").iterdir()] == []
    with held(paths) as lease:  # whatever came of the race, nobody is locked out for ever
        assert still_owns(lease)


def test_a_lease_that_another_process_looks_at_is_given_back_too(tmp_path: Path) -> None:
    (run,) = directories(tmp_path, "a")
    path, away = lease_path(run), tmp_path / "away"
    with held([run]):
        path.rename(away)
        back = threading.Timer(0.05, away.rename, [path])
        back.start()
    back.join()
    assert not path.exists()


def still_owns(lease: Leases) -> bool:
    try:
        lease.check_now()
    except BusyError:
        return False
    return True


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "populations").write_text("a file")
    with pytest.raises(OSError, match="populations"):
        Leases(directories(tmp_path, "a"))


def wait_for(what: Callable[[], bool], seconds: float = 10.0) -> None:
    latest = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < latest, "it did not come to that"
        time.sleep(0.02)
