"""The container recipes, which no test can build: they install by a target that there is, from files that there are."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from support.composing import ROOT
from warmuplab.launch.slurm import script
from warmuplab.launch.slurm.settings import Settings

DOCKERFILE = ROOT / "containers" / "Dockerfile"
APPTAINER = ROOT / "containers" / "warmuplab.def"
NEEDED = (
    "Makefile",
    "README.md",
    "LICENSE",
    "MANIFEST.in",
    "pyproject.toml",
    "setup.py",
    "constraints.txt",
    "conf",
    "src",
)
"""What `make install` reads."""


def section(name: str) -> str:
    """A section of the Apptainer definition, without comments."""
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", APPTAINER.read_text(), re.MULTILINE | re.DOTALL)
    assert found, name
    return "\n".join(line for line in found[1].splitlines() if not line.startswith("#"))


def docker_runs() -> str:
    """The shell commands of the Dockerfile."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    return "\n".join(line.removeprefix("RUN ") for line in joined.splitlines() if line.startswith("RUN "))


@pytest.mark.parametrize("commands", [docker_runs(), section("post")], ids=["docker", "apptainer"])
def test_it_installs_by_a_target_of_the_makefile(commands: str) -> None:
    assert subprocess.run(["sh", "-n"], input=commands, text=True, check=False).returncode == 0
    (target,) = re.findall(r"^\s*make (\S+)$", commands, re.MULTILINE)
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "safe.directory /opt/warmuplab" in commands  # else records of another user than root name no commit
    for program in ("git", "g++", "make"):
        assert re.search(rf"apt-get install .*{re.escape(program)}", commands)


@pytest.mark.parametrize("path", [DOCKERFILE, APPTAINER], ids=lambda path: path.name)
def test_its_python_is_new_enough(path: Path) -> None:
    (version,) = re.findall(r"^F(?:ROM|rom:) python:3\.(\d+)-slim$", path.read_text(), re.MULTILINE)
    least = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert least
    assert int(version) >= int(least[1])


def test_apptainer_copies_what_is_needed_and_there() -> None:
    copied = dict(line.split() for line in section("files").splitlines() if line.strip())
    assert all(place == f"/opt/warmuplab/{name}" for name, place in copied.items())
    assert all((ROOT / name).exists() for name in copied if name != ".git")
    assert set(NEEDED) <= copied.keys()


def test_docker_leaves_out_nothing_that_is_needed() -> None:
    ignored = (ROOT / "containers" / "Dockerfile.dockerignore").read_text().split()
    assert not {*NEEDED, ".git", "scripts"} & set(ignored)
    assert {".venv", "outputs", "results"} <= set(ignored)


def test_the_command_that_it_names_for_a_cluster_is_a_setting(tmp_path: Path) -> None:
    (typed,) = re.findall(r'hydra\.launcher\.slurm\.container="(.*)"', APPTAINER.read_text())
    text = script.text("a-1", [tmp_path / "a.json"], Settings.of({"container": typed}), 1, 1, tmp_path)
    assert f"{typed} python -m warmuplab.worker" in text
    assert shlex.split(typed)[0] == "apptainer"
