"""Configurations composed in this process, and where the repository lies."""

from pathlib import Path

from warmuplab.config.compose import compose
from warmuplab.config.mapping import from_mapping
from warmuplab.config.schema import RunConfig

ROOT = Path(__file__).parents[2]

SMALL = ("model.width=16", "model.heads=2", "model.depth=1", "model.feed_forward=32", "data.vocabulary_size=300")
QUICK = (*SMALL, "training.steps=6", "training.batch_size=8", "probes.batch_size=8", "tracker=none")


def composed(*overrides: str) -> RunConfig:
    """The validated run that these overrides give."""
    return from_mapping(compose(overrides))
