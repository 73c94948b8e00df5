"""A run from plain mappings, as a composed configuration or a file holds it, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from warmuplab.config.checks import validate
from warmuplab.config.schema import RunConfig


def from_mapping(composed: DictConfig | Mapping[str, Any]) -> RunConfig:
    """A validated run from a composed configuration or from a worker's file; keys that came later are filled in.

    Raises `omegaconf.errors.OmegaConfBaseException` where a key or a type is wrong, `ConfigError` where a value is.
    """
    plain = OmegaConf.to_container(composed, resolve=True) if isinstance(composed, DictConfig) else composed
    merged = OmegaConf.merge(_schema(RunConfig), plain)
    config = OmegaConf.to_object(merged)
    assert isinstance(config, RunConfig)
    validate(config)
    return config


def to_mapping(config: RunConfig) -> dict[str, Any]:
    """The run as plain dicts and lists, what `from_mapping` reads."""
    return asdict(config)


@cache
def _schema(kind: type[RunConfig]) -> DictConfig:
    """The schema as OmegaConf has it: reading it from the dataclasses takes as long as filling it in."""
    schema: DictConfig = OmegaConf.structured(kind)
    return schema
