"""The jobs of a sweep as validated runs, composed as rarely as possible.

Hydra composes a job in a tenth of a second, most of it for the files of its groups. Jobs that choose the same options
share that: their values are set on a copy, as Hydra does itself once the files are merged. Jobs that differ in the seed
alone share the validated settings as well.
"""

import copy
import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from warmuplab.config import choices, known
from warmuplab.config.checks import validate
from warmuplab.config.mapping import from_mapping
from warmuplab.config.schema import RunConfig

Compose = Callable[[list[str]], DictConfig]
"""What Hydra composes from the overrides of one job, the node `hydra` included."""


class Jobs:
    """Composes jobs one after the other; what earlier ones had in common with them is not done again."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._chosen: dict[tuple[str, ...], DictConfig] = {}
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._validated: dict[tuple[str, ...], RunConfig | None] = {}
        """None where some setting may follow from the seed."""

    def run(self, job: Sequence[str]) -> RunConfig:
        """The validated run of a job's overrides. Runs that differ in the seed alone share their groups of settings.

        Raises what Hydra raises for a wrong override, and what `from_mapping` raises for a wrong value.
        """
        seeds = [override for override in job if re.fullmatch(r"seed=\d+", override)]
        others = tuple(override for override in job if override not in seeds)
        if others not in self._composed:
            self._composed[others] = self._settings(others)
        composed = self._composed[others]
        if not seeds:
            return from_mapping(composed)
        seed = int(seeds[-1].removeprefix("seed="))
        if others not in self._validated:
            self._validated[others] = None if _interpolates(composed) else from_mapping(composed)
        validated = self._validated[others]
        if validated is None:
            composed = composed.copy()
            composed.seed = seed
            return from_mapping(composed)
        config = copy.copy(validated)
        config.seed = seed
        validate(config)
        return config

    def _settings(self, overrides: tuple[str, ...]) -> DictConfig:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        choices.check(overrides)
        with suppress(HydraException, OmegaConfBaseException):  # then Hydra says below what is wrong
            values = [override for override in parsed if _is_plain_value(override)]
            chosen = tuple(str(override.input_line) for override in parsed if override not in values)
            if chosen not in self._chosen:
                self._chosen[chosen] = _without_hydra(self._compose(list(chosen)))
            composed = self._chosen[chosen].copy()
            ConfigLoaderImpl._apply_overrides_to_config(values, composed)
            return composed
        return _without_hydra(self._compose(list(overrides)))


def _is_plain_value(override: Override) -> bool:
    """Whether it gives a key that is there a new value: no option of a group, nothing added or deleted."""
    key = override.key_or_group
    plain = override.type is OverrideType.CHANGE and override.package is None and not override.is_sweep_override()
    return plain and key not in known.groups() and "/" not in key and not override.is_hydra_override()


def _interpolates(composed: DictConfig) -> bool:
    return "${" in str(OmegaConf.to_container(composed))


def _without_hydra(composed: DictConfig) -> DictConfig:
    composed = composed.copy()
    with open_dict(composed):
        del composed["hydra"]
    return composed
