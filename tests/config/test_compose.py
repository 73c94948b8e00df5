"""Composing leaves Hydra's global state as it was found, and gives what the command line would."""

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from warmuplab.config.compose import CONFIG_FOLDER, compose
from warmuplab.config.rerun import run_command, sweep_command


def test_outside_of_hydra_nothing_is_left_behind() -> None:
    assert not GlobalHydra.instance().is_initialized()
    assert compose(["seed=3"]).seed == 3
    sweep_command("quick", {"training.steps": 200}, {})
    run_command({"seed": 1})
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
