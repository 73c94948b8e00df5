"""Configurations composed from `conf/`: in one place, and with Hydra's global state left as it was found."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from omegaconf import DictConfig, OmegaConf

from warmuplab.base.arguments import called_as

_PACKAGE = Path(__file__).parents[1]
_ROOT = _PACKAGE.parents[1]
CHECKOUT = _ROOT if _PACKAGE.parent == _ROOT / "src" and (_ROOT / "conf" / "config.yaml").exists() else None
"""The root of the repository; None where the project is installed from a wheel, which has `conf/` inside."""
CONFIG_FOLDER = CHECKOUT / "conf" if CHECKOUT else _PACKAGE / "conf"

# The help texts in `conf/` say how a command is typed, `${command:train}`, and where the options are, `${conf:}`.
OmegaConf.register_new_resolver("command", called_as, replace=True)
OmegaConf.register_new_resolver("conf", lambda: "conf/" if CHECKOUT else f"{CONFIG_FOLDER}{os.sep}", replace=True)

_ONE_AT_A_TIME = RLock()  # Hydra has one state for all threads


def compose(overrides: Sequence[str], config_name: str = "config", *, with_hydra: bool = False) -> DictConfig:
    """`conf/<config_name>.yaml` with `overrides` as typed on a command line.

    `with_hydra` keeps the node `hydra`, which holds a study's grids. Raises what Hydra raises for a wrong override.
    """
    import hydra

    with _hydra_state():
        return hydra.compose(config_name, list(overrides), return_hydra_config=with_hydra)


@contextmanager
def _hydra_state() -> Iterator[None]:
    """Hydra initialised on `conf/`; afterwards it is what it was, a program of Hydra's that this runs in included."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with _ONE_AT_A_TIME:
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
                yield
        finally:
            GlobalHydra.instance().hydra = outer
