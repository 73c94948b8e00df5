"""How much memory one process holds early and late in the same training."""

from pathlib import Path
from typing import Any

import torch

from warmuplab import worker
from warmuplab.base.memory import keep_freed_memory
from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import FailedError, Spec
from warmuplab.bench.work import configs_of
from warmuplab.training import Trainer


def resident() -> int:
    """Bytes of this process that lie in memory now. Raises `FailedError` where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
    except (OSError, StopIteration) as error:
        raise FailedError("this system has no /proc/self/status with the memory of a process") from error


def over_steps(spec: Spec, gate: Gate) -> dict[str, Any]:
    """Resident bytes after `spec.warm_up` steps and after `spec.steps` more, by the number of steps taken."""
    resident()  # where it cannot be read, that is said before the training
    first, last = spec.warm_up, spec.warm_up + spec.steps
    # What a validation needs stays with the process, so the first one comes before the first reading.
    told = Spec(**vars(spec) | {"overrides": (f"training.validate_every={max(1, first // 2)}", *spec.overrides)})
    runs = [worker.prepare(config) for config in configs_of(told, last)]
    torch.set_num_threads(spec.threads)
    keep_freed_memory()
    trainer = Trainer(runs, worker.load_corpus(runs[0].config))
    step, taken, held = trainer.population.step, 0, {}

    def read_after(*arguments: Any) -> Any:
        nonlocal taken
        result = step(*arguments)
        taken += 1
        if taken in (first, last):
            held[str(taken)] = resident()
        return result

    trainer.population.step = read_after  # type: ignore[assignment, method-assign]
    gate()
    trainer.run(lambda _: None)
    if len(held) < 2:
        raise FailedError("every member diverged before the last step; measure at a lower rate (schedule.peak_lr=1e-3)")
    return {"resident": held}
