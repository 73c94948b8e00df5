"""Composing leaves Hydra's global state as it was found, and gives what the command line would."""

import runpy
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf

from support.composing import composed
from warmuplab.config import compose as compose_module
from warmuplab.config import rerun
from warmuplab.config.compose import CONFIG_FOLDER, compose
from warmuplab.config.mapping import from_mapping, to_mapping
from warmuplab.config.overrides import flat
from warmuplab.config.rerun import run_command, sweep_command


def another_seed() -> dict[str, Any]:
    """The default run but for its seed: `run_command` tries all options of a group that a run says nothing about."""
    return flat(to_mapping(composed("seed=1")))


def test_outside_of_hydra_nothing_is_left_behind() -> None:
    assert not GlobalHydra.instance().is_initialized()
    assert compose(["seed=3"]).seed == 3
    sweep_command("quick", {"training.steps": 200}, {})
    run_command(another_seed())
    assert not GlobalHydra.instance().is_initialized()


def test_inside_of_a_program_of_hydra_its_state_stays() -> None:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        own = GlobalHydra.instance().hydra
        assert own is not None
        assert compose([], "find_lr").seeds == 5
        sweep_command("quick", {"training.steps": 200}, {})
        assert GlobalHydra.instance().hydra is own
        with pytest.raises(HydraException):
            compose(["schedule=no_such_schedule"])
        assert GlobalHydra.instance().hydra is own


def test_the_node_of_hydra_is_there_when_asked_for() -> None:
    assert "hydra" not in compose(["+study=quick"])
    assert compose(["+study=quick"], with_hydra=True).hydra.sweeper.grids


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("model=pre_ln", "seed=3", "schedule=wsd", "schedule.warmup.steps=20", "schedule.warmup.fraction=null"),
        ("schedule.peak_lr=0.3", "optimizer=sgd", "optimizer.momentum=0.5", "schedule/warmup=cosine"),
        ("schedule=piecewise", "schedule.decay.values=[3e-3,1e30]", "schedule.decay.boundary_fractions=[0.4]"),
        ("+study=quick", "~schedule.decay.end_factor", "+schedule.decay.end_factor=0.1", "outputs=/some where"),
    ],
)
def test_the_configurations_of_other_tests_are_what_is_composed(overrides: tuple[str, ...]) -> None:
    """The quick way of `support.composing` and Hydra's own, also the second time."""
    for _ in range(2):
        assert composed(*overrides) == from_mapping(compose(overrides))


@pytest.mark.parametrize("wrong", ["no_such_key=1", "schedule=no_such_schedule", "+seed=1", "training.stepz=2"])
def test_the_configurations_of_other_tests_refuse_what_hydra_refuses(wrong: str) -> None:
    for way in (composed, lambda override: compose([override])):
        with pytest.raises(HydraException):
            way(wrong)


def test_without_a_checkout_studies_are_retyped_as_console_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rerun.again("report", "quick") == "make report STUDY=quick"
    monkeypatch.setattr(rerun, "CHECKOUT", None)
    assert rerun.again("report", "quick") == "warmuplab report quick"
    command = rerun.sweep_command("quick", {"training.steps": 5, "data.path": "two words"}, {}) or ""
    assert shlex.split(command) == ["warmuplab", "sweep", "quick", "training.steps=5", "data.path='two words'"]
    assert (rerun.run_command(another_seed()) or "").startswith("warmuplab train seed=1")


def test_threads_change_digits_so_they_are_typed_again() -> None:
    run = another_seed() | {"hardware.threads": 2, "hardware.compile": True}
    assert (rerun.run_command(run) or "").endswith(" seed=1 hardware.threads=2")
    assert "hardware.threads=2" in (
        rerun.sweep_command("quick", {"hardware.threads": 2, "hardware.replay": True}, {}) or ""
    )
    assert "replay" not in (rerun.sweep_command("quick", {"hardware.threads": 2, "hardware.replay": True}, {}) or "")


def test_a_folder_above_the_package_is_a_checkout_only_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OmegaConf, "register_new_resolver", lambda *_, **__: None)  # those of the real module stay
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")  # of a program of someone else's
    for place, checkout in (("src", str(tmp_path)), ("vendored", "None")):
        module = tmp_path / place / "warmuplab" / "config" / "compose.py"
        module.parent.mkdir(parents=True)
        shutil.copy(compose_module.__file__, module)
        found = runpy.run_path(str(module))
        assert str(found["CHECKOUT"]) == checkout
    assert found["CONFIG_FOLDER"] == module.parents[1] / "conf"


def test_a_study_may_give_its_values_as_a_range() -> None:
    told = {"training.steps": 400}
    assert "seed" not in (rerun.sweep_command("confirm_early", told, {"seed": list(range(10, 26))}) or "seed")
    assert "seed=10,11" in (rerun.sweep_command("confirm_early", told, {"seed": [10, 11]}) or "")
