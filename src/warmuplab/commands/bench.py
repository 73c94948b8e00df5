"""What the probes cost: trains the same population without them and with them in turn.

Prints the training time for probes=none, default and full, and its ratio to the first. Length, network and corpus are
those of the study `quick`. Ratios are taken within a round, so that other load on the machine slows
all of them equally; the median over the rounds is printed, with the range.
"""

import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from warmuplab.base.arguments import called_as
from warmuplab.base.errors import ConfigError

if TYPE_CHECKING:
    from warmuplab.training import Trainer

MEMBERS = 4
ROUNDS = [("none", "default", "full"), ("none", "default"), ("none", "default")]  # full takes as long as all the others
BASE = ("+study=quick", "tracker=none", "schedule.peak_lr=2e-3")


def trainer(probes: str, overrides: list[str], outputs: str) -> "Trainer":
    """A fresh population with these probes."""
    import torch

    from warmuplab import worker
    from warmuplab.config.compose import compose
    from warmuplab.config.mapping import from_mapping
    from warmuplab.training import Trainer

    arguments = [*BASE, f"outputs={outputs}", f"probes={probes}", *overrides]
    configs = [from_mapping(compose([*arguments, f"seed={seed}"])) for seed in range(MEMBERS)]
    runs = [worker.prepare(config) for config in configs]
    torch.set_num_threads(configs[0].hardware.threads)
    return Trainer(runs, worker.load_corpus(configs[0]))


def seconds(probes: str, overrides: list[str], outputs: str) -> float:
    """Processor time of a training without its preparation; of the wall on a GPU."""
    training = trainer(probes, overrides, outputs)
    clock = time.perf_counter if training.population.device.type == "cuda" else time.process_time
    began = clock()
    training.run(lambda progress: None)
    training.results()  # waits for the device
    return clock() - began


def main() -> int:
    """Read the command line and print the table."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(
            f"usage: {called_as()} [key=value ...]\n\n{__doc__}\nAny group or setting of a run can be overridden, as in"
        )
        print(f"    {called_as()} training.steps=50 model.width=128")
        return 0
    measure(sys.argv[1:])
    return 0


def measure(overrides: list[str]) -> None:
    """Print the table for a population with these overrides."""
    from warmuplab.config.messages import one_line_errors

    with one_line_errors():
        for override in overrides:
            key, _, value = override.lstrip("+~").partition("=")
            if key == "seed":
                raise ConfigError(key, value, f"the members have the seeds 0 to {MEMBERS - 1}", "leave it out")
    from rich.progress import track

    from warmuplab.worker import keep_freed_memory

    keep_freed_memory()
    taken: dict[str, list[float]] = {}
    with one_line_errors(), tempfile.TemporaryDirectory() as outputs:
        trainings = [probes for in_turn in ROUNDS for probes in in_turn]
        for probes in track(trainings, description="Training", transient=True):
            taken.setdefault(probes, []).append(seconds(probes, overrides, outputs))
    print(f"{MEMBERS} members{' '.join(['', *overrides])}: median training time, and its ratio to probes=none")
    for probes, times in taken.items():
        ratios = [mine / bare for mine, bare in zip(times, taken["none"], strict=False)]
        spread = f" (from {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)" if len(ratios) > 1 else ""
        print(
            f"probes={probes:<8} {statistics.median(times):7.1f} s   {statistics.median(ratios):.2f} x none{spread}",
            flush=True,
        )
