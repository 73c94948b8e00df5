"""`keep_weights`: a single run keeps its weights, a sweep where it is told to, whatever launches it."""

import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from support.composing import QUICK
from warmuplab.commands.hydra_command import hydra_command
from warmuplab.commands.train import train_one

SWEEP = ("-m", "seed=0,1")


def train(monkeypatch: pytest.MonkeyPatch, outputs: Path, *overrides: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *overrides, *QUICK, "probes=none", f"outputs={outputs}"])
    hydra_command(train_one)()


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        ((), [True]),
        (("keep_weights=false",), [False]),
        ((*SWEEP, "hydra.launcher.cluster=debug"), [False, False]),
        ((*SWEEP, "hydra.launcher.cluster=debug", "keep_weights=true"), [True, True]),
        ((*SWEEP, "hydra.launcher.cluster=local", "keep_weights=true"), [True, True]),
        ((*SWEEP, "hydra/launcher=basic"), [False, False]),
        ((*SWEEP, "hydra/launcher=basic", "keep_weights=true"), [True, True]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_which_runs_keep_their_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, overrides: tuple[str, ...], kept: list[bool]
) -> None:
    train(monkeypatch, tmp_path, *overrides)
    runs = sorted(tmp_path.glob("single/*_ln-*/"))
    for name in ("weights.safetensors", "tokenizer.json"):
        assert [(run / name).exists() for run in runs] == kept
    assert [OmegaConf.load(run / "config.yaml").keep_weights for run in runs] == kept  # the record says which


def test_a_finished_run_without_weights_is_said_and_trained_again_when_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(monkeypatch, tmp_path, "keep_weights=false")
    (run,) = tmp_path.glob("single/*_ln-*/")
    metrics = (run / "metrics.parquet").read_bytes()
    capsys.readouterr()
    train(monkeypatch, tmp_path, "keep_weights=true")
    assert capsys.readouterr().out == f"{run}: finished already, without its weights; overwrite=true trains it again\n"
    train(monkeypatch, tmp_path, "-m", "keep_weights=true", "hydra.launcher.cluster=debug")
    assert "1 run of them without weights; overwrite=true trains again and keeps them." in capsys.readouterr().out
    assert not (run / "weights.safetensors").exists()
    train(monkeypatch, tmp_path, "keep_weights=true", "overwrite=true")
    assert (run / "weights.safetensors").exists()
    assert (run / "metrics.parquet").read_bytes() == metrics
    capsys.readouterr()
    train(monkeypatch, tmp_path)
    assert capsys.readouterr().out == f"{run}: finished already; overwrite=true trains it again\n"
