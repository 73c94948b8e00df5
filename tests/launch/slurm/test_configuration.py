"""The settings of SLURM as a command line gives them."""

import dataclasses
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from warmuplab.config import known
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.messages import one_line
from warmuplab.launch.slurm.settings import Settings


def launcher(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        composed = compose("config", overrides=list(overrides), return_hydra_config=True)
    told: Any = OmegaConf.to_container(composed.hydra.launcher)
    return told  # type: ignore[no-any-return]


def test_the_key_and_the_option_are_the_same() -> None:
    typed = ("hydra.launcher.slurm.partition=gpu", "+hydra.launcher.slurm.options.qos=low")
    by_key, by_option = launcher("hydra.launcher.cluster=slurm", *typed), launcher("hydra/launcher=slurm", *typed)
    assert by_key == by_option
    assert by_key["slurm"]["options"] == {"qos": "low"}
    assert launcher()["cluster"] == "local"


@pytest.mark.parametrize(
    ("typed", "remedy"), [("options.qos=low", "options.qos=low"), ("options={qos: low}", "options.qos=VALUE")]
)
def test_how_an_option_of_sbatch_is_typed_is_said(typed: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", f"hydra.launcher.slurm.{typed}"])
    with pytest.raises(ConfigCompositionException) as caught:
        launcher(f"hydra.launcher.slurm.{typed}")
    assert str(one_line(caught.value)).endswith(f"added with a +; type +hydra.launcher.slurm.{remedy}")


def test_the_defaults_of_the_file_are_those_of_the_code() -> None:
    assert Settings.of(launcher()["slurm"]) == Settings()


def test_every_setting_is_known_to_the_suggestions() -> None:
    assert set(known.OF_SLURM) == {each.name for each in dataclasses.fields(Settings)} == set(launcher()["slurm"])
