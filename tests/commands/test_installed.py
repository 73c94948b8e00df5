"""Installed from a wheel, the command works in any folder: `conf/`, the plugin and the page's files are inside."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

from support.composing import ROOT, SMALL

TINY = (*SMALL, "training.steps=3", "training.batch_size=8", "probes=none", "tracker=none", "schedule/warmup=none")
WHERE = (
    "import warmuplab.config.compose as c, hydra_plugins.warmuplab as p; print(c.CONFIG_FOLDER, c.CHECKOUT, p.__file__)"
)


def call(*command: str | Path, folder: Path) -> str:
    """The output of a command in a folder, without the variable that would lead it to the checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    arguments = [str(part) for part in command]
    finished = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment that has this wheel, and all other packages from the environment of the tests.

    It lies in the checkout of another project, as environments do.
    """
    try:
        known = tuple(map(int, metadata.version("setuptools").split(".")[:1]))
    except metadata.PackageNotFoundError:
        known = (0,)
    if known < (77,):
        pytest.skip("setuptools 77 or newer builds the wheel: make setup installs it")
    source, wheels, project = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "project"))
    for part in ("src", "conf", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        call("cp", "-r", ROOT / part, source, folder=ROOT)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source, folder=source)
    for command in (["init"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "theirs"]):
        call("git", *command, "--quiet", folder=project)
    call(sys.executable, "-m", "venv", "--without-pip", project / ".venv", folder=project)
    scripts = project / ".venv" / "bin"
    python = scripts / "python"
    call(*pip, "--python", python, "install", "--no-deps", "--no-index", *wheels.glob("*.whl"), folder=project)
    site = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=project).strip()
    # A path in a path file is not searched for path files itself: what leads to the checkout stays out.
    Path(site, "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return scripts


def test_the_wheel_holds_what_the_command_reads(installed: Path, tmp_path: Path) -> None:
    folder, checkout, plugin = call(installed / "python", "-c", WHERE, folder=tmp_path).split()
    package = Path(folder).parent
    assert package.is_relative_to(installed.parent)
    assert checkout == "None"
    assert Path(plugin) == package.parent / "hydra_plugins" / "warmuplab" / "__init__.py"
    for shipped, kept in ((Path(folder), ROOT / "conf"), (package / "dashboard", ROOT / "src/warmuplab/dashboard")):
        files = {path.relative_to(kept) for path in kept.rglob("*") if path.is_file() and path.suffix != ".pyc"}
        assert {
            path.relative_to(shipped) for path in shipped.rglob("*") if path.suffix in (".yaml", ".js", ".py")
        } <= files
        assert all((shipped / path).read_bytes() == (kept / path).read_bytes() for path in files)
    assert (package / "py.typed").exists()


def test_it_trains_and_sweeps_in_any_folder(installed: Path, tmp_path: Path) -> None:
    command = installed / "warmuplab"
    assert "finished in" in call(command, "train", *TINY, folder=tmp_path)
    assert "1/1 populations done" in call(command, "train", "-m", "seed=1,2", *TINY, folder=tmp_path)
    summaries = [json.loads(path.read_text()) for path in tmp_path.glob("outputs/single/*/summary.json")]
    assert len(summaries) == 3
    for summary in summaries:
        assert summary["commit"] is None  # not that of the project around it
        assert summary["versions"]["warmuplab"] == "0.1.0"
    shown = call(command, "schedule", "schedule=cosine", "training.steps=100", folder=tmp_path)
    assert shown.startswith("cosine (alpha=0.0) over 100 steps")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


def test_its_help_names_the_command_and_the_folder_of_the_options(installed: Path, tmp_path: Path) -> None:
    said = call(installed / "warmuplab", "schedule", "--help", folder=tmp_path)
    assert "  warmuplab schedule schedule=cosine" in said
    assert "scripts/" not in said
    (folder,) = [line.rpartition(" in ")[2].rstrip("):") for line in said.splitlines() if line.startswith("Groups")]
    assert Path(folder, "schedule", "cosine.yaml").exists()
