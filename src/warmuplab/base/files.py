"""Files that are either whole or absent, however the process ends, and what the system says where it refuses one."""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from warmuplab.base.processes import Process, machine

SECONDS_OF_A_HALF = 3600.0  # after which what a process of another machine left half written is nobody's any more

_HALF = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<number>\d+)")  # the name of a file that is being written


@contextmanager
def replace_atomically(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends well.

    With `durable` it is on the disk before this returns, so that it outlasts a machine that stops at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = half_of(path)
    try:
        with naming(path):
            yield temporary
            if durable:
                _sync(temporary)
        temporary.replace(path)
        if durable:
            with suppress(OSError):  # not every system can sync a folder
                _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def half_of(path: Path) -> Path:
    """A name beside `path` for what this process is about to do with it; `remove_halves` removes what is left of it."""
    return path.with_name(f".{path.name}.{machine()}-{os.getpid()}")


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def remove_halves(folder: Path) -> None:
    """Remove from `folder` what killed processes left half written; what another machine may be writing stays."""
    for path in folder.glob(".*"):
        name = _HALF.fullmatch(path.name)
        if name is None:
            continue
        with suppress(OSError):
            if name["machine"] != machine():
                over = time.time() - path.stat().st_mtime > SECONDS_OF_A_HALF
            else:
                over = not Process("", machine(), int(name["number"]), None).is_alive
            if over:
                path.unlink()


def checksum(path: Path) -> str:
    """The SHA-256 of the content of `path`, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write `text` to `path`, atomically; `durable` as in `replace_atomically`."""
    with replace_atomically(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, durable: bool = False) -> None:
    """Write `content` to `path` as strict JSON (no NaN), atomically; `durable` as in `replace_atomically`."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", durable=durable)


def check_folder(folder: Path) -> None:
    """Raise `OSError` unless `folder` can be written to, or made where it is not there yet. Makes nothing."""
    with suppress(FileNotFoundError, NotADirectoryError):
        folder.lstat()  # raises for a name that the system does not take
    there = check_way(folder)
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(there))


def check_way(folder: Path) -> Path:
    """The lowest folder that is there on the way to `folder`.

    Raises `OSError` for a file or a dead link in the way, and for a name that no record or report could repeat.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:  # bytes of a command line that are no text
        raise OSError(errno.EILSEQ, "its name is not text in UTF-8", str(folder)) from None
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    if os.path.lexists(there) and not there.is_dir():
        there.stat()  # raises for a link that leads nowhere
        raise NotADirectoryError(errno.ENOTDIR, "a file is in the way", str(there))
    return there


def reason(error: OSError, path: Path | str | None = None) -> str:
    """What the system refused, in one line: its words, then the file, or `path` where `error` does not name one."""
    words = os.strerror(error.errno) if error.errno and not error.filename else error.strerror
    place = error.filename or path
    return " ".join(f"{words or error}{f' ({place})' if place else ''}".split())


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Let an `OSError` of the block name `path` where it names no file: writing to an open one does not."""
    try:
        yield
    except OSError as error:
        if error.filename or not error.errno:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def say(text: object) -> None:
    """Print a line at once. A full disk or a closed pipe is an `OSError` that names standard output."""
    with naming("standard output"):
        print(text, flush=True)


def read_json(path: Path) -> Any | None:
    """The content of `path`, or None where there is no readable JSON."""
    return parsed_json(path, Path.read_bytes)


def parsed_json(path: Path, read: Callable[[Path], bytes]) -> Any | None:
    """`read_json` of what `read` gives."""
    try:
        return json.loads(read(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError):  # brackets in brackets, thousands deep
        return None
