"""What a result was obtained with: the commit is that of this code, never that of a checkout around it."""

import importlib.util
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from warmuplab.record import environment


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    finished = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return finished.stdout.strip()


def commit_of_a_copy(package: Path) -> dict[str, Any]:
    """`commit` of the module when it lies in `package`."""
    spec = importlib.util.spec_from_file_location("copied_environment", package / "record" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = module.commit()
    return found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the module, in a folder that is no checkout."""
    package = tmp_path / "src" / "warmuplab"
    (package / "record").mkdir(parents=True)
    shutil.copy(Path(environment.__file__), package / "record")
    return package


def test_outside_of_a_checkout_there_is_no_commit(package: Path) -> None:
    assert commit_of_a_copy(package) == {"commit": None, "dirty": None}


def test_the_checkout_of_another_project_is_not_taken_for_this_one(package: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "theirs")
    assert commit_of_a_copy(package) == {"commit": None, "dirty": None}


def test_in_a_checkout_it_is_the_commit_and_whether_the_code_is_other(package: Path, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "ours")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not code")
    assert commit_of_a_copy(package) == {"commit": head, "dirty": False}
    (package / "new.py").write_text("")
    assert commit_of_a_copy(package) == {"commit": head, "dirty": True}


def test_a_path_to_the_source_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "warmuplab":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    assert environment.versions()["warmuplab"] == "not installed"
    assert environment.versions()["numpy"] == known("numpy")
