"""Training on a device: as on the CPU, the same when repeated, and no member is disturbed by one that diverges."""

import numpy as np
import pandas as pd
import pytest

from support.short_runs import trainer_of
from warmuplab.data.tokens import TokenizedCorpus

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
def test_a_step_on_a_gpu_is_that_of_the_cpu(small_corpus: TokenizedCorpus) -> None:
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
