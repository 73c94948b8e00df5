"""A collected study as it is published: its verdicts, the files that are evidence, and what it is known by."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmuplab.base.files import read_json
from warmuplab.claims.judge import CLAIMS_FILE
from warmuplab.study.results import MANIFEST, Study

REPORT, PAGE, FIGURES = "report.md", "dashboard.html", "figures"
DIGITS = 4  # of an effect that count: the last ones differ between processor types


@dataclass(frozen=True)
class Outcome:
    """A collected study with its verdicts."""

    study: Study
    verdicts: list[dict[str, Any]]
    """The entries of `claims.json`; none where no claim is about the study."""

    @property
    def identity(self) -> str:
        """What W&B knows it by: the same for the same evidence and verdicts, whatever they are drawn like.

        It follows from the bytes of the Parquet files and of the manifest, and from each claim's id, statement,
        verdict, effect and interval. Report, page and figures follow from these and count for nothing.
        """
        parts = [self.study.name, *map(_of_verdict, self.verdicts)]
        evidence = [*sorted(self.study.folder.glob("*.parquet")), self.study.folder / MANIFEST]
        parts += [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in evidence]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def figures(self) -> list[Path]:
        """Its figures as PNG files."""
        return sorted((self.study.folder / FIGURES).glob("*.png"))

    def files(self) -> Iterator[tuple[str, Path]]:
        """What its artifact holds: names and files, those that the study has. The page only where it was written."""
        folder = self.study.folder
        named = [*sorted(folder.glob("*.parquet")), *(folder / name for name in (MANIFEST, CLAIMS_FILE, REPORT, PAGE))]
        for path in [*named, *self.figures]:
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path

    def report(self) -> str:
        """The text of `report.md`, empty where there is none."""
        path = self.study.folder / REPORT
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def outcome_of(study: Study) -> Outcome:
    """`study` with what its `claims.json` says."""
    said = read_json(study.folder / CLAIMS_FILE)
    verdicts = said.get("claims") if isinstance(said, dict) else None
    entries = verdicts if isinstance(verdicts, list) else []
    return Outcome(study, [entry for entry in entries if isinstance(entry, dict)])


def _of_verdict(claim: dict[str, Any]) -> str:
    numbers = [claim.get("effect"), *(claim.get("interval") or ())]
    rounded = [f"{number:.{DIGITS}g}" if isinstance(number, int | float) else None for number in numbers]
    return json.dumps([claim.get("id"), claim.get("statement"), claim.get("verdict"), rounded])
