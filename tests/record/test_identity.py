"""A run keeps its name: those of all committed runs, whatever keys a configuration gets later."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from support.committed import recorded
from support.composing import QUICK, composed
from warmuplab.config import keys, mapping, schema
from warmuplab.config.mapping import to_mapping
from warmuplab.config.schema import RunConfig, added
from warmuplab.record import writing
from warmuplab.record.directory import look_through
from warmuplab.record.identity import identify, population_key
from warmuplab.record.run import Run
from warmuplab.schedules import options
from warmuplab.study.collect import varying_keys


@pytest.mark.parametrize(("study", "runs"), [("quick", 48), ("claims-2026-11", 1290), ("schedules-2026-11", 275)])
def test_committed_runs_keep_their_names(study: str, runs: int) -> None:
    named = [(identify(config, corpus).run_id, run_id) for config, corpus, run_id in recorded(study)]
    assert len(named) == runs
    assert [new for new, _ in named] == [old for _, old in named]


FIRST_QUICK = """
w0-lr0.008-s0-a2fb19a7
w0-lr0.008-s1-a3d1feff
w0-lr0.016-s0-848c3777
w0-lr0.016-s1-a6f8a582
w0.1-lr0.008-s0-69c47c33
w0.1-lr0.008-s1-d02584cf
w0.1-lr0.016-s0-4387f513
w0.1-lr0.016-s1-d95831d3
w0.3-lr0.008-s0-5cbe2bc6
w0.3-lr0.008-s1-d30fe1d5
w0.3-lr0.016-s0-7e9a0318
w0.3-lr0.016-s1-b25e11ca
"""


def test_runs_that_left_a_study_keep_their_names() -> None:
    """Those of the first `quick` that are in its grid no more, as they were committed."""
    corpus = next(recorded("quick"))[1]
    grid = itertools.product((0, 0.1, 0.3), (8e-3, 1.6e-2), (0, 1))
    names = [
        identify(
            composed("+study=quick", f"schedule.warmup.fraction={w}", f"schedule.peak_lr={lr}", f"seed={seed}"), corpus
        )
        for w, lr, seed in grid
    ]
    assert [run.run_id for run in names] == [f"post_ln-linear-{name}" for name in FIRST_QUICK.split()]


@pytest.fixture
def with_later_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema as a later version may have it: a key more of the network, a list, a group, an option of a decay."""
    model = dataclasses.make_dataclass(
        "ModelConfig",
        [("rotary", bool, added(False)), ("skips", list[int], added([1]))],
        bases=(schema.ModelConfig,),
    )
    group = dataclasses.make_dataclass("NoiseConfig", [("scale", float), ("kind", str)])
    run = dataclasses.make_dataclass(
        "RunConfig", [("model", model), ("noise", group, added(group(0.0, "white")))], bases=(RunConfig,)
    )
    monkeypatch.setattr(mapping, "RunConfig", run)
    monkeypatch.setattr(keys, "RunConfig", run)
    linear = options.DECAYS["linear"]

    def longer(run: Any, *, end_factor: float = 0.0, hold: int = 0) -> Any:
        return linear(run, end_factor=end_factor)

    monkeypatch.setitem(options.DECAYS, "linear", longer)
    monkeypatch.setitem(options.ADDED_OPTIONS, "linear", {"hold": 0})


LATER = ("+model.rotary=true", "+model.skips=[2]", "+noise.scale=0.5", "+schedule.decay.hold=3")


@pytest.mark.usefixtures("with_later_keys")
def test_a_later_key_renames_no_run_that_was_recorded_before_it() -> None:
    assert [identify(config, corpus).run_id for config, corpus, _ in recorded("quick")] == [
        run_id for *_, run_id in recorded("quick")
    ]


def test_a_later_key_names_the_runs_that_it_changes(request: pytest.FixtureRequest) -> None:
    before = identify(composed(*QUICK), "a").run_id
    request.getfixturevalue("with_later_keys")
    as_introduced = ("+model.rotary=false", "+model.skips=[1]", "+noise.scale=0.0", "+schedule.decay.hold=0")
    assert identify(composed(*QUICK, *as_introduced), "a").run_id == before
    names = [identify(composed(*QUICK, key), "a").run_id for key in LATER]
    assert len({before, *names}) == 1 + len(LATER)


def test_a_later_key_is_filled_in_where_an_older_record_is_read(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for seed in (0, 1):
        old = Run(composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}"), f"old-{seed}")
        writing.begin(old)
        writing.fail(old, "made up")
    request.getfixturevalue("with_later_keys")
    (one, two) = look_through(tmp_path / "single").runs
    assert (one.config["model.rotary"], one.config["model.skips"], one.config["noise.scale"]) == (False, [1], 0.0)
    assert one.config["schedule.decay.hold"] == 0
    later = to_mapping(composed(*QUICK, f"outputs={tmp_path}"))
    assert varying_keys([one.config, two.config, OmegaConf.to_container(OmegaConf.create(one.config))]) == ["seed"]
    assert later["model"]["rotary"] is False


def test_a_key_that_came_later_counts_where_it_does_something() -> None:
    """`schedule.warmup.window` is such a key: runs without it were there before."""
    plain = composed(*QUICK)
    assert plain.built_schedule.settings["warmup"]["window"] is None
    assert "window" not in keys.identifying(to_mapping(plain))["schedule"]["warmup"]
    level = composed(*QUICK, "schedule/warmup=equal_area")
    window = keys.identifying(to_mapping(level) | {"schedule": level.built_schedule.settings})
    assert window["schedule"]["warmup"]["window"] == 0.2


LAYERS = "schedule.warmup.layers"


def test_the_part_that_follows_the_warmup_names_a_run() -> None:
    """Pinned: these names may be in results from now on."""
    names = {
        "all": "post_ln-linear-w0.1-lr0.002-s0-6ec64c3f",
        "none": "post_ln-linear-w0.1_no_layers-lr0.002-s0-798bdee4",
        "decoder": "post_ln-linear-w0.1_decoder-lr0.002-s0-cc398127",
        "[encoder,decoder.*.cross]": "post_ln-linear-w0.1_decoder._.cross_encoder-lr0.002-s0-4ef38c3a",
    }
    plain = identify(composed(*QUICK), "a").run_id
    assert plain == names["all"]
    assert {each: identify(composed(*QUICK, f"{LAYERS}={each}"), "a").run_id for each in names} == names
    same = identify(composed(*QUICK, f"{LAYERS}=[decoder.*.cross,encoder,encoder]"), "a").run_id
    assert same == names["[encoder,decoder.*.cross]"]


def test_a_name_with_many_patterns_stays_a_name_of_a_folder() -> None:
    patterns = [f"decoder.{layer}.feed_forward.upper.weight" for layer in range(4)]
    name = identify(composed(*QUICK, f"{LAYERS}=[{','.join(patterns)}]"), "a").run_id
    assert len(name) < 100
    other = identify(composed(*QUICK, f"{LAYERS}=[{','.join(patterns[:3])}]"), "a").run_id
    assert name.rpartition("-")[0] == other.rpartition("-")[0]
    assert name != other


@pytest.mark.parametrize(
    "off", [("schedule.warmup.fraction=0",), ("schedule/warmup=none",), ("schedule.warmup.start_factor=1",)]
)
def test_without_a_warmup_every_choice_of_layers_is_one_run(off: tuple[str, ...]) -> None:
    choices = ("all", "none", "deep", "[decoder.*.cross]")
    assert len({identify(composed(*QUICK, *off, f"{LAYERS}={each}"), "a").run_id for each in choices}) == 1


def test_runs_with_different_layers_train_in_lockstep() -> None:
    choices = ("all", "none", "deep", "[decoder.*.cross]")
    assert len({population_key(composed(*QUICK, f"{LAYERS}={each}")) for each in choices}) == 1
