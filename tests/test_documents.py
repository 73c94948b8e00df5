"""The documents and the comments in `conf/` name only files that exist."""

import re
from pathlib import Path

import pytest

from support.composing import ROOT

FOLDERS = (ROOT, ROOT / "src" / "warmuplab", ROOT / "tests" / "schedules")
OF_THE_READER = {  # files that a command or the reader writes
    "conf/study/mine.yaml",
    "src/warmuplab/claims/studies/mine.py",
    "results/mine/report.md",
    "results/quick/dashboard.html",
}
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "docs/cluster.md")]


def named_files(text: str) -> set[str]:
    """Paths with a suffix, such as `config/schema.py`; those with a placeholder or of a run are left out."""
    found = re.findall(r"(?<![\w/.<>{}-])(?:[\w-]+/)+[\w.-]*\w\.(?:py|yaml|md|png|html)\b", text)
    return {path for path in found if not path.startswith("outputs/")} - OF_THE_READER


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted((ROOT / "conf").rglob("*.yaml"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = named_files(document.read_text(encoding="utf-8"))
    missing = {path for path in named if not any((folder / path).exists() for folder in FOLDERS)}
    assert not missing


def test_a_file_that_is_not_there_is_noticed() -> None:
    text = "`tests/config/test_keys.py`, `conf/<name>.yaml`, see src/warmuplab/claims/registry.py."
    assert named_files(text) == {"tests/config/test_keys.py", "src/warmuplab/claims/registry.py"}


def test_folders_named_in_conf_exist() -> None:
    for path in (ROOT / "conf").rglob("*.yaml"):
        for folder in re.findall(r"src/warmuplab/[\w/]+/(?=\W)", path.read_text(encoding="utf-8")):
            assert (ROOT / folder).is_dir(), f"{path.name} names {folder}"
