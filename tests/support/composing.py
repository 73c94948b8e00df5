"""Configurations composed in this process, and where the repository lies."""

import copy
from functools import cache
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from warmuplab.config.compose import CONFIG_FOLDER, compose
from warmuplab.config.mapping import from_mapping
from warmuplab.config.schema import RunConfig

ROOT = Path(__file__).parents[2]

SMALL = ("model.width=16", "model.heads=2", "model.depth=1", "model.feed_forward=32", "data.vocabulary_size=300")
QUICK = (*SMALL, "training.steps=6", "training.batch_size=8", "probes.batch_size=8", "tracker=none")


def composed(*overrides: str) -> RunConfig:
    """The validated run that these overrides give, as `compose` makes it.

    What Hydra puts together from the files of the chosen options is kept, as this takes long; values are set on a copy.
    """
    options = tuple(override for override in overrides if _is_option(override))
    values = [override for override in overrides if not _is_option(override)]
    config = copy.deepcopy(_of_options(options))
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(values), config)
    return from_mapping(config)


def _is_option(override: str) -> bool:
    """Whether it picks files, as `model=pre_ln` or `+study=quick`, and does not just set a value."""
    key = override.lstrip("+~").partition("=")[0].partition("@")[0]
    return key.startswith("hydra") or (CONFIG_FOLDER / key).is_dir()


@cache
def _of_options(options: tuple[str, ...]) -> DictConfig:
    return compose(options)
