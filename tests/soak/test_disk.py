"""A full disk, a read-only folder: nothing finished is lost, and the next sweep completes to the same bytes."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sweeps import bytes_of, left_over, started, undisturbed_sweep, wait_for

SEEDS = 5


def may_mount() -> bool:
    """Whether this process may mount a file system in memory and make folders immutable."""
    folder = Path("/tmp") / f"mount-{time.time_ns()}"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True, capture_output=True)
        subprocess.run(["umount", folder], check=True, capture_output=True)
        subprocess.run(["chattr", "+i", folder], check=True, capture_output=True)
        subprocess.run(["chattr", "-i", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not may_mount(), reason="needs root, mount and chattr"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int]:
    """The tables of an undisturbed sweep, and the kilobytes that its folder takes at its end."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    found = undisturbed_sweep(outputs, SEEDS)
    return found, int(subprocess.check_output(["du", "-sk", outputs], text=True).split()[0])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    printed, said = process.communicate(timeout=600)
    assert "Traceback" not in printed + said
    return process.returncode, said


def finished(outputs: Path) -> set[Path]:
    return {path for path in outputs.glob("single/*/summary.json") if '"finished"' in path.read_text()}


def goes_on(outputs: Path, expected: dict[str, bytes]) -> None:
    kept = {path: path.stat().st_mtime_ns for path in finished(outputs)}
    assert ended(started(outputs, SEEDS)) == (0, "")
    assert bytes_of(outputs) == expected
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert left_over(outputs) == []


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
def test_a_disk_that_is_full(disk: Path, whole: tuple[dict[str, bytes], int], share: float) -> None:
    expected, kilobytes = whole
    outputs = disk / "outputs"
    subprocess.run(["mount", "-o", f"remount,size={max(4, int(share * kilobytes))}k", disk], check=True)
    status, said = ended(started(outputs, SEEDS))
    lines = said.splitlines()
    assert status in (1, 2), said
    assert any("No space left on device" in line for line in lines), said
    assert len(lines) <= 3, said
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    goes_on(outputs, expected)


@pytest.mark.parametrize("half_done", [False, True])
def test_a_disk_that_is_read_only(disk: Path, whole: tuple[dict[str, bytes], int], half_done: bool) -> None:
    expected, _ = whole
    outputs = disk / "outputs"
    if half_done:
        assert ended(started(outputs, 2))[0] == 0
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    status, said = ended(started(outputs, SEEDS))
    assert (status, len(said.splitlines())) == (2, 1), said
    assert "ead-only file system" in said
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    if half_done:
        shutil.rmtree(outputs / "single")  # populations of two: packed otherwise
    goes_on(outputs, expected)


@pytest.mark.parametrize("moment", ["first step", "checkpoint", "a record"])
def test_a_folder_that_nothing_can_be_written_to(
    tmp_path: Path, whole: tuple[dict[str, bytes], int], moment: str
) -> None:
    expected, _ = whole
    outputs = tmp_path / "outputs"
    pattern = {"first step": "*.progress.json", "checkpoint": "*.checkpoint", "a record": "../*/metrics.parquet"}[
        moment
    ]
    process = started(outputs, SEEDS)
    wait_for(lambda: list(outputs.glob(f"single/populations/{pattern}")))
    folders = [outputs, *(path for path in outputs.rglob("*") if path.is_dir())]
    subprocess.run(["chattr", "+i", *folders], check=True)
    try:
        status, said = ended(process)
    finally:
        subprocess.run(["chattr", "-i", *folders], check=True)
    assert status == 1, said
    assert len(said.splitlines()) <= 3, said
    goes_on(outputs, expected)
