"""Kept weights come back as they were, or are refused."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.composing import ROOT, composed
from warmuplab.record import weights
from warmuplab.record.verifying import CONFIG, TOKENIZER, WEIGHTS, problem_of, sealed
from warmuplab.record.weights import Trained, UnusableError

MODEL = composed("model.width=16").model
ARRAYS = {
    "embedding": np.arange(12, dtype=np.float32).reshape(3, 4),
    "encoder.0.norm.gain": np.array([[1.0, np.pi, -0.0]]),  # another precision than that of the first
}
TRAINED = Trained(ARRAYS, '{"version": "ü"}', MODEL, 3, "0123456789abcdef")


def written(directory: Path) -> dict[str, Any]:
    """The summary of a finished record that keeps `TRAINED`."""
    weights.write(directory, "name", TRAINED)
    (directory / CONFIG).write_text("seed: 0")
    summary = sealed({"run_id": directory.name, "status": "finished", "values": {}}, directory)
    (directory / "summary.json").write_text(json.dumps(summary))
    return summary


def test_what_is_written_is_read(tmp_path: Path) -> None:
    summary = written(tmp_path / "run")
    assert weights.are_kept(tmp_path / "run")
    found = weights.read(tmp_path / "run", summary, MODEL)
    assert dataclasses.replace(found, weights={}) == dataclasses.replace(TRAINED, weights={})
    assert found.weights.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found.weights[name].dtype, found.weights[name].shape) == (array.dtype, array.shape)
        assert found.weights[name].tobytes() == array.tobytes()


def test_the_bytes_are_the_same_in_another_process(tmp_path: Path) -> None:
    written(tmp_path)
    code = "import sys; from record.test_weights import *; weights.write(Path(sys.argv[1]), 'name', TRAINED)"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "again")],
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
    )
    for name in (WEIGHTS, TOKENIZER):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_other_tools_read_the_file(tmp_path: Path) -> None:
    """As the format has it: 8 bytes of length, a header in JSON, then the values; and as PyTorch's reader gives it."""
    from safetensors.torch import load_file

    weights.write(tmp_path, "name", TRAINED)
    content = (tmp_path / WEIGHTS).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"]["warmuplab"])["run_id"] == "name"
    begin, end = header["embedding"]["data_offsets"]
    assert content[8 + length :][begin:end] == ARRAYS["embedding"].tobytes()
    assert load_file(tmp_path / WEIGHTS)["embedding"].numpy().tolist() == ARRAYS["embedding"].tolist()


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def in_place_of(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit of the values": lambda folder: flip(folder / WEIGHTS, 1.0),
    "a bit of the header": lambda folder: flip(folder / WEIGHTS, 0.1),
    "the length of the header": lambda folder: flip(folder / WEIGHTS, 0.0),
    "cut": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-3]),
    "empty": lambda folder: (folder / WEIGHTS).write_bytes(b""),
    "text": lambda folder: (folder / WEIGHTS).write_text("hello"),
    "the configuration": lambda folder: (folder / CONFIG).write_text("seed: 1"),
    "longer": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"more"),
    "gone": lambda folder: (folder / WEIGHTS).unlink(),
    "a folder": lambda folder: in_place_of(folder / WEIGHTS),
    "the tokenizer": lambda folder: flip(folder / TOKENIZER, 0.3),
    "no tokenizer": lambda folder: (folder / TOKENIZER).unlink(),
    "not text": lambda folder: (folder / TOKENIZER).write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused(tmp_path: Path, damage: str) -> None:
    summary = written(tmp_path)
    DAMAGES[damage](tmp_path)
    with pytest.raises(UnusableError):
        weights.read(tmp_path, summary, MODEL)


def test_a_record_is_whole_without_its_weights_but_not_with_damaged_ones(tmp_path: Path) -> None:
    written(tmp_path)
    assert problem_of(tmp_path) is None
    (tmp_path / WEIGHTS).unlink()
    assert problem_of(tmp_path) is None
    (tmp_path / TOKENIZER).write_text("{}")
    assert problem_of(tmp_path) == "tokenizer.json is not as it was written: its checksum is wrong"
    (tmp_path / TOKENIZER).unlink()
    assert problem_of(tmp_path) is None
    (tmp_path / CONFIG).unlink()
    assert problem_of(tmp_path) is not None


def test_what_belongs_to_another_record_is_refused(tmp_path: Path) -> None:
    summary, other = written(tmp_path / "one"), written(tmp_path / "other")
    other["files"][WEIGHTS] = "0" * 64
    assert weights.read(tmp_path / "one", summary, MODEL).vocabulary_size == 3
    with pytest.raises(UnusableError, match=r"weights\.safetensors is not as it was written"):
        weights.read(tmp_path / "one", other, MODEL)
    with pytest.raises(UnusableError, match=r"config\.yaml is not as it was written"):  # a summary of no such files
        weights.read(tmp_path / "one", {"run_id": "one", "status": "finished"}, MODEL)


def test_a_file_that_does_not_say_what_it_belongs_to_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    written(tmp_path)
    save_file(ARRAYS, tmp_path / WEIGHTS)
    with pytest.raises(UnusableError, match="warmuplab"):
        weights.read(tmp_path, sealed({}, tmp_path), MODEL)
