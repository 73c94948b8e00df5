"""Kept weights come back as they were, or are refused."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.composing import composed
from warmuplab.record import weights
from warmuplab.record.weights import TOKENIZER, WEIGHTS, Trained, UnusableError

MODEL = composed("model.width=16").model
ARRAYS = {
    "embedding": np.arange(12, dtype=np.float32).reshape(3, 4),
    "encoder.0.norm.gain": np.array([[1.0, np.pi, -0.0]]),  # another precision than that of the first
}
TRAINED = Trained(ARRAYS, '{"version": "ü"}', MODEL, 3, "0123456789abcdef")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    weights.write(tmp_path / "run", "name", TRAINED)
    assert weights.are_kept(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [TOKENIZER, WEIGHTS]
    found = weights.read(tmp_path / "run", "name", MODEL)
    assert dataclasses.replace(found, weights={}) == dataclasses.replace(TRAINED, weights={})
    assert found.weights.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found.weights[name].dtype, found.weights[name].shape) == (array.dtype, array.shape)
        assert found.weights[name].tobytes() == array.tobytes()


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
    "longer": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"more"),
    "gone": lambda folder: (folder / WEIGHTS).unlink(),
    "a folder": lambda folder: in_place_of(folder / WEIGHTS),
    "the tokenizer": lambda folder: flip(folder / TOKENIZER, 0.3),
    "no tokenizer": lambda folder: (folder / TOKENIZER).unlink(),
    "not text": lambda folder: (folder / TOKENIZER).write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused(tmp_path: Path, damage: str) -> None:
    weights.write(tmp_path, "name", TRAINED)
    DAMAGES[damage](tmp_path)
    with pytest.raises(UnusableError):
        weights.read(tmp_path, "name", MODEL)


def test_what_belongs_to_another_run_or_network_is_refused(tmp_path: Path) -> None:
    weights.write(tmp_path, "name", TRAINED)
    with pytest.raises(UnusableError, match=r"other than written: run_id$"):
        weights.read(tmp_path, "another", MODEL)
    with pytest.raises(UnusableError, match=r"other than written: model\.heads$"):
        weights.read(tmp_path, "name", dataclasses.replace(MODEL, heads=1))


def test_a_file_without_what_it_belongs_to_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    weights.write(tmp_path, "name", TRAINED)
    save_file(ARRAYS, tmp_path / WEIGHTS)
    with pytest.raises(UnusableError, match="warmuplab"):
        weights.read(tmp_path, "name", MODEL)
