"""Installed from a wheel, the command works in any folder: `conf/`, the plugin and the page's files are inside."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from support.composing import ROOT, SMALL

TINY = (*SMALL, "training.steps=3", "training.batch_size=8", "probes=none", "tracker=none", "schedule/warmup=none")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, built from a copy without anything ignored."""
    if tuple(map(int, metadata.version("setuptools").split(".")[:2])) < (77, 0):
        pytest.skip("setuptools 77 or newer builds the wheel: make setup installs it")
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site"))
    for part in ("src", "conf", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(ROOT / part), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(wheels), str(source)], check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """The console command of the wheel, in a folder that is no checkout; its output."""
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "warmuplab = warmuplab.commands.main:main" in entry.read_text()
    # The other packages come from this environment, without its path files: they name the checkout.
    start = f"import sys; sys.path[:0] = [{str(installed)!r}]; sys.path.append({sysconfig.get_path('purelib')!r});"
    start += " import warmuplab; print(warmuplab.__file__); sys.argv[0] = 'warmuplab';"
    start += " from warmuplab.commands.main import main; sys.exit(main())"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), sysconfig.get_path("purelib")])
    finished = subprocess.run(
        [sys.executable, "-S", "-c", start, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    where, _, out = finished.stdout.partition("\n")
    assert where == str(installed / "warmuplab" / "__init__.py")
    return out


def test_the_wheel_holds_what_the_command_reads(installed: Path) -> None:
    conf = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {path.relative_to(installed / "warmuplab/conf") for path in installed.rglob("conf/**/*.yaml")} == conf
    assert (installed / "hydra_plugins/warmuplab/__init__.py").exists()
    assert len(list((installed / "warmuplab/dashboard/static").iterdir())) > 10
    assert (installed / "warmuplab/py.typed").exists()


def test_it_trains_and_sweeps_in_any_folder(installed: Path, tmp_path: Path) -> None:
    assert "finished in" in run(installed, tmp_path, "train", *TINY)
    sweep = ("train", "-m", "seed=1,2", "hydra.launcher.cluster=debug", *TINY)
    assert "1/1 populations done" in run(installed, tmp_path, *sweep)
    assert len(list((tmp_path / "outputs" / "single").glob("*/summary.json"))) == 3
    assert "cosine" in run(installed, tmp_path, "schedule", "schedule=cosine", "training.steps=100")
