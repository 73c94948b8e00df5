"""A population: M runs that differ only in seed and schedule, trained in lockstep.

An update that is linear in the learning rate is taken once for all members at rate 1, after which each member moves by
its own rate, or each of its weights by its own where only a part of a member follows the warmup. No member can
influence another: a diverged one is frozen and its neighbours never notice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import HardwareConfig, OptimizerConfig
from warmuplab.data.batches import Batch
from warmuplab.population.checkpoint import State, part, put_back, whole
from warmuplab.population.transformer import Transformer, Watch
from warmuplab.population.update import Elsewhere, Rates, Update, clip_per_member_

Computation = TypeVar("Computation", bound=Callable[..., object])


@dataclass(frozen=True)
class Step:
    """What one training step yields, each `(M,)`; not a number for a member that has diverged."""

    loss_M: torch.Tensor
    """Loss on the batch before the update, in nats per token, without label smoothing."""
    grad_norm_M: torch.Tensor
    """Euclidean norm of the gradient of the training objective, before clipping."""
    update_relative_M: torch.Tensor
    """Euclidean norm of the weights' change over that of the weights before it."""


class Population:
    """Weights, optimizer state and divergence of M members.

    `lr_MxT` holds the learning rate of every member at every step (see `schedules.learning_rates`); `elsewhere` that of
    some of its weights, where a member has two.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: OptimizerConfig,
        lr_MxT: torch.Tensor,
        seeds: Sequence[int],
        hardware: HardwareConfig,
        label_smoothing: float = 0.0,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.model = model
        self.device = pick_device(hardware.device)
        self._computing = replace(model, products=torch.bfloat16 if hardware.dtype == "bfloat16" else None)
        dtype = torch.float64 if hardware.dtype == "float64" else torch.float32
        weights_MxP = model.initial_weights(seeds).to(self.device, dtype)
        self.weights_MxP = torch.nn.Parameter(weights_MxP)
        self.gradient_MxP = torch.zeros_like(weights_MxP)
        """That of the last step, after clipping; zeros for a member that has diverged."""
        self._zero = weights_MxP.new_zeros(())
        self._update = Update(optimizer, self.weights_MxP, self.gradient_MxP)
        self._clip_norm = optimizer.clip_norm
        self._rates = Rates(lr_MxT.to(self.device, dtype), elsewhere)
        self._label_smoothing = label_smoothing
        compiled = torch.compile if hardware.compile is True else _as_it_is
        self._objective, self._losses = compiled(self._computing.objective), compiled(self._computing.losses)
        self.clock = torch.zeros((), dtype=torch.int64, device=self.device)
        """The step that is taken next, 0-based. It and all other state is changed in place, as a graph of kernels that
        is recorded once and replayed needs it; nothing here waits for the device."""
        self.alive_M = torch.ones(len(seeds), dtype=torch.bool, device=self.device)
        self.diverged_at_M = torch.full((len(seeds),), -1, device=self.device)
        """Step at which a member's loss or gradient was first not finite, the last one where `finish` found it.

        -1 while it is alive.
        """

    def step(self, batch: Batch) -> Step:
        """Train every member that has not diverged on its part of `batch`."""
        objective_M, loss_M = self._objective(self.weights_MxP, batch, self._label_smoothing)
        # The members' losses share no weights: each row gets its own gradient.
        (gradient_MxP,) = torch.autograd.grad(objective_M.sum(), self.weights_MxP)
        with torch.no_grad():
            grad_norm_M = torch.linalg.vector_norm(gradient_MxP, dim=1)
            self._freeze_diverged(loss_M.isfinite() & grad_norm_M.isfinite(), self.clock)
            # A select, not a factor of 0: that times NaN would still be NaN.
            torch.where(self.alive_M[:, None], gradient_MxP, self._zero, out=self.gradient_MxP)
            if self._clip_norm is not None:
                clip_per_member_(self.gradient_MxP, grad_norm_M, self._clip_norm)
            update_relative_M = self._update.take(self._rates.at(self.clock, self.alive_M), self.alive_M)
            self.clock += 1
            return Step(
                *(self.nan_where_diverged(value_M) for value_M in (loss_M.detach(), grad_norm_M, update_relative_M))
            )

    @torch.no_grad()
    def finish(self, final_loss_M: torch.Tensor) -> None:
        """After the last step: a member whose weights or `final_loss_M` are not finite has diverged at that step.

        What an update breaks shows in the loss of the next step, and the last one has none. Waits for no device.
        """
        finite_M = self.weights_MxP.isfinite().all(dim=1) & final_loss_M.isfinite()
        self._freeze_diverged(finite_M, self.clock - 1)

    @torch.no_grad()
    def losses(self, batch: Batch) -> torch.Tensor:
        """Loss of every member on `batch` with the present weights, `(M,)` in nats per token."""
        return self.nan_where_diverged(self._losses(self.weights_MxP, batch))

    @torch.no_grad()
    def mean_losses(self, batches: Sequence[Batch]) -> torch.Tensor:
        """Loss per token over all `batches`, `(M,)` in nats."""
        return mean_losses(self.losses, batches)

    def weights_of(self, member: int) -> dict[str, npt.NDArray[np.floating]]:
        """The present weights of one member, by name, in copies on the CPU."""
        weights_1xP = self.weights_MxP[member : member + 1].detach().cpu()
        return {name: part[0].numpy().copy() for name, part in self.model.unpack(weights_1xP).items()}

    @torch.no_grad()
    def logits(self, batch: Batch, watch: Watch | None = None) -> torch.Tensor:
        """Unnormalised log-probabilities `(M, B*T, V)` with the present weights, in their precision."""
        return self._computing.logits(self.weights_MxP, batch, watch)

    def state(self) -> State:
        """All that a step changes and a later one reads; see `restore`."""
        return whole(members=self._members(), optimizer=self._update.state())

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        put_back(self._members(), part(state, "members"))
        self._update.restore(part(state, "optimizer"))

    def _members(self) -> State:
        return {
            "weights": self.weights_MxP,
            "clock": self.clock,
            "alive": self.alive_M,
            "diverged_at": self.diverged_at_M,
        }

    def lr_now(self) -> torch.Tensor:
        """The one learning rate of every member at the next step, `(M,)`; not a number for a member that has two."""
        return self._rates.single(self.clock)

    def preconditioner(self) -> torch.Tensor | None:
        """What Adam divides a gradient by, `(M, P)`; see `Update.preconditioner`."""
        return self._update.preconditioner(self.clock)

    def _freeze_diverged(self, finite_M: torch.Tensor, step: torch.Tensor) -> None:
        self.diverged_at_M.copy_(torch.where(self.alive_M & ~finite_M, step, self.diverged_at_M))
        self.alive_M.logical_and_(finite_M)

    def nan_where_diverged(self, value_Mx: torch.Tensor) -> torch.Tensor:
        """`value_Mx` (the members first), not a number where a member has diverged."""
        return torch.where(self.alive_M.view(-1, *[1] * (value_Mx.ndim - 1)), value_Mx, torch.nan)


def mean_losses(losses: Callable[[Batch], torch.Tensor], batches: Sequence[Batch]) -> torch.Tensor:
    """Loss per token over all `batches`, which all members read, `(M,)` in nats; `losses` gives that of one batch."""
    tokens = [batch.label_MxBxT[0].count_nonzero() for batch in batches]  # padding is 0
    totals = [losses(batch) * n for batch, n in zip(batches, tokens, strict=True)]
    return reduce(torch.add, totals) / sum(tokens)


def pick_device(name: str) -> torch.device:
    """The device of `hardware.device`. Raises `ConfigError` for CUDA where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("hardware.device", name, "no CUDA device is available", "use hardware.device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _as_it_is(function: Computation) -> Computation:
    return function
