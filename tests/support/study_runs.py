"""The runs of a study as its sweep composes them, grid by grid, without training any."""

from functools import cache
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from warmuplab.config.compose import compose
from warmuplab.config.jobs import Jobs
from warmuplab.config.schema import RunConfig
from warmuplab.record.identity import identify
from warmuplab.record.run import Run


class _Context:
    config_loader = None


def grids_of(study: str) -> list[dict[str, Any]]:
    """The grids of a study as its file has them."""
    whole = compose([f"+study={study}"], with_hydra=True)
    return cast("list[dict[str, Any]]", OmegaConf.to_container(whole.hydra.sweeper.grids))


def jobs_of(grids: list[dict[str, Any]], *typed: str) -> list[list[str]]:
    """The overrides of every job of some grids, by the sweeper itself."""
    sweepers: Any = Plugins.instance().discover(Sweeper)
    sweeper: Any = next(plugin for plugin in sweepers if plugin.__name__ == "GridsSweeper")(grids)
    sweeper.hydra_context = _Context()
    create, parser = OverridesParser.create, OverridesParser.create()
    OverridesParser.create = lambda config_loader=None: parser  # type: ignore[method-assign]
    try:
        return cast("list[list[str]]", sweeper.jobs(list(typed)))
    finally:
        OverridesParser.create = create  # type: ignore[method-assign]


@cache
def runs_by_grid(study: str) -> tuple[tuple[Run, ...], ...]:
    """The validated and named runs of every grid of a study."""
    composed = Jobs(lambda overrides: compose([f"+study={study}", *overrides], with_hydra=True))
    return tuple(
        tuple(identify(composed.run(job), "0123456789abcdef") for job in jobs_of([grid])) for grid in grids_of(study)
    )


def configs_of(study: str) -> list[RunConfig]:
    """The configurations of all runs of a study."""
    return [run.config for grid in runs_by_grid(study) for run in grid]
