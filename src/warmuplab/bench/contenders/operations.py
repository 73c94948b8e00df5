"""How many operations torch is asked for in one step of training, which is what a GPU has to launch."""

from itertools import pairwise
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from warmuplab import worker
from warmuplab.bench.contender import Gate
from warmuplab.bench.protocol import Spec
from warmuplab.bench.work import BARE, configs_of
from warmuplab.training import Trainer

COUNTED_FROM, STEPS = 1, 4  # the first step also makes what the optimizer keeps


class Counter(TorchDispatchMode):
    """Counts every operation that reaches torch's dispatcher below autograd, views included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and do it."""
        self.operations += 1
        return function(*args, **(kwargs or {}))


def per_step(spec: Spec, gate: Gate) -> dict[str, Any]:
    """Operations of each of three steps, without and with the default probes, for members with `seeds`."""
    gate()
    bare = count(spec, BARE)
    return {"members": len(spec.seeds), "bare": bare, "probes": count(spec, ("probes=default", "tracker=none"))}


def count(spec: Spec, overrides: tuple[str, ...]) -> list[int]:
    """Operations from the start of a step to the start of the next: the step, its metrics and the next batch."""
    _operations(spec, overrides)  # makes what a process makes once
    return _operations(spec, overrides)


def _operations(spec: Spec, overrides: tuple[str, ...]) -> list[int]:
    told = Spec(spec.kind, (*overrides, *spec.overrides), spec.seeds, outputs=spec.outputs)
    runs = [worker.prepare(config) for config in configs_of(told, COUNTED_FROM + STEPS)]
    trainer = Trainer(runs, worker.load_corpus(runs[0].config))
    step = trainer.population.step
    at_start: list[int] = []

    def counted(*arguments: Any) -> Any:
        at_start.append(counter.operations)
        return step(*arguments)

    trainer.population.step = counted  # type: ignore[assignment, method-assign]
    with Counter() as counter:
        trainer.run(lambda _: None)
    return [later - earlier for earlier, later in pairwise(at_start)][COUNTED_FROM:]
