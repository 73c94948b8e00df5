"""From a list of jobs to trained runs: validate all, leave out what is finished, pack into populations, run workers."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.base.memory import available_gpu_memory, available_memory
from warmuplab.base.words import plural
from warmuplab.config import keeping
from warmuplab.config.rerun import again
from warmuplab.config.schema import RunConfig
from warmuplab.launch import display, fitting, queue, recorded
from warmuplab.launch.backends import CLUSTERS, SLURM, backend
from warmuplab.launch.pack import pack
from warmuplab.launch.slurm import script
from warmuplab.launch.slurm.backend import job_files
from warmuplab.launch.slurm.settings import Settings
from warmuplab.record import environment
from warmuplab.record.run import Run
from warmuplab.tracking.server import not_uploaded
from warmuplab.worker import checkpoint_path, load_corpus, population_name, prepare, unfinished

CPU_MEMBERS = 8  # of a population on a CPU, where there is memory for them: more gain nothing

Say = Callable[[str], None]


@dataclass(frozen=True)
class LauncherConfig:
    """What the launcher may use."""

    cluster: str
    """`local` (worker processes on this machine), `debug` (in this process, one after the other) or `slurm`."""
    workers: int | None
    """Worker processes at a time; None: as many as the cores have room for on a CPU, one on a GPU."""
    members: int | None
    """Most members of a population; None: what memory has room for, and on a CPU no more than `CPU_MEMBERS`."""
    dry: bool = False
    """Print the job files of `slurm` and train nothing."""
    slurm: Settings = field(default_factory=Settings)


def launch(configs: Sequence[RunConfig], launcher: LauncherConfig, say: Say = say) -> list[Run]:
    """Train every run of `configs` that is not finished; returns all of them, repeated ones once.

    Of configurations that name the same run, as they differ in probes alone, the first is trained: a study lists what
    it measures closely before the grid that contains it.

    Raises `ConfigError` before any run is trained where a setting or a corpus cannot be used. Ends the program with
    status 0 when job files are printed.
    """
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
    named: dict[str, Run] = {}
    for run in (prepare(keeping.decided(config, single=False)) for config in configs):
        named.setdefault(run.run_id, run)
    runs = list(named.values())
    to_train = unfinished(runs)
    _say_what_is_left_out(runs, to_train, say)
    _say_what_is_damaged(to_train, say)
    recorded.tidy(runs)
    if not to_train:
        return runs
    if launcher.dry:
        say = _say_aside
    on_slurm = launcher.cluster == SLURM
    on_gpu = launcher.slurm.gpus > 0 if on_slurm else _is_on_gpu({run.config.hardware.device for run in to_train})
    check_fits(to_train, on_gpu, launcher.slurm if on_slurm else None)
    workers = 1 if on_slurm else launcher.workers or (1 if on_gpu else _workers(to_train))
    largest = partial(_largest, launcher, on_gpu, workers)
    begun, new = recorded.unfinished(named, to_train, launcher.members)
    populations = begun + pack(new, largest)
    if on_slurm:
        workers = launcher.workers or launcher.slurm.parallel or len(populations)
    workers = min(workers, len(populations))
    say(f"Training {plural(len(to_train), 'run')} in {plural(len(populations), 'population')}, {workers} at a time.")
    kept = sum(checkpoint_path(runs[0].config, population_name(runs)).exists() for runs in populations)
    if kept:
        say(f"{plural(kept, 'population')} of them {'has' if kept == 1 else 'have'} a checkpoint to go on from.")
    _say_what_is_recorded(begun, named, say)
    planned = queue.plan(populations)
    if launcher.dry:
        print("\n".join(job_files(planned, workers, launcher.slurm)))
        raise SystemExit(0)
    try:
        with display.shown(planned) as show:
            backend(launcher.cluster, launcher.slurm)(planned, workers, show)
    except KeyboardInterrupt:
        planned.when_interrupted()
        raise
    _say_what_is_not_uploaded(to_train, say)
    return runs


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


def _say_aside(text: object) -> None:
    """On standard error: standard output has the job file alone."""
    print(text, file=sys.stderr)


def _say_what_is_not_uploaded(runs: list[Run], say: Say) -> None:
    missing = not_uploaded(runs)
    if missing:
        command = again("sync", missing[0].config.study)
        which = f"{len(missing)} of {plural(len(runs), 'run')} not published to W&B yet"
        say(f"{which}: the records are unharmed, `{command}` uploads them.")


def _say_what_is_damaged(to_train: list[Run], say: Say) -> None:
    damaged = [(run, problem) for run in to_train if (problem := run.damage) is not None and not run.config.overwrite]
    if damaged:
        run, problem = damaged[0]
        say(f"{plural(len(damaged), 'damaged record')}, trained again; the first is {run.directory} ({problem}).")


def _say_what_is_recorded(begun: list[list[Run]], named: dict[str, Run], say: Say) -> None:
    threads = {
        members[0].config.hardware.threads
        for members in begun
        if members[0].config.hardware.threads != named[members[0].run_id].config.hardware.threads
    }
    if threads:
        told = ", ".join(map(str, sorted(threads)))
        say(f"What began with hardware.threads={told} goes on with it, as threads change the last digits.")


def _say_what_is_left_out(runs: list[Run], to_train: list[Run], say: Say) -> None:
    trained = {run.run_id for run in to_train}
    skipped = [run for run in runs if run.run_id not in trained]
    if not skipped:
        return
    say(f"{plural(len(skipped), 'run')} of {len(runs)} finished before; overwrite=true trains such runs again.")
    otherwise = [run for run in skipped if run.has_other_probes]
    if otherwise:
        say(f"{plural(len(otherwise), 'run')} of them with other probes; overwrite=true trains and measures again.")
    bare = [run for run in skipped if run.lacks_weights]
    if bare:
        say(f"{plural(len(bare), 'run')} of them without weights; overwrite=true trains again and keeps them.")
    here = environment.commit()
    others = [
        run
        for run in skipped
        if (run.summary or {}).get("commit") != here["commit"] or (run.summary or {}).get("dirty")
    ]
    if others:
        say(f"{plural(len(others), 'run')} of them by another commit of the code, or with uncommitted changes in it.")
