"""A command whose command line Hydra composes: any input error is one line on standard error and exit status 2."""

import argparse
import os
import warnings
from collections.abc import Callable
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from warmuplab.config.choices import check as check_choices
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.messages import one_line_errors

NO_FLAGS = ("config_name", "config_path", "experimental_rerun")  # Hydra's, for other files of settings

Task = Callable[[DictConfig], None]


Launch = Callable[..., Any]


def hydra_command(
    task: Task, config_name: str = "config", *, sweeps: bool = True, launch: Launch | None = None
) -> Callable[[], None]:
    """A `main()` that composes `conf/<config_name>.yaml` with the command line and hands it to `task`.

    Without `sweeps`, a command line or a study file that asks for a sweep is refused. What is done with the runs of a
    sweep is `launch`, in place of `warmuplab.launch.launch.launch`; it takes what that takes.
    """

    def guarded(composed: DictConfig) -> None:
        with one_line_errors():  # in here as well: Hydra would print a line of its own before it passes an error on
            task(composed)

    # For the launcher, which trains without the task.
    guarded.sweeps, guarded.launch = sweeps, launch  # type: ignore[attr-defined]

    def main() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would otherwise print in 5 to 9 lines
        warnings.filterwarnings("error", "provider=hydra.searchpath")  # a folder that is not there: Hydra would go on
        with one_line_errors():
            check_flags()
            check_choices(get_args_parser().parse_known_args()[0].overrides)
            hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name=config_name)(guarded)()

    return main


def check_flags() -> None:
    """Raise `argparse.ArgumentError` for unknown flags, where Hydra would print its whole usage."""
    parser = get_args_parser()
    parser.exit_on_error = parser.allow_abbrev = False
    flags, unknown = parser.parse_known_args()
    chosen = {name: getattr(flags, name) for name in NO_FLAGS}
    refused = [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items() if value is not None]
    if unknown or refused:
        flag = [*unknown, *refused][0]
        raise argparse.ArgumentError(None, f"{flag}: no such flag here; see --help for what can be set, as key=value")
