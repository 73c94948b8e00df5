"""Suggestions: the nearest of what there is, and none where nothing is near."""

import pytest
from omegaconf import OmegaConf

from support.composing import ROOT, composed
from warmuplab.config import known
from warmuplab.config.compose import compose
from warmuplab.config.mapping import to_mapping
from warmuplab.config.overrides import flat
from warmuplab.config.suggestions import Key, likeness, option, setting

GROUPS = {"schedule": ("cosine", "linear"), "schedule/warmup": ("cosine", "none"), "study": ("quick",)}
KEYS = [
    Key("seed", "int", 0),
    Key("schedule.peak_lr", "float", 0),
    Key("schedule.warmup.shape", "str", 0),
    Key("schedule.warmup.fraction", "float", 0),
    Key("schedule.warmup.steps", "int", 0),
    Key("training.steps", "int", 0),
    Key("probes.every", "int", 1),
    Key("probes.batch_size", "int", 1),
    Key("training.batch_size", "int", 0),
    Key("schedule.decay.start_lr", "", 2),
    Key("data.name", "str", 1),
]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("schedule.peak_rl=1", "schedule.peak_lr=1"),
        ("schedul.peaklr=1", "schedule.peak_lr=1"),
        ("lr=1e-3", "schedule.peak_lr=1e-3"),  # a word of the last part, before an option of some decay
        ("training.lr=1", "schedule.peak_lr=1"),  # in another group than its own
        ("every=3", "probes.every=3"),  # a unique last part
        ("steps=100", "training.steps=100"),  # of two, the one that lies less deep
        ("schedule.steps=9", "schedule.warmup.steps=9"),  # of two, the one in the group that was typed
        ("batch_size=8", "training.batch_size=8"),  # of two, the one that determines the numbers
        ("warmup_fraction=0.1", "schedule.warmup.fraction=0.1"),
        ("warmup=0.1", "schedule.warmup.fraction=0.1 (or schedule/warmup=OPTION)"),
        ("schedule.warmup=20", "schedule.warmup.steps=20 (or schedule/warmup=OPTION)"),
        ("warmup=cosin", "schedule/warmup=cosine"),
        ("shedule=linear", "schedule=linear"),
        ("stud=quik", "+study=quick"),
        ("sed", "seed=VALUE"),
    ],
)
def test_what_is_meant(typed: str, meant: str) -> None:
    key, _, value = typed.partition("=")
    assert setting(key, value, KEYS, GROUPS) == meant


@pytest.mark.parametrize("typed", ["foo=1", "epochs=3", "name=cosine", "schedule.warmup.lr=1", "seed.x=1", "=1"])
def test_nothing_near_is_no_suggestion(typed: str) -> None:
    key, _, value = typed.partition("=")
    assert setting(key, value, KEYS, GROUPS) is None


def test_what_was_refused_is_never_suggested() -> None:
    assert setting("seed", "3", KEYS[:1], GROUPS) is None
    assert setting("schedule", "cosine", [], {"schedule": ("cosine",)}) is None


def test_an_option_is_the_nearest_or_none() -> None:
    assert option("cosin", ["constant", "cosine", "linear"]) == "cosine"
    assert option("preln", ["post_ln", "pre_ln"]) == "pre_ln"
    assert option("lion", ["adam", "sgd"]) is None
    assert option("any", []) is None
    assert likeness("Pre-LN", "pre_ln") == 1


def test_what_is_known_is_what_there_is() -> None:
    there = {key for key in flat(to_mapping(composed())) if not key.startswith("schedule.decay.")}
    names = {key.name for key in known.settings()}
    assert there <= names
    assert {key for key in names - there if not key.startswith(("schedule.decay.", "hydra."))} == set()
    hydra = compose([], with_hydra=True)
    for key in known.HYDRA_KEYS:
        assert OmegaConf.select(hydra, key, default="none such") != "none such"
    assert "seeds" in {key.name for key in known.settings("find_lr")}
    for group, options in known.groups().items():
        assert sorted(options) == sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
