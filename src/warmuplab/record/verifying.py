"""Whether the record of a run is whole: what its summary says, and whether the files beside it are those it speaks of.

A summary carries a checksum of itself and one of each file that was written before it. Older records have none: of
these the tables must be readable.
"""

import dataclasses
import errno
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warmuplab.base.files import checksum, parsed_json
from warmuplab.series.instability import Episode
from warmuplab.series.spikes import Spike

COMPLETE = ("finished", "diverged")  # states that are a result; a `failed` run is trained again
SUMMARY, METRICS, LAYERS, CONFIG = "summary.json", "metrics.parquet", "layers.parquet", "config.yaml"
WEIGHTS, TOKENIZER = "weights.safetensors", "tokenizer.json"  # these may be removed: the result is whole without them
CHECKSUM, FILES = "checksum", "files"
NOT_THERE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # other errors may pass

_NUMBER = (int, float, type(None))
_TYPES: dict[str, tuple[type, ...]] = {
    "run_id": (str,),
    "study": (str,),
    "seed": (int,),
    "status": (str,),
    "error": (str,),
    "trained": (bool, type(None)),
    "diverged_at": (int, type(None)),
    "early_steps": (int,),
    "weights": (int,),
    "values": (dict,),
    "spikes": (list,),
    "episodes": (list,),
    "population": (dict,),
    "corpus": (dict,),
    "timings": (dict,),
    "versions": (dict,),
    "hardware": (dict,),
    "commit": (str, type(None)),
    "dirty": (bool, type(None)),
    FILES: (dict,),
    CHECKSUM: (str,),
    "corpus.fingerprint": (str,),
    "corpus.unigram_entropy": _NUMBER,
    "timings.seconds": _NUMBER,
    "timings.started": (str,),
    "population.name": (str,),
}  # by dotted key
_NEEDED = ("values", "timings")  # these every older summary of a complete run has


Read = Callable[[Path], bytes]
"""Gives what a file holds; raises `OSError` as the system does."""


class Contents:
    """What the files of a run directory hold, each read once. Called with a path."""

    def __init__(self) -> None:
        self._known: dict[Path, bytes] = {}

    def __call__(self, path: Path) -> bytes:
        if path not in self._known:
            self._known[path] = path.read_bytes()
        return self._known[path]


def read_summary(directory: Path, read: Read = Path.read_bytes) -> dict[str, Any] | None:
    """The `summary.json` of a run directory, None where there is none that can be read."""
    summary = parsed_json(directory / SUMMARY, read)
    return summary if isinstance(summary, dict) else None


def is_complete(directory: Path) -> bool:
    """Whether there is a result that need not be trained again."""
    return (read_summary(directory) or {}).get("status") in COMPLETE and problem_of(directory) is None


def sealed(summary: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """`summary` with the checksums of the files in `directory` and its own."""
    written = [directory / name for name in (CONFIG, LAYERS, METRICS, TOKENIZER, WEIGHTS)]  # no notes of a user
    files = {path.name: checksum(path) for path in written if path.is_file()}
    whole = {key: value for key, value in summary.items() if key != CHECKSUM} | {FILES: files}
    return whole | {CHECKSUM: _checksum_of(whole)}


def problem_of(directory: Path, *, thorough: bool = False, read: Read | None = None) -> str | None:
    """What is wrong with the record in `directory`, in a few words; None where it is whole, or not there yet.

    A failed run needs a summary alone. With `thorough` tables without a checksum are read to their end. What `read`
    gives is looked at; without it an answer is kept as long as the files stay as they are.

    Raises `OSError` where the system cannot read it now, which says nothing about the record.
    """
    if not (directory / SUMMARY).exists() and not (directory / SUMMARY).is_symlink():
        return None
    try:
        seen = tuple((path.name, path.lstat().st_mtime_ns, path.lstat().st_size) for path in _listed(directory))
    except FileNotFoundError:
        return "another process changes it"
    if read is not None:
        return _find_problem(directory, thorough, [name for name, _, _ in seen], read)
    return _problem(directory, thorough, seen)


def _listed(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.name != "wandb")


@cache
def _problem(directory: Path, thorough: bool, seen: tuple[tuple[str, int, int], ...]) -> str | None:
    """`seen` are the files: while they stay as they are, so does the answer."""
    return _find_problem(directory, thorough, [name for name, _, _ in seen], Path.read_bytes)


def _find_problem(directory: Path, thorough: bool, there: Collection[str], read: Read) -> str | None:
    summary = read_summary(directory, read)
    if summary is None:
        return problem_of_file(directory / SUMMARY, {}, f"{SUMMARY} cannot be read")
    told = problem_of_summary(summary, directory.name)
    if told is not None or summary.get("status") not in COMPLETE:
        return told
    if FILES not in summary:
        return _problem_of_tables(directory, thorough, read)
    for name in summary[FILES]:
        told = problem_of_file(directory / name, summary, read=read)
        if told is not None and (name in there or name not in (WEIGHTS, TOKENIZER)):
            return told
    return None


def problem_of_file(
    path: Path,
    summary: Mapping[str, Any],
    otherwise: str = "{} is not as it was written: its checksum is wrong",
    read: Read = Path.read_bytes,
) -> str | None:
    """What is wrong with a file of the record that has this `summary`; None where it is as it was written.

    Raises `OSError` where the system cannot read it now, which says nothing about the file.
    """
    try:
        files = summary.get(FILES)
        known = files.get(path.name) if isinstance(files, dict) else None
        return None if _checksum_of_file(path, read) == known else otherwise.format(path.name)
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise
        return f"{path.name} cannot be read: {error.strerror}"


def _checksum_of_file(path: Path, read: Read) -> str:
    if path.name in (WEIGHTS, TOKENIZER):  # which may be large, and are looked at for nothing else
        return checksum(path)
    return hashlib.sha256(read(path)).hexdigest()


def problem_of_summary(summary: Mapping[str, Any], name: str) -> str | None:
    """What is wrong with a summary by itself, where it is that of the run of that `name`; None where it is whole."""
    for key, kinds in _TYPES.items():
        group, _, inner = key.rpartition(".")
        told = summary.get(group, {}) if group else summary
        if inner in told and not _is_of(told[inner], kinds):
            return f"{SUMMARY} says {key} is {_short(told[inner])}"
    if CHECKSUM in summary and summary[CHECKSUM] != _checksum_of(summary):
        return f"{SUMMARY} is not as it was written: its checksum is wrong"
    if summary.get("status") not in (*COMPLETE, "failed"):
        return f"{SUMMARY} says status is {_short(summary.get('status'))}"
    if summary.get("run_id", name) != name:
        return f"{SUMMARY} is of another run, {_short(summary['run_id'])}"
    if summary["status"] not in COMPLETE:
        return None
    for key in _NEEDED:
        if key not in summary and CHECKSUM not in summary:
            return f"{SUMMARY} lacks {key}"
    odd = [name for name, value in summary.get("values", {}).items() if not _is_of(value, _NUMBER)]
    if odd:
        return f"{SUMMARY} says {odd[0]} is {_short(summary['values'][odd[0]])}"
    for key, kind in (("spikes", Spike), ("episodes", Episode)):
        for row in summary.get(key, ()):
            if not _is_row(row, kind):
                return f"{SUMMARY} lists {_short(row)} among its {key}"
    return None


def _is_row(row: Any, kind: type) -> bool:
    if not isinstance(row, dict) or row.keys() != {each.name for each in dataclasses.fields(kind)}:
        return False
    return all(_is_of(cell, (*_NUMBER, bool)) for cell in row.values())


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether `value` is of one of `kinds`; a truth value is no number."""
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _checksum_of(summary: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in summary.items() if key != CHECKSUM}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _problem_of_tables(directory: Path, thorough: bool, read: Read) -> str | None:
    for name in (METRICS, LAYERS):
        path = directory / name
        if name == LAYERS and not path.exists():
            continue
        try:
            table = pq.ParquetFile(pa.BufferReader(read(path)))
            if thorough:
                table.read()
            if "step" not in table.schema_arrow.names:
                return f"{name} lacks the column step"
        except Exception as error:  # a damaged file raises almost anything
            if isinstance(error, OSError) and error.errno and error.errno not in NOT_THERE:
                raise
            return f"{name} cannot be read: {' '.join(str(error).split())[:100]}"
    return None
