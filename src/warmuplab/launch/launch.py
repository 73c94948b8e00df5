"""From a list of jobs to trained runs: validate all, leave out what is finished, pack into populations, run workers."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.base.memory import available_gpu_memory, available_memory
from warmuplab.base.words import plural
from warmuplab.claims.registries import check_free
from warmuplab.config import keeping
from warmuplab.config.schema import RunConfig
from warmuplab.launch import devices, display, fitting, planning, queue, recorded, saying
from warmuplab.launch.backends import CLUSTERS, DEBUG, SLURM, backend
from warmuplab.launch.pack import pack
from warmuplab.launch.saying import Say
from warmuplab.launch.slurm import script
from warmuplab.launch.slurm.backend import job_files
from warmuplab.launch.slurm.settings import Settings
from warmuplab.record.run import Run
from warmuplab.worker import checkpoint_path, load_corpus, population_name, prepare, unfinished

CPU_MEMBERS = 8  # of a population on a CPU, where there is memory for them: more gain nothing


@dataclass(frozen=True)
class LauncherConfig:
    """What the launcher may use."""

    cluster: str
    """`local` (worker processes on this machine), `debug` (in this process, one after the other) or `slurm`."""
    workers: int | None
    """Worker processes at a time; None: as many as the cores have room for on a CPU, one on each GPU."""
    members: int | None
    """Most members of a population; None: what memory has room for, and on a CPU no more than `CPU_MEMBERS`."""
    dry: bool = False
    """Print the job files of `slurm` and train nothing."""
    slurm: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Packed:
    """What is left to train of a sweep, and by how many."""

    begun: list[list[Run]]
    """Populations that an earlier sweep wrote."""
    populations: list[list[Run]]
    """All, those that were begun too."""
    workers: int
    gpus: list[str]
    """That workers are dealt out to; none on a CPU."""

    def __str__(self) -> str:
        runs = sum(len(unfinished(members)) for members in self.populations)
        where = f" on {len(self.gpus)} GPUs" if len(self.gpus) > 1 else ""
        return (
            f"{plural(runs, 'run')} in {plural(len(self.populations), 'population')}, {self.workers} at a time{where}"
        )


def launch(
    configs: Sequence[RunConfig], launcher: LauncherConfig, say: Say = say, *, plan_command: str | None = None
) -> list[Run]:
    """Train every run of `configs` that is not finished; returns all of them, repeated ones once.

    Of configurations that name the same run, as they differ in probes alone, the first is trained: a study lists what
    it measures closely before the grid that contains it. With `plan_command`, which says more, it says beforehand what
    that will take.

    Raises `ConfigError` before any run is trained where a setting or a corpus cannot be used. Ends the program with
    status 0 when job files are printed.
    """
    if launcher.dry:
        say = saying.aside
    named = _named(configs, launcher)
    runs = list(named.values())
    to_train = unfinished(runs)
    saying.what_is_left_out(runs, to_train, say)
    saying.what_is_damaged(to_train, say)
    recorded.tidy(runs)
    if not to_train:
        if launcher.dry:
            raise SystemExit(0)
        return runs
    packed = _packed(named, to_train, launcher)
    if plan_command and launcher.cluster != SLURM:
        say(planning.in_one_line(_plan(packed, most_measured=1), plan_command))
    say(f"Training {packed}.")
    kept = sum(checkpoint_path(runs[0].config, population_name(runs)).exists() for runs in packed.populations)
    if kept:
        say(f"{plural(kept, 'population')} of them {'has' if kept == 1 else 'have'} a checkpoint to go on from.")
    saying.what_is_recorded(packed.begun, named, say)
    sweep = queue.plan(packed.populations, packed.gpus, here=launcher.cluster != SLURM, printed=launcher.dry)
    if launcher.dry:
        saying.what_stays_written(sweep.populations, say)
        saying.job_files(job_files(sweep, packed.workers, launcher.slurm))
        raise SystemExit(0)
    try:
        with display.shown(sweep) as show:
            backend(launcher.cluster, launcher.slurm)(sweep, packed.workers, show)
    except KeyboardInterrupt as ended:
        sweep.when_interrupted(getattr(ended, "number", signal.SIGINT) == signal.SIGINT)
        raise
    except ConfigError:
        sweep.when_interrupted(False)
        raise
    saying.what_is_not_uploaded(to_train, say)
    return runs


def plan(configs: Sequence[RunConfig], launcher: LauncherConfig, say: Say = say, *, again: bool = False) -> list[Run]:
    """Say what `launch` would train and what that takes, and train nothing; returns no run.

    With `again` the pace of this machine is measured though it is known. Raises `ConfigError` as `launch` does.
    """
    if launcher.cluster == SLURM:
        remedy = "leave it out to plan for this machine"
        raise ConfigError("hydra.launcher.cluster", SLURM, "a plan is measured on this machine", remedy)
    named = _named(configs, launcher)
    to_train = unfinished(list(named.values()))
    finished = len(named) - len(to_train)
    say(f"{plural(len(named), 'run')}, {finished} of them finished.")
    if to_train:
        packed = _packed(named, to_train, launcher)
        say(f"To train: {packed}.")
        free = _available(bool(packed.gpus))
        for line in planning.in_lines(_plan(packed, again=again), free, len(packed.gpus)):
            say(line)
    return []


def _named(configs: Sequence[RunConfig], launcher: LauncherConfig) -> dict[str, Run]:
    """The runs of `configs` by name, each once. Raises `ConfigError` for what the launcher cannot do."""
    if launcher.cluster not in CLUSTERS:
        remedy = f"choose one of {', '.join(CLUSTERS)}"
        raise ConfigError("hydra.launcher.cluster", launcher.cluster, "unknown", remedy)
    if launcher.cluster == SLURM:
        script.check_submitit()
    elif launcher.dry:
        problem = f"only of cluster={SLURM} is there a job file to print"
        raise ConfigError("hydra.launcher.dry", "true", problem, f"add hydra.launcher.cluster={SLURM}")
    for name, number in (("workers", launcher.workers), ("members", launcher.members)):
        if number is not None and number < 1:
            raise ConfigError(
                f"hydra.launcher.{name}", number, "must be at least 1", f"use hydra.launcher.{name}=1 or more"
            )
    for study in {config.study for config in configs}:
        check_free(study)
    named: dict[str, Run] = {}
    for run in (prepare(keeping.decided(config, single=False)) for config in configs):
        named.setdefault(run.run_id, run)
    return named


def _packed(named: dict[str, Run], to_train: list[Run], launcher: LauncherConfig) -> Packed:
    slurm = launcher.slurm if launcher.cluster == SLURM else None
    on_gpu = slurm.gpus > 0 if slurm else _is_on_gpu({run.config.hardware.device for run in to_train})
    check_fits(to_train, on_gpu, slurm)
    gpus = devices.gpus() if on_gpu and slurm is None else []
    workers = 1 if slurm or launcher.cluster == DEBUG else launcher.workers or len(gpus) or _workers(to_train)
    largest = partial(_largest, launcher, on_gpu, devices.per_gpu(workers, gpus))
    begun, new = recorded.unfinished(named, to_train, launcher.members)
    populations = begun + pack(new, largest)
    if slurm:
        workers = launcher.workers or slurm.parallel or len(populations)
    workers = min(workers, len(populations))
    return Packed(begun, populations, workers, gpus[:workers])


def _plan(packed: Packed, *, most_measured: int = planning.MOST_MEASURED, again: bool = False) -> planning.Plan:
    gpu = packed.gpus[0] if packed.gpus else None
    return planning.make(packed.populations, packed.workers, gpu, most_measured=most_measured, again=again)


def _largest(launcher: LauncherConfig, on_gpu: bool, workers: int, run: Run) -> int:
    """Most members of a population of runs like `run`. What does not fit all the same is halved later."""
    if launcher.members is not None:
        return launcher.members
    text, useful = fitting.size_of(load_corpus(run.config)), sys.maxsize if on_gpu else CPU_MEMBERS
    slurm = launcher.slurm if launcher.cluster == SLURM else None
    fit = fitting.members_that_fit(run.config, text, _available(on_gpu, slurm), workers)
    return useful if fit is None else min(useful, fit)


def check_fits(runs: Sequence[Run], on_gpu: bool | None = None, slurm: Settings | None = None) -> None:
    """Raise `ConfigError` for the first of `runs` that memory has no room for, even alone, before any is trained.

    The memory is that of this machine, or that of a task by the settings of `slurm`.
    """
    on_gpu = _is_on_gpu({run.config.hardware.device for run in runs}) if on_gpu is None else on_gpu
    available = _available(on_gpu, slurm)
    for run in runs:
        fitting.check(run.config, fitting.size_of(load_corpus(run.config)), available)


def _workers(runs: Sequence[Run]) -> int:
    """As many as the cores have room for, and the memory, each with a member of the largest kind."""
    cores = max(1, _cores() // max(run.config.hardware.threads for run in runs))
    available = _available(on_gpu=False)
    texts = ((run.config, fitting.size_of(load_corpus(run.config))) for run in runs)
    return min(fitting.workers_that_fit(config, text, available, cores) for config, text in texts)


def _available(on_gpu: bool, slurm: Settings | None = None) -> int | None:
    if slurm is not None:
        return slurm.gpu_memory_bytes if on_gpu else slurm.memory_bytes
    return available_gpu_memory() if on_gpu else available_memory()


def _cores() -> int:
    """Cores that this process may use: on a cluster a part of the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_on_gpu(devices: set[str]) -> bool:
    from warmuplab.population.population import pick_device

    return any(pick_device(device).type == "cuda" for device in sorted(devices))
