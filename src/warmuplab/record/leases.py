"""One owner per run: whoever trains a run holds its lease, a file beside the run directories that names the owner.

A file, not a lock of the system: those are not kept alike by all network file systems. Making a file that must not be
there is one step on all of them. The owner touches its leases from time to time. On its own machine everybody sees
whether it lives; elsewhere a lease that nobody has touched for a while is nobody's, by the clock of the file system,
as the clocks of two machines may differ. Who takes such a lease over moves it away first, and looks whether what it
moved is what it saw. An owner that was believed dead, and was asleep, finds another one's lease when it wakes: then it
ends without a word in the record.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from warmuplab.base.files import half_of, naming, read_json
from warmuplab.base.processes import Process, this_process

SECONDS_BETWEEN_TOUCHES = 10.0
SECONDS_TO_LIVE = 60.0  # without a touch
ENDING = ".lease"
TRIES = 20  # to make a lease that others make and remove at the same moment, and to find one that is away
SECONDS_AWAY = 0.2  # of a lease that another process moved, found alive, and puts back


class BusyError(Exception):
    """A run is another process's."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@dataclass(frozen=True)
class _Held:
    """A lease that is there."""

    token: str | None
    """Tells it from every other lease; None where it cannot be read, as its owner is just writing it."""
    owner: Process | None

    def __str__(self) -> str:
        return str(self.owner) if self.owner else "an unknown process"


def lease_path(directory: Path) -> Path:
    """The lease of the run with that directory."""
    return directory.parent / "populations" / f"{directory.name}{ENDING}"


def owner_of(directory: Path) -> str | None:
    """Who trains the run with that directory now, in words; None where nobody does."""
    path = lease_path(directory)
    held = _read(path)
    return None if held is None or _is_over(path, held) else str(held)


def remove_dead(folder: Path) -> None:
    """Remove from `folder` the leases that are nobody's: their owners were killed."""
    for path in folder.glob(f"*{ENDING}"):
        with suppress(BusyError, OSError):
            Leases([folder.parent / path.name.removesuffix(ENDING)]).give_back()


class Leases:
    """The leases of some runs, from the moment that all could be had."""

    def __init__(self, directories: Sequence[Path]) -> None:
        """Take all. Raises `BusyError`, and takes none, where one is another's; `OSError` where none can be written."""
        self._token = uuid.uuid4().hex
        self._paths: list[Path] = []
        self._lost: str | None = None
        self._ended = threading.Event()
        self._changing = threading.Lock()  # else a lease could be made again while it is given back
        try:
            for path in sorted(map(lease_path, directories)):
                self._take(path)
                self._paths.append(path)
        except BaseException:
            self.give_back()
            raise
        threading.Thread(target=self._keep_touching, daemon=True).start()

    def check(self) -> None:
        """Raise `BusyError` where another process took a lease over, as this one seemed dead."""
        if self._lost is not None:
            raise BusyError(self._lost)

    def check_now(self) -> None:
        """As `check`, by what the files say at this moment."""
        self._touch()
        self.check()

    def give_back(self) -> None:
        """Let others have the runs."""
        self._ended.set()
        with self._changing:
            for path in self._paths:
                with suppress(OSError):
                    held = _read_soon(path)
                    if held is not None and held.token == self._token:
                        path.unlink()

    def _keep_touching(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_TOUCHES):
            self._touch()

    def _touch(self) -> None:
        with self._changing:
            for path in () if self._ended.is_set() else self._paths:
                self._touch_one(path)

    def _touch_one(self, path: Path) -> None:
        try:
            held = _read(path)
            if held is None:
                self._take(path)  # somebody removed the folder
            elif held.token == self._token:
                os.utime(path)
            elif held.token is not None:  # what cannot be read now says the next time whose it is
                self._lost = str(held)
        except BusyError as error:
            self._lost = error.owner
        except OSError:
            pass  # a network may be away for a while, and so are the others then

    def _take(self, path: Path) -> None:
        for _ in range(TRIES):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileNotFoundError:  # the folder was removed again
                continue
            except FileExistsError:
                self._make_room(path)
                continue
            try:
                with os.fdopen(file, "w", encoding="utf-8") as lease, naming(path):
                    json.dump({"token": self._token, "owner": asdict(this_process())}, lease)
                    lease.flush()
            except BaseException:
                path.unlink(missing_ok=True)  # on a full disk: others would wait for its unknown owner
                raise
            return
        raise BusyError("several processes that try at once")

    def _make_room(self, path: Path) -> None:
        """Move a lease away that is nobody's. Raises `BusyError` for one that is somebody's."""
        held = _read(path)
        if held is None:
            return
        if not _is_over(path, held):
            raise BusyError(str(held))
        moved = half_of(path.with_name(f"{path.name}-{self._token}"))  # another thread may move one too
        try:
            path.rename(moved)
        except FileNotFoundError:
            return  # another one was faster
        if _read(moved) != held:  # another one was faster still, and this is its lease
            with suppress(OSError):  # there is one again, or there are no links here: then its owner makes it again
                os.link(moved, path)
        with suppress(OSError):  # it may be anything, such as a folder
            moved.unlink()


@contextmanager
def held(directories: Sequence[Path]) -> Iterator[Leases]:
    """The leases of the runs with those directories, for the block; raises as `Leases` does."""
    leases = Leases(directories)
    try:
        yield leases
    finally:
        leases.give_back()


def _read(path: Path) -> _Held | None:
    if not os.path.lexists(path):
        return None
    content = read_json(path)
    if not isinstance(content, dict):
        return _Held(None, None)
    try:
        return _Held(str(content["token"]), Process(**content["owner"]))
    except (TypeError, KeyError):
        return _Held(None, None)


def _read_soon(path: Path) -> _Held | None:
    """As `_read`; a lease that is away may be looked at by another process (see `_make_room`), and is back soon."""
    for _ in range(TRIES):
        held = _read(path)
        if held is not None:
            return held
        time.sleep(SECONDS_AWAY / TRIES)
    return None


def _is_over(path: Path, held: _Held) -> bool:
    if held.owner is not None and held.owner.is_here:
        return not held.owner.is_alive
    try:
        return _now_in(path.parent) - path.stat().st_mtime > SECONDS_TO_LIVE
    except OSError:
        return False


def _now_in(folder: Path) -> float:
    """The time by the clock that dates the files of `folder`."""
    mark = half_of(folder / f"now-{uuid.uuid4().hex}")
    try:
        mark.touch()
        return mark.stat().st_mtime
    finally:
        mark.unlink(missing_ok=True)
