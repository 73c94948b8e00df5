"""Hydra's side of a sweep, thin: `hydra/sweeper=grids` and `hydra/launcher=population`.

Hydra imports this module at every start and inspects what it finds here, so it imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import MISSING, DictConfig


@dataclass
class GridsConf:
    """`grids` is a list of mappings from a key or group to the values it takes, each a Cartesian product."""

    _target_: str = "hydra_plugins.warmuplab.GridsSweeper"
    grids: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class SlurmConf:
    """The types of what `conf/hydra/launcher/slurm.yaml` sets; see there."""

    partition: str | None = MISSING
    account: str | None = MISSING
    gpus: int = MISSING
    gpu_memory: str | None = MISSING
    cpus: int | None = MISSING
    memory: str | None = MISSING
    time: int = MISSING
    parallel: int | None = MISSING
    requeues: int = MISSING
    setup: list[str] = MISSING
    container: str | None = MISSING
    python: str | None = MISSING
    options: dict[str, Any] = MISSING


@dataclass
class PopulationConf:
    """The types of what `conf/hydra/launcher/` sets; see there and `warmuplab.launch.launch.LauncherConfig`."""

    _target_: str = "hydra_plugins.warmuplab.PopulationLauncher"
    cluster: str = MISSING
    workers: int | None = MISSING
    members: int | None = MISSING
    dry: bool = MISSING
    slurm: SlurmConf = MISSING


ConfigStore.instance().store(group="hydra/sweeper", name="grids", node=GridsConf, provider="warmuplab")
ConfigStore.instance().store(
    group="hydra/launcher", name="population_schema", node=PopulationConf, provider="warmuplab"
)


class GridsSweeper(BasicSweeper):
    """The union of several grids, without repetition; what the command line says replaces a key in each of them.

    A typed `data.path` is left out of grids that name a corpus of their own.
    """

    def __init__(self, grids: Sequence[dict[str, Any]]) -> None:
        super().__init__(max_batch_size=None)
        self.grids = grids

    def sweep(self, arguments: list[str]) -> Any:
        """Hand all jobs to the launcher at once."""
        assert self.launcher is not None
        results = [self.launcher.launch(self.jobs(arguments), initial_job_idx=0)]
        for result in results[0]:
            _ = result.return_value  # raises what a job raised
        return results

    def jobs(self, arguments: list[str]) -> list[list[str]]:
        """The overrides of every job. Raises `ConfigError`, before any is listed, for no jobs and for far too many."""
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        typed = parser.parse_overrides(arguments)
        replaced = {override.get_key_element() for override in typed}
        products = []
        for grid in self.grids or [{}]:
            entries = parser.parse_overrides([f"{key}={_values(key, value)}" for key, value in grid.items()])
            # A folder that is typed holds the corpus of the study; a grid that names another takes that from its place.
            its_own = "data" in grid and "data" not in replaced
            told = [override for override in typed if not (its_own and override.get_key_element() == "data.path")]
            products.append([*(entry for entry in entries if entry.get_key_element() not in replaced), *told])
        from warmuplab.config.sweep_size import check

        check(products)
        jobs: dict[tuple[str, ...], None] = {}
        for product in products:
            jobs |= dict.fromkeys(tuple(job) for job in self.split_arguments(product, None)[0])
        return [list(job) for job in jobs]


class PopulationLauncher(Launcher):
    """Trains jobs that differ in seed and schedule only in lockstep."""

    def __init__(
        self, cluster: str, workers: int | None, members: int | None, dry: bool, slurm: Mapping[str, Any]
    ) -> None:
        self.cluster, self.workers, self.members, self.dry, self.slurm = cluster, workers, members, dry, slurm

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what composing the jobs needs; the task function is for launchers that train one job at a time."""
        if not getattr(task_function, "sweeps", True):
            from warmuplab.base.errors import ConfigError

            raise ConfigError(
                "hydra.mode", "MULTIRUN", "no sweeps in this script", "leave out -m, +study and hydra.mode"
            )
        self.hydra_context, self.config = hydra_context, config
        self.instead = getattr(task_function, "launch", None)  # what a command does with the runs of a sweep

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Validate every job, then train; ends the program with status 1 when a run failed."""
        from warmuplab.base.files import say
        from warmuplab.config.jobs import Jobs
        from warmuplab.config.messages import RunFailedError
        from warmuplab.launch.launch import LauncherConfig, launch
        from warmuplab.launch.slurm.settings import Settings
        from warmuplab.record.writing import failures

        loader = self.hydra_context.config_loader
        jobs = Jobs(lambda overrides: loader.load_sweep_config(self.config, overrides))
        configs = [jobs.run(job) for job in job_overrides]
        settings = Settings.of(self.slurm)
        launcher = LauncherConfig(self.cluster, self.workers, self.members, self.dry, settings)
        runs = (self.instead or launch)(configs, launcher)
        failed = failures(runs)
        if failed:
            say(f"{len(failed)} of {len(runs)} runs failed; the same command tries them again:")
            say("\n".join(f"  {line}" for line in failed))
            raise RunFailedError.of(failed, len(runs))
        return [JobReturn(overrides=list(job), status=JobStatus.COMPLETED) for job in job_overrides]


def _values(key: str, value: Any) -> str:
    """A grid's values in Hydra's sweep syntax: choices in a list, or a single one, such as range(2)."""
    choices = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not choices:
        from warmuplab.base.errors import ConfigError

        raise ConfigError(key, "[]", "a key of a grid without a value", "give it one or leave it out of the study file")
    return ",".join(_text(choice) for choice in choices)


def _text(value: Any) -> str:
    """A value as it is typed."""
    if value is None:
        return "null"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_text, value))}]"
    return str(value)
