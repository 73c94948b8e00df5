"""The arrays that were handed to SLURM: a file each, written before `sbatch`, so that none is ever lost sight of.

A launcher that is killed right after `sbatch`, or a person who submits a printed job file by hand, leaves jobs that the
next command finds: by the array's name, which it has in common with its file.
"""

import json
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from warmuplab.base.files import read_json, write_text

FOLDER = "slurm"  # beside the files of the populations
ENDING = ".sh"
SECONDS_TO_SUBMIT = 3600.0
_LISTING = ".array.json"


@dataclass(frozen=True)
class Array:
    """A job array: the name that it has in SLURM, and the files of its populations, a task each."""

    name: str
    folder: Path
    populations: tuple[Path, ...]

    @property
    def script(self) -> Path:
        """Its job file."""
        return self.folder / f"{self.name}{ENDING}"

    @property
    def listing(self) -> Path:
        """Where it is written down which population has which index."""
        return self.folder / f"{self.name}{_LISTING}"

    @property
    def is_old(self) -> bool:
        """Whether so much time has passed that a person or another command will not submit it any more."""
        try:
            return time.time() - self.listing.stat().st_mtime > SECONDS_TO_SUBMIT
        except OSError:
            return False

    def write(self, text: str) -> None:
        """Write it down, with the `text` of its job file. SLURM's log folder is there then, as it must be."""
        write_text(self.listing, json.dumps([str(path.resolve()) for path in self.populations], indent=1) + "\n")
        write_text(self.script, text)

    def forget(self) -> None:
        """Remove what was written down."""
        for path in (self.script, self.listing):
            with suppress(OSError):
                path.unlink()


def new(study: str, populations: Sequence[Path]) -> Array:
    """An array for files of populations that lie in one folder, under a name that no array had."""
    name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', study)}-{uuid.uuid4().hex[:8]}"
    return Array(name, populations[0].parent / FOLDER, tuple(populations))


def known(folders: Iterable[Path]) -> list[Array]:
    """The arrays that were written down beside populations in `folders`."""
    found = []
    for folder in sorted(set(folders)):
        for path in sorted((folder / FOLDER).glob(f"*{_LISTING}")):
            listed = read_json(path)
            if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
                found.append(Array(path.name.removesuffix(_LISTING), path.parent, tuple(map(Path, listed))))
    return found
