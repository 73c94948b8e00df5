"""Files that are either whole or absent, however the process ends, and what the system says where it refuses one."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path):
            yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, atomically."""
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` as strict JSON (no NaN), atomically."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def check_folder(folder: Path) -> None:
    """Raise `OSError` unless `folder` can be written to, or made where it is not there yet. Makes nothing."""
    with suppress(FileNotFoundError, NotADirectoryError):
        folder.lstat()  # raises for a name that the system does not take
    there = check_way(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written", str(there))


def check_way(folder: Path) -> Path:
    """The lowest folder that is there on the way to `folder`. Raises `OSError` for a file or a dead link in the way."""
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
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
