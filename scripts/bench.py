"""What the probes cost: `python scripts/bench.py [overrides]` trains the same population without and with them in turn.

Prints the training time for probes=none, default and full, and its ratio to the first. Length, network and corpus are
those of the study `quick`. Ratios are taken within a round, so that a machine that is busy for a while slows
all alike; the median over the rounds is printed, with their range.
"""

import statistics
import sys
import tempfile
import time

import torch
from hydra import compose, initialize_config_dir
from rich.progress import track

from warmuplab import worker
from warmuplab.base.errors import ConfigError
from warmuplab.config.compose import CONFIG_FOLDER
from warmuplab.config.mapping import from_mapping
from warmuplab.config.messages import one_line_errors
from warmuplab.training import Trainer

MEMBERS = 4
ROUNDS = [("none", "default", "full"), ("none", "default"), ("none", "default")]  # full takes as long as all the others
BASE = ("+study=quick", "tracker=none", "schedule.peak_lr=2e-3")


def trainer(probes: str, overrides: list[str], outputs: str) -> Trainer:
    """A fresh population with these probes."""
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        arguments = [*BASE, f"outputs={outputs}", f"probes={probes}", *overrides]
        configs = [from_mapping(compose("config", [*arguments, f"seed={seed}"])) for seed in range(MEMBERS)]
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


def main(overrides: list[str]) -> None:
    """Print the table."""
    with one_line_errors():
        for override in overrides:
            key, _, value = override.lstrip("+~").partition("=")
            if key == "seed":
                raise ConfigError(key, value, f"the members have the seeds 0 to {MEMBERS - 1}", "leave it out")
    worker.keep_freed_memory()
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


if __name__ == "__main__":
    main(sys.argv[1:])
