"""A checkpoint is whole or it is refused, and what cannot be used costs no training."""

import hashlib
from pathlib import Path

import pytest
import torch

from warmuplab.population import checkpoint
from warmuplab.population.checkpoint import Checkpoint, DamagedError
from warmuplab.population.keeper import Keeper

STATE = {"a.weights": torch.arange(12.0).view(3, 4), "a.clock": torch.tensor(7), "b.empty": torch.zeros(0)}
FACTS = {"seconds": 1.5, "runs": ["x", "y"]}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "p.checkpoint"
    assert checkpoint.read(path) is None
    checkpoint.write(path, Checkpoint(STATE, FACTS))
    found = checkpoint.read(path)
    assert found is not None
    assert found.facts == FACTS
    assert found.state.keys() == STATE.keys()
    for name, tensor in STATE.items():
        torch.testing.assert_close(found.state[name], tensor, rtol=0, atol=0)
        assert found.state[name].dtype == tensor.dtype
    assert [each.name for each in path.parent.iterdir()] == ["p.checkpoint"]


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "text", "longer", "of another program"])
def test_what_is_damaged_is_refused(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.checkpoint"
    keeper = Keeper(path, 60.0, {})
    assert keeper.keep(STATE, FACTS)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 4
    other = b"not a state"
    whole = hashlib.sha256(other).hexdigest().encode() + b"\n" + other
    changed = {"cut": content[:-100], "empty": b"", "text": b"hello\n", "longer": content + b"more"}
    changed["of another program"] = whole
    path.write_bytes(changed.get(damage, content))
    with pytest.raises(DamagedError):
        checkpoint.read(path)
    assert keeper.found() is None
    said = capsys.readouterr().err
    assert str(path) in said
    assert "begins anew" in said
    assert said.count("\n") == 1


def test_a_checkpoint_is_that_of_one_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.checkpoint"
    assert Keeper(path, 60.0, {"code": "1", "runs": ["x"]}).keep(STATE, FACTS)
    assert Keeper(path, 60.0, {"code": "1", "runs": ["x"]}).found() is not None
    assert Keeper(path, 60.0, {"code": "2", "runs": ["x"]}).found() is None
    assert "other than now in: code" in capsys.readouterr().err


def test_without_an_interval_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.checkpoint"
    keeper = Keeper(path, None, {})
    assert not keeper.is_due()
    assert not keeper.keep(STATE, FACTS)
    assert not path.exists()
    assert keeper.found() is None
    keeper.forget()


def test_a_disk_that_refuses_does_not_end_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    keeper = Keeper(tmp_path / "file" / "p.checkpoint", 0.0, {})
    assert not keeper.keep(STATE, FACTS)
    assert not keeper.keep(STATE, FACTS)
    said = capsys.readouterr().err
    assert said.startswith("warning: no checkpoint: ")
    assert said.count("\n") == 1


def test_checkpoints_are_rarer_where_they_are_dear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def write(path: Path, _: Checkpoint) -> None:
        now[0] += 4.0

    keeper = Keeper(tmp_path / "p.checkpoint", 60.0, {})
    now[0] = 59.0
    assert not keeper.is_due()
    now[0] = 60.0
    assert keeper.is_due()
    monkeypatch.setattr(checkpoint, "write", write)
    assert keeper.keep(STATE, FACTS)
    now[0] += 199.0
    assert not keeper.is_due()  # 4 s of 200 are 2 %
    now[0] += 1.0
    assert keeper.is_due()
