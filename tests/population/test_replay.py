"""A step can be recorded as a graph of kernels: nothing of it is read on the host, and only contents of tensors change.

No GPU is needed: fake tensors have no values, so whatever asks for one fails, and operations are watched as they are
dispatched.
"""

import copy
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_iter

from support.short_runs import trainer_of
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population.replay import Replay
from warmuplab.training import Trainer

OPTIMIZERS = ["adam", "adamw", "gi_adam", "sgd"]
"""All but radam, which counts its steps on the host on a CPU; on a GPU it is told not to (`capturable`)."""
STEPS = 60


class Watched(TorchDispatchMode):
    """Notes every operation: its name, its numbers, and where its tensors lie unless an operation before made them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, ...]] = []
        self._made: set[int] = set()
        self._kept: list[Any] = []  # so that no address is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, _ = tree_flatten((args, kwargs or {}))
        self.operations.append((str(func), *(self._described(each) for each in given)))
        outside = {_address(each) for each in given if isinstance(each, torch.Tensor)} - self._made
        result = func(*args, **(kwargs or {}))
        made = [each for each in tree_iter(result) if isinstance(each, torch.Tensor)]
        self._made |= {_address(each) for each in made} - outside
        self._kept += made
        return result

    def _described(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return str(value)
        place = "made here" if _address(value) in self._made else _address(value)
        return place, tuple(value.shape), value.stride(), value.storage_offset(), str(value.dtype)


def _address(value: torch.Tensor) -> int:
    return int(value.untyped_storage()._cdata)


def faked(trainer: Trainer, mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """A copy whose tensors have shapes and no values."""

    def without_values(tensor: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
        if id(tensor) not in memo:
            with mode:
                fake = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
                memo[id(tensor)] = torch.nn.Parameter(fake) if isinstance(tensor, torch.nn.Parameter) else fake
            if tensor.grad is not None:
                memo[id(tensor)].grad = copy.deepcopy(tensor.grad, memo)
        made: torch.Tensor = memo[id(tensor)]
        return made

    for kind in (torch.Tensor, torch.nn.Parameter):
        monkeypatch.setattr(kind, "__deepcopy__", without_values)
    return copy.deepcopy(trainer)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("probes", ["none", "default"])
def test_a_step_reads_nothing_on_the_host(
    small_corpus: TokenizedCorpus, optimizer: str, probes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trainer_of(
        small_corpus, [("seed=0",), ("seed=1", "schedule.warmup.layers=deep")], "model.depth=2",
        f"optimizer={optimizer}", f"probes={probes}", "optimizer.clip_norm=1", "training.label_smoothing=0.1",
    )  # fmt: skip
    mode = FakeTensorMode()
    trainer = faked(real, mode, monkeypatch)
    with mode, Watched() as watched:
        for step in range(3):  # values would be asked for, or tensors of the host be used: both raise here
            trainer._train_step(step)
    names = {name for name, *_ in watched.operations}
    assert "aten.baddbmm.default" in names
    assert not {name for name in names if "lift_fresh" in name or "_local_scalar_dense" in name}
    with mode, pytest.raises(DataDependentOutputException):
        float(trainer.population.diverged_at_M.sum())  # so it would be noticed


@pytest.mark.parametrize("model", ["post_ln", "pre_ln"])
@pytest.mark.parametrize("probes", ["none", "default"])
def test_operations_do_not_depend_on_the_number_of_members(
    small_corpus: TokenizedCorpus, model: str, probes: str
) -> None:
    counts = []
    for members in (2, 5, 9, 1):
        trainer = trainer_of(
            small_corpus, [(f"seed={seed}",) for seed in range(members)], f"probes={probes}", f"model={model}"
        )
        trainer._train_step(0)
        with Watched() as watched:
            trainer._train_step(1)
        counts.append([name for name, *_ in watched.operations])
    assert len(counts[0]) > 100
    assert counts[0] == counts[1] == counts[2]
    assert len(counts[0]) - 10 < len(counts[3]) <= len(counts[0])  # where an axis of 1 makes a copy needless


@pytest.mark.parametrize("probes", ["none", "loss", "default"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_between_two_visits_of_a_key_only_contents_change(
    small_corpus: TokenizedCorpus, optimizer: str, probes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits: dict[Any, list[list[tuple[Any, ...]]]] = {}

    def run(self: Replay, key: Any, work: Any) -> Any:
        with Watched() as watched:
            result = work()
        visits.setdefault(key, []).append(watched.operations)
        return result

    monkeypatch.setattr(Replay, "run", run)
    trainer = trainer_of(
        small_corpus, [("seed=0",), ("seed=1", "schedule=cosine")],
        f"optimizer={optimizer}", f"probes={probes}", "probes.early_fraction=0.5", "probes.every=4",
        f"training.steps={STEPS}", "optimizer.clip_norm=1",
    )  # fmt: skip
    trainer.run(lambda _: None)
    assert sum(map(len, visits.values())) == STEPS
    (of_first,) = (of_key for key, of_key in visits.items() if key[1].first) if probes == "default" else [[0]]
    assert len(of_first) == 1  # it makes what the others carry, so it must never be recorded
    again = [(key, of_key[1:]) for key, of_key in visits.items() if len(of_key) > 2]  # the first one sets things up
    assert again
    for key, (first, *others) in again:
        for other in others:
            assert other == first, key


def test_on_a_cpu_the_work_is_simply_done() -> None:
    replay = Replay(torch.device("cpu"), wanted=True)
    assert not replay.replays
    assert [replay.run("key", lambda n=n: n) for n in range(4)] == [0, 1, 2, 3]


def test_a_compiler_finds_one_graph_and_nothing_on_another_device(small_corpus: TokenizedCorpus) -> None:
    trainer = trainer_of(small_corpus, [("seed=0",), ("seed=1",)], "probes=none")
    population, model = trainer.population, trainer.population.model
    batch = trainer.batches.at(0)
    meta = [tensor.to("meta") for tensor in (batch.source_MxBxS, batch.input_MxBxT, batch.label_MxBxT)]
    weights_MxP = population.weights_MxP.detach().to("meta").requires_grad_()
    for computation in (lambda: model.objective(weights_MxP, type(batch)(*meta), 0.1),
                        lambda: model.losses(weights_MxP, type(batch)(*meta))):  # fmt: skip
        torch._dynamo.reset()
        found = torch._dynamo.explain(computation)()
        assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons
        devices = {str(node.kwargs["device"]) for node in found.graphs[0].graph.nodes if "device" in node.kwargs}
        assert devices == {"meta"}


def test_what_is_compiled_is_what_is_computed(small_corpus: TokenizedCorpus) -> None:
    """By the compiler's front ends: the last one, which writes code, takes minutes."""
    trainer = trainer_of(small_corpus, [("seed=0",), ("seed=1",)], "probes=none", "hardware.dtype=float64")
    model, weights_MxP, batch = trainer.population.model, trainer.population.weights_MxP, trainer.batches.at(0)
    torch._dynamo.reset()
    compiled = torch.compile(model.objective, backend="aot_eager", fullgraph=True)
    results = [computed(weights_MxP, batch, 0.1) for computed in (model.objective, compiled)]
    gradients = [torch.autograd.grad(objective_M.sum(), weights_MxP)[0] for objective_M, _ in results]
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(gradients[0], gradients[1])
