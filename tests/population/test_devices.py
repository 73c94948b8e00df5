"""Training on a device: as on the CPU, the same when repeated, and no member is disturbed by one that diverges."""

import numpy as np
import pandas as pd
import pytest

from support.short_runs import trainer_of
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population import transformer

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
MEMBERS = [("seed=0",), ("seed=1", "schedule.peak_lr=4e-3"), ("seed=2", "schedule=cosine")]


def trained(
    corpus: TokenizedCorpus, device: str, members: list[tuple[str, ...]], *overrides: str
) -> list[pd.DataFrame]:
    """The metrics of every member after all steps."""
    trainer = trainer_of(corpus, members, f"hardware.device={device}", *overrides)
    assert trainer.population.device.type == device
    trainer.run(lambda _: None)
    return [metrics for metrics, _, _ in trainer.results()]


@pytest.mark.gpu
@pytest.mark.parametrize("fewest", [1, transformer.FEWEST_UNFUSED], ids=["plain", "fused"])
def test_a_step_on_a_gpu_is_that_of_the_cpu(
    small_corpus: TokenizedCorpus, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "FEWEST_UNFUSED", fewest)  # of the attention: these populations are tiny
    here, there = (trained(small_corpus, device, MEMBERS, "training.steps=2") for device in ("cpu", "cuda"))
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_allclose(mine["train/loss"], other["train/loss"], rtol=2e-5)
        np.testing.assert_allclose(mine["grad/norm"], other["grad/norm"], rtol=2e-4)


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_that_is_repeated_gives_the_same_bits(small_corpus: TokenizedCorpus, device: str) -> None:
    first, again = (trained(small_corpus, device, MEMBERS) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("device", DEVICES)
def test_a_member_that_diverges_leaves_the_others_alone(small_corpus: TokenizedCorpus, device: str) -> None:
    calm = trained(small_corpus, device, MEMBERS, "schedule/warmup=none")
    wild = [*MEMBERS[:2], (*MEMBERS[2], "schedule.peak_lr=1e30")]
    beside = trained(small_corpus, device, wild, "schedule/warmup=none")
    assert beside[2]["train/loss"].isna().any()
    for one, two in zip(calm[:2], beside[:2], strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "gi_adam", "radam", "sgd"])
def test_replayed_steps_are_those_that_are_launched_one_by_one(small_corpus: TokenizedCorpus, optimizer: str) -> None:
    """Over several visits of each bucket, with a member that diverges on the way."""
    members = [*MEMBERS, ("seed=3", "schedule.peak_lr=1e30")]
    shared = ("training.steps=60", f"optimizer={optimizer}", "optimizer.clip_norm=1", "probes=default")
    eager, replayed = (
        trained(small_corpus, "cuda", members, *shared, f"hardware.replay={wanted}") for wanted in ("false", "true")
    )
    for one, two in zip(eager, replayed, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.gpu
def test_every_probe_measures_on_a_gpu_what_it_measures_on_the_cpu(
    small_corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same positions: those are float32 always, and their last digit differs from device to device.

    That digit alone is 1e-4 of the preconditioned sharpness, as eps is nearly all that some weights are divided by. For
    the same reason rounding in float64 is up to 3e-6 of it.
    """
    positions = transformer.sinusoidal_positions
    monkeypatch.setattr(
        transformer, "sinusoidal_positions", lambda length, width, device: positions(length, width).to(device)
    )
    shared = ("probes=full", "training.steps=4", "hardware.dtype=float64", "hardware.replay=false")
    here, there = (trained(small_corpus, device, MEMBERS, *shared) for device in ("cpu", "cuda"))
    for mine, other in zip(here, there, strict=True):
        assert list(mine) == list(other)
        assert {"curvature/sharpness", "overfit/gap", "stability/kl", "probe/loss"} <= set(mine)
        for name in mine:
            rtol = 1e-4 if name.startswith("curvature/preconditioned") else 1e-6
            np.testing.assert_allclose(mine[name], other[name], rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.gpu
def test_bfloat16_on_a_gpu_is_near_float32(small_corpus: TokenizedCorpus) -> None:
    full, half = (
        trained(small_corpus, "cuda", MEMBERS, f"hardware.dtype={dtype}") for dtype in ("float32", "bfloat16")
    )
    for one, two in zip(full, half, strict=True):
        np.testing.assert_allclose(one["train/loss"], two["train/loss"], rtol=0.05)
