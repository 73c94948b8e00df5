"""Configuration: what is composed is typed, and no impossible value gets through."""

import dataclasses
from pathlib import Path

import pytest

from support.composing import ROOT, composed
from warmuplab.base.errors import ConfigError
from warmuplab.config import schema
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.worker import prepare


def test_a_run_survives_the_way_through_a_worker_file() -> None:
    run = composed("seed=3", "model=pre_ln", "schedule=cosine")
    assert from_mapping(to_mapping(run)) == run


def test_every_field_has_a_docstring() -> None:
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(schema))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name not in ("RunConfig",):
            for position, statement in enumerate(node.body):
                if isinstance(statement, ast.AnnAssign):
                    following = node.body[position + 1]
                    assert isinstance(following, ast.Expr), f"{node.name}.{ast.unparse(statement.target)}"


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("model.width=66", "model.width"),  # 4 heads
        ("model.norm=middle", "model.norm"),
        ("model.depth=0", "model.depth"),
        ("optimizer.name=lbfgs", "optimizer.name"),
        ("optimizer.betas=[0.9]", "optimizer.betas"),
        ("optimizer.betas=[0.9,1.0]", "optimizer.betas"),
        ("optimizer.betas=null", "optimizer.betas"),
        ("optimizer.eps=inf", "optimizer.eps"),
        ("optimizer.momentum=0.9", "optimizer.momentum"),  # adam has none
        ("optimizer.clip_norm=0", "optimizer.clip_norm"),
        ("optimizer.weight_decay=nan", "optimizer.weight_decay"),
        ("training.steps=0", "training.steps"),
        ("training.label_smoothing=1", "training.label_smoothing"),
        ("training.steps=10000000000", "training.steps"),
        ("seed=9223372036854775808", "seed"),
        ("hardware.threads=100000", "hardware.threads"),
        ("model.width=2000000", "model.width"),
        ("outputs=''", "outputs"),
        ("schedule.decay.name=[cosine]", "schedule.decay.name"),
        ("probes.early_fraction=1.2", "probes.early_fraction"),
        ("probes.every=0", "probes.every"),
        ("seed=-1", "seed"),
        ("data.path=somewhere", "data.path"),  # the embedded corpus is not a folder
        ("data.name=other", "data.name"),
        ("hardware.dtype=float16", "hardware.dtype"),
        ("hardware.threads=0", "hardware.threads"),
        ("tracker.mode=later", "tracker.mode"),
        ("tracker.detail=heavy", "tracker.detail"),
        ("schedule.peak_lr=nan", "schedule.peak_lr"),
        ("schedule.warmup.fraction=1.5", "schedule.warmup.fraction"),
        ("schedule.warmup.steps=5", "schedule.warmup.steps"),  # beside the fraction
    ],
)
def test_an_impossible_value_is_named_with_its_remedy(override: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(composed(override))  # as every job of a sweep is, before any trains
    assert caught.value.field == field
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


def test_the_loss_alone_and_curvature_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"probes\.curvature"):
        composed("probes=full", "probes.loss_only=true")


def test_the_suggested_width_is_possible() -> None:
    with pytest.raises(ConfigError) as caught:
        composed("model.heads=5")
    suggestion = caught.value.remedy.removeprefix("use ")
    assert composed("model.heads=5", suggestion).model.width % 5 == 0


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "conf").glob("*/*.yaml")),
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)
def test_every_option_of_every_group_composes(path: Path) -> None:
    group, option = path.parent.name, path.stem
    overrides = [f"+{group}={option}"] if group in ("study", "setting") else [f"{group}={option}"]
    assert dataclasses.is_dataclass(composed(*overrides))
