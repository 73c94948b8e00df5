"""The sweeper: a study is the union of its grids, and what is typed replaces a key in each of them."""

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from warmuplab.base.errors import ConfigError
from warmuplab.config import sweep_size
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.mapping import from_mapping

# Hydra imports its plugins anew when it first looks for them, so the class is to be had from it alone.
GridsSweeper: Any = next(plugin for plugin in Plugins.instance().discover(Sweeper) if plugin.__name__ == "GridsSweeper")


class Context:
    config_loader = None


def jobs(grids: list[dict[str, Any]], *typed: str, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    sweeper = GridsSweeper(grids)
    sweeper.hydra_context = Context()
    parser = OverridesParser.create()
    monkeypatch.setattr(OverridesParser, "create", lambda config_loader: parser)
    return sweeper.jobs(list(typed))


def test_each_grid_is_a_product_and_the_study_their_union(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"model": ["pre_ln", "post_ln"], "seed": "range(2)"}, {"schedule": "cosine", "seed": [0]}]
    assert jobs(grids, monkeypatch=monkeypatch) == [
        ["model=pre_ln", "seed=0"],
        ["model=pre_ln", "seed=1"],
        ["model=post_ln", "seed=0"],
        ["model=post_ln", "seed=1"],
        ["schedule=cosine", "seed=0"],
    ]


def test_a_job_of_two_grids_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jobs([{"seed": [0, 1]}, {"seed": [1, 2]}], monkeypatch=monkeypatch) == [["seed=0"], ["seed=1"], ["seed=2"]]


def test_what_is_typed_replaces_the_key_in_every_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"model": ["pre_ln", "post_ln"], "seed": [0, 1]}, {"seed": [2], "schedule": "cosine"}]
    assert jobs(grids, "seed=7", "training.steps=9", monkeypatch=monkeypatch) == [
        ["model=pre_ln", "seed=7", "training.steps=9"],
        ["model=post_ln", "seed=7", "training.steps=9"],
        ["schedule=cosine", "seed=7", "training.steps=9"],
    ]


def test_a_typed_folder_is_not_that_of_a_grid_s_own_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"seed": [0]}, {"data": "jupyterlab", "seed": [0]}]
    assert jobs(grids, "data.path=texts", monkeypatch=monkeypatch) == [
        ["seed=0", "data.path=texts"],
        ["data=jupyterlab", "seed=0"],
    ]


def test_a_typed_folder_goes_with_a_typed_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ("data=multi30k", "data.path=texts")
    grids = [{"data": "jupyterlab", "seed": [0]}]
    assert jobs(grids, *typed, monkeypatch=monkeypatch) == [["seed=0", *typed]]


def test_without_grids_the_command_line_is_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jobs([], "seed=0,1", "optimizer.betas=[0.9,0.98]", monkeypatch=monkeypatch) == [
        ["seed=0", "optimizer.betas=[0.9,0.98]"],
        ["seed=1", "optimizer.betas=[0.9,0.98]"],
    ]


def test_values_keep_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"optimizer.clip_norm": [None, 1.0], "schedule.peak_lr": [1e-05]}]
    assert jobs(grids, monkeypatch=monkeypatch) == [
        ["optimizer.clip_norm=null", "schedule.peak_lr=1e-05"],
        ["optimizer.clip_norm=1.0", "schedule.peak_lr=1e-05"],
    ]


def test_a_single_value_is_a_list_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"optimizer.clip_norm": None, "seed": 3, "optimizer.betas": [[0.9, None]], "probes.enabled": True}]
    assert jobs(grids, monkeypatch=monkeypatch) == [
        ["optimizer.clip_norm=null", "seed=3", "optimizer.betas=[0.9,null]", "probes.enabled=True"]
    ]


def test_parts_and_patterns_of_layers_are_values_of_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [{"schedule.warmup.layers": ["all", "decoder", ["decoder.*.cross", "embedding"]]}]
    typed = jobs(grids, monkeypatch=monkeypatch)
    monkeypatch.undo()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        found = [from_mapping(compose("config", job)).schedule.warmup.layers for job in typed]
    assert found == grids[0]["schedule.warmup.layers"]


def test_a_key_without_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^seed=\[\]"):
        jobs([{"seed": []}], monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    "typed",
    [
        ("seed=range(0,1000000000000)",),
        ("seed=shuffle(range(0,1000000000000))",),
        ("schedule.peak_lr=range(0,1,1e-12)",),
        ("seed=range(0,1000)", "training.batch_size=range(1,1001)"),
    ],
)
def test_far_too_many_jobs_are_refused_before_they_are_listed(
    typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GridsSweeper, "split_arguments", lambda *_: pytest.fail("listed"))
    with pytest.raises(ConfigError, match="more than 100,000 runs") as caught:
        jobs([], *typed, monkeypatch=monkeypatch)
    assert f"{caught.value.field}={caught.value.value}" == typed[0]


@pytest.mark.parametrize("seeds", [50_000, 50_001])
def test_the_jobs_of_all_grids_count_together(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grids: list[dict[str, Any]] = [{"seed": "range(0,50000)"}, {"model": "pre_ln", "seed": f"range(0,{seeds})"}]
    if seeds == sweep_size.MOST_RUNS // 2:
        assert len(jobs(grids, monkeypatch=monkeypatch)) == sweep_size.MOST_RUNS
    else:
        with pytest.raises(ConfigError, match=r"^seed=range\(0,50001\): too many values"):
            jobs(grids, monkeypatch=monkeypatch)


@pytest.mark.parametrize("typed", ["seed=range(5,5)", "seed=range(0,10,0)"])
def test_a_range_without_values_is_refused(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        jobs([], typed, monkeypatch=monkeypatch)
    assert str(caught.value) == f"{typed}: no values; give at least one value"
