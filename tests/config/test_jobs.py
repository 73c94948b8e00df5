"""The jobs of a sweep: composed together, each is what it would be if it were composed alone."""

import pytest
from omegaconf import DictConfig

from warmuplab.base.errors import ConfigError
from warmuplab.config import compose
from warmuplab.config.jobs import Jobs
from warmuplab.config.mapping import from_mapping


class Composer:
    """Composes as Hydra does for the launcher, and remembers what."""

    def __init__(self) -> None:
        self.composed: list[list[str]] = []

    def __call__(self, overrides: list[str]) -> DictConfig:
        self.composed.append(overrides)
        return compose.compose(overrides, with_hydra=True)


JOBS = [
    ["model=pre_ln", "seed=3"],
    ["seed=4", "model=pre_ln"],
    ["model.width=32", "model=pre_ln", "seed=4"],
    ["model=pre_ln", "schedule.warmup.fraction=null", "schedule.warmup.steps=5", "model.heads=2", "seed=0"],
    ["model=pre_ln", "optimizer.betas=[0.8,0.9]", "schedule.warmup.layers=decoder"],
    ["model=post_ln"],
    ["model=post_ln", "seed=0"],
    ["model=post_ln", "seed=1", "schedule/warmup=none", "schedule=cosine", "schedule.peak_lr=0.01"],
    ["outputs=out/${seed}", "seed=1"],
    ["outputs=out/${seed}", "seed=2"],
    ["++optimizer.eps=1e-6", "seed=2"],
]


def test_jobs_are_what_each_alone_would_be() -> None:
    jobs = Jobs(Composer())
    for job in JOBS:
        alone, found = from_mapping(compose.compose(job)), jobs.run(job)
        assert found == alone
        assert found.built_schedule.settings == alone.built_schedule.settings


def test_a_choice_of_options_is_composed_once() -> None:
    composer = Composer()
    jobs = Jobs(composer)
    for job in JOBS[:7]:
        jobs.run(job)
    assert composer.composed == [["model=pre_ln"], ["model=post_ln"]]


@pytest.mark.parametrize(
    "wrong", ["schedule.peak_rl=1", "model.width=abc", "+model.width=3", "schedule=nothing", "model.width={a: 1}"]
)
def test_a_wrong_override_raises_what_hydra_does_for_the_whole_job(wrong: str) -> None:
    job = ["model=pre_ln", "training.steps=5", wrong]
    with pytest.raises(Exception) as alone:  # noqa: PT011 (whatever it is)
        from_mapping(compose.compose(job))
    jobs = Jobs(Composer())
    jobs.run(job[:2])
    with pytest.raises(type(alone.value)) as caught:
        jobs.run(job)
    assert str(caught.value) == str(alone.value)


def test_a_seed_that_no_run_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^seed="):
        Jobs(Composer()).run([f"seed={2**63}"])
