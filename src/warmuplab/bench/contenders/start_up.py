"""What a worker does before its second step, and how long each part of it takes."""

import time
from typing import Any

from warmuplab.base.memory import keep_freed_memory
from warmuplab.bench import contender
from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import Spec


def parts(spec: Spec, gate: Gate) -> dict[str, Any]:
    """Seconds of each part, in their order; `began` is when Python was ready, on the clock of the machine."""
    seconds: dict[str, float] = {}
    last = contender.BEGAN

    def end_of(part: str) -> None:
        nonlocal last
        now = time.monotonic()
        seconds[part], last = now - last, now

    import hydra  # noqa: F401

    end_of("import of hydra")
    import torch

    end_of("import of torch")
    from warmuplab import training, worker
    from warmuplab.bench.work import configs_of

    end_of("import of the rest")
    (config,) = configs_of(Spec(spec.kind, spec.overrides, spec.seeds[:1], outputs=spec.outputs), 2)
    end_of("configuration")
    run = worker.prepare(config)
    end_of("corpus")
    torch.set_num_threads(spec.threads)
    keep_freed_memory()
    trainer = training.Trainer([run], worker.load_corpus(config))
    end_of("initial weights, batches, probes")
    trainer.population.step(trainer.batches.at(0))
    if trainer.population.device.type == "cuda":
        torch.cuda.synchronize()
    end_of("first step")
    gate()
    return {"parts": seconds, "began": contender.BEGAN}
