"""What the probes cost: the same population trained without them and with them in turn."""

import tempfile
import time
from typing import TYPE_CHECKING, Any

from warmuplab.bench.plan import Plan

if TYPE_CHECKING:
    from warmuplab.training import Trainer

MEMBERS = 4
IN_TURN = [("none", "default", "full"), ("none", "default"), ("none", "default")]  # full takes as long as the others
BASE = ("+study=quick", "tracker=none", "schedule.peak_lr=2e-3")


def cost(plan: Plan) -> list[dict[str, Any]]:
    """Seconds of a training with each set of probes: network and corpus are those of the study `quick`."""
    from warmuplab.base.memory import keep_freed_memory

    keep_freed_memory()
    measured = []
    with tempfile.TemporaryDirectory() as outputs:
        for number, probes in [(n, probes) for n, in_turn in enumerate(IN_TURN, 1) for probes in in_turn]:
            taken = seconds(probes, (*plan.overrides, f"training.steps={plan.steps}"), outputs)
            plan.say(f"probes={probes}: {taken:.1f} s")
            measured.append({"round": number, "probes": probes, "seconds": taken})
    return measured


def seconds(probes: str, overrides: tuple[str, ...], outputs: str) -> float:
    """Processor time of a training without its preparation; of the wall on a GPU."""
    training = trainer(probes, overrides, outputs)
    clock = time.perf_counter if training.population.device.type == "cuda" else time.process_time
    began = clock()
    training.run(lambda progress: None)
    training.results()  # waits for the device
    return clock() - began


def trainer(probes: str, overrides: tuple[str, ...], outputs: str) -> "Trainer":
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
