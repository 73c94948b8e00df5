"""The arm of a run: words that tell the runs of a study apart, but for the seed."""

import pytest

from support.committed import recorded
from support.composing import composed
from warmuplab.config.keys import identifying
from warmuplab.config.mapping import to_mapping
from warmuplab.config.overrides import flat
from warmuplab.tracking.arm import arm_of


@pytest.mark.parametrize(
    ("overrides", "arm"),
    [
        ((), "post-LN, linear, 10 % warmup, lr 2e-3"),
        (("seed=7",), "post-LN, linear, 10 % warmup, lr 2e-3"),
        (("model=pre_ln", "schedule=cosine", "schedule.warmup.fraction=0"), "pre-LN, cosine, no warmup, lr 2e-3"),
        (("schedule=cosine_floor",), "post-LN, cosine floor, 10 % warmup, lr 2e-3"),
        (("schedule/warmup=cosine",), "post-LN, linear, 10 % cosine warmup, lr 2e-3"),
        (("schedule.warmup.layers=decoder",), "post-LN, linear, 10 % warmup (decoder), lr 2e-3"),
        (("schedule=noam",), "post-LN, noam, 10 % warmup"),
        (
            ("schedule.warmup.fraction=null", "schedule.warmup.steps=40"),
            "post-LN, linear, 40 steps warmup, lr 2e-3",
        ),
        (("optimizer=radam", "training.batch_size=4"), "post-LN, linear, 10 % warmup, lr 2e-3, radam, batch size 4"),
        (("optimizer.betas=[0.9,0.99]",), "post-LN, linear, 10 % warmup, lr 2e-3, betas [0.9,0.99]"),
        (("hardware.dtype=bfloat16",), "post-LN, linear, 10 % warmup, lr 2e-3, dtype bfloat16"),
        (("probes=none", "tracker=none", "hardware=cpu"), "post-LN, linear, 10 % warmup, lr 2e-3"),
    ],
)
def test_it_says_what_was_trained(overrides: tuple[str, ...], arm: str) -> None:
    assert arm_of(to_mapping(composed(*overrides))) == arm


def test_what_the_study_sets_for_all_of_its_runs_is_not_said() -> None:
    shown = arm_of(to_mapping(composed("+study=claims", "data=multi30k", "optimizer=radam")))
    assert shown == "post-LN, linear, 10 % warmup, lr 2e-3, radam"


@pytest.mark.parametrize("study", ["quick", "claims-2026-11", "schedules-2026-11"])
def test_runs_have_one_arm_where_they_differ_in_the_seed_alone(study: str) -> None:
    by_arm: dict[str, set[str]] = {}
    for config, _, _ in recorded(study):
        mapping = to_mapping(config) | {"study": study}
        mapping["seed"] = 0
        by_arm.setdefault(arm_of(mapping), set()).add(repr(sorted(flat(identifying(mapping)).items())))
    several = {arm: len(trained) for arm, trained in by_arm.items() if len(trained) > 1}
    assert several == {}
    assert len(by_arm) == len(set().union(*by_arm.values()))
