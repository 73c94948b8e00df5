"""A run is found by its directory or by its name."""

from pathlib import Path

import pytest

from warmuplab.base.errors import ConfigError
from warmuplab.record.directory import find_directory


def test_a_run_is_found_by_its_path_and_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("quick/one", "quick/two", "single/two"):
        (tmp_path / "outputs" / place).mkdir(parents=True)
    outputs = tmp_path / "outputs"
    assert find_directory(str(outputs / "quick" / "two"), Path("nowhere")) == outputs / "quick" / "two"
    assert find_directory("one", outputs) == outputs / "quick" / "one"
    monkeypatch.chdir(outputs / "quick")
    assert find_directory("two", outputs) == Path("two")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^RUN=two: it is in .*outputs/quick and .*outputs/single; name the"):
        find_directory("two", outputs)


@pytest.mark.parametrize("name", ["three", "", ".", "..", "quick/three", "*", "a" * 5000, "a\0b"])
def test_there_is_no_such_run(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outputs" / "quick" / "one").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    if name in (".", ".."):  # folders, but not of runs: what reads them says so
        assert find_directory(name, Path("outputs")) == Path(name)
        return
    with pytest.raises(ConfigError, match="there is no such run; name the directory of a run"):
        find_directory(name, Path("outputs"))
