"""Where populations can be trained: a backend per value of `hydra.launcher.cluster`.

To add one, write a module with such a `run` and name it here; its settings go into `conf/hydra/launcher/`.
"""

from collections.abc import Callable
from functools import partial

from warmuplab.launch import debug, local
from warmuplab.launch.queue import Show, Sweep
from warmuplab.launch.slurm import backend as slurm
from warmuplab.launch.slurm.settings import Settings

Backend = Callable[[Sweep, int, Show], None]
"""`run(populations, slots, show)`: trains every waiting population, at most `slots` at a time, calling `show` as they
get on; a failed population is marked and does not stop the others."""

DEBUG, SLURM = "debug", "slurm"
CLUSTERS = ("local", DEBUG, SLURM)


def backend(cluster: str, settings: Settings) -> Backend:
    """The backend of that name; `settings` are those of SLURM."""
    backends: dict[str, Backend] = {
        "local": local.run,
        DEBUG: debug.run,
        SLURM: partial(slurm.run, settings=settings),
    }
    return backends[cluster]
