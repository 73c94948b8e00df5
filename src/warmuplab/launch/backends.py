"""Where populations can be trained: a backend per value of `hydra.launcher.cluster`.

To add one, write a module with such a `run` and name it here; its settings go into `conf/hydra/launcher/`.
"""

from collections.abc import Callable

from warmuplab.launch import debug, local
from warmuplab.launch.queue import Show, Sweep

Backend = Callable[[Sweep, int, Show], None]
"""`run(populations, slots, show)`: trains every waiting population, at most `slots` at a time, calling `show` as they
get on; a failed population is marked and does not stop the others."""

BACKENDS: dict[str, Backend] = {"local": local.run, "debug": debug.run}
