"""One run, trained in this process."""

import time
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from warmuplab.base.errors import ConfigError
from warmuplab.base.files import say
from warmuplab.base.words import duration
from warmuplab.commands.hydra_command import Launch, hydra_command
from warmuplab.config import keeping
from warmuplab.config.mapping import from_mapping
from warmuplab.config.messages import RunFailedError

if TYPE_CHECKING:
    from warmuplab.record.run import Run

SECONDS_BETWEEN_LOOKS = 1.0  # at what another process trains


def _check_trains_here(launcher: DictConfig) -> None:
    """Raise `ConfigError` where a launcher is asked for something that only a sweep does."""
    for key, value, remedy in (
        ("cluster", "slurm", "add -m, which sends a sweep of one run to SLURM, or leave it out"),
        ("dry", True, "add -m and hydra.launcher.cluster=slurm, or leave it out"),
    ):
        if launcher.get(key) == value:
            typed = str(value).lower()
            raise ConfigError(f"hydra.launcher.{key}", typed, "a single run trains in this process", remedy)


def train_one(composed: DictConfig) -> None:
    """Train the composed run in this process, unless it is finished."""
    from warmuplab import worker
    from warmuplab.claims.registries import check_free
    from warmuplab.launch import recorded
    from warmuplab.launch.launch import check_fits
    from warmuplab.record import writing
    from warmuplab.record.leases import BusyError

    sweeps = HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN  # with another launcher than ours
    if HydraConfig.initialized() and not sweeps:
        _check_trains_here(HydraConfig.get().launcher)
    config = keeping.decided(from_mapping(composed), single=not sweeps)
    check_free(config.study)
    run = worker.prepare(config)
    if run.is_complete and not config.overwrite:
        status = (run.summary or {})["status"]
        measured = ", with other probes than these" if run.has_other_probes else ""
        kept = ", without its weights" if run.lacks_weights else ""
        say(f"{run.directory}: {status} already{measured}{kept}; overwrite=true trains it again")
        return
    check_fits([run])
    worker.check_place(config, run.directory)
    recorded.tidy([run])
    if run.damage is not None:
        say(f"its record is damaged ({run.damage}) and is written again")
    say(run.directory)
    try:
        trained = worker.train_population([run], run.run_id, say)
    except BusyError as error:
        wait_for(run, error.owner)
        train_one(composed)
        return
    if not trained:
        raise RunFailedError.of(writing.failures([run]), 1)
    say(describe(run.summary or {}))


def wait_for(run: "Run", owner: str) -> None:
    """Return when nobody else trains the run any more."""
    from warmuplab.record.leases import owner_of

    say(f"{owner} trains it; waiting for that (Ctrl-C leaves it to the other)")
    while owner_of(run.directory) is not None:
        time.sleep(SECONDS_BETWEEN_LOOKS)


def describe(summary: dict[str, Any]) -> str:
    """A finished run in one line."""
    values = summary["values"]
    if summary["status"] == "diverged":
        return f"diverged at step {summary['diverged_at']}"
    spikes = "" if values["spike/count"] is None else f", spikes: {values['spike/count']}"
    rise = values.get("spike/max_rise")
    rises = "" if rise is None else f", it rose by up to {rise:.2f} nats early on"
    took = duration(summary["timings"]["seconds"])
    return f"finished in {took}: held-out loss {values['val/loss']:.3f}{rises}{spikes}"


def main(launch: Launch | None = None) -> int:
    """The command, with the overrides of the command line; `launch` is that of `hydra_command`."""
    hydra_command(train_one, launch=launch)()
    return 0
