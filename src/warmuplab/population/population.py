"""A population: M runs that differ only in seed and schedule, trained in lockstep.

An update that is linear in the learning rate is taken once for all members at rate 1, after which each member moves by
its own rate, or each of its weights by its own where only a part of a member follows the warmup. No member can
influence another: a diverged one is frozen and its neighbours never notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import HardwareConfig, OptimizerConfig
from warmuplab.data.batches import Batch
from warmuplab.population.optimizers import make_optimizer
from warmuplab.population.transformer import Transformer, Watch


@dataclass(frozen=True)
class Step:
    """What one training step yields, each `(M,)`; not a number for a member that has diverged."""

    loss_M: torch.Tensor
    """Loss on the batch before the update, in nats per token, without label smoothing."""
    grad_norm_M: torch.Tensor
    """Euclidean norm of the gradient of the training objective, before clipping."""
    update_relative_M: torch.Tensor
    """Euclidean norm of the weights' change over that of the weights before it."""


@dataclass(frozen=True)
class Elsewhere:
    """The rates of the weights that do not follow their member's warmup; see `schedules.RunSchedule.elsewhere`."""

    lr_MxT: torch.Tensor
    """At every step; those of the population where all weights of a member have one rate."""
    warmed_MxP: torch.Tensor
    """Which weights follow the warmup instead, bool."""


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
        self._precision = partial(
            torch.autocast, self.device.type, torch.bfloat16, enabled=hardware.dtype == "bfloat16"
        )
        weights_dtype = torch.float64 if hardware.dtype == "float64" else torch.float32
        weights_MxP = model.initial_weights(seeds).to(self.device, weights_dtype)
        self.weights_MxP = torch.nn.Parameter(weights_MxP)
        self._optimizer = make_optimizer(optimizer, self.weights_MxP)
        self._clip_norm = optimizer.clip_norm
        self._lr_MxT = lr_MxT.to(self.device, weights_dtype)
        self._split_T, self._elsewhere = [False] * lr_MxT.shape[1], elsewhere
        """Whether a member has two rates at a step, known on the host: asking the device would wait for it."""
        if elsewhere is not None:
            self._split_T = (lr_MxT != elsewhere.lr_MxT).any(0).tolist()
            self._elsewhere = Elsewhere(
                elsewhere.lr_MxT.to(self.device, weights_dtype), elsewhere.warmed_MxP.to(self.device)
            )
        self._label_smoothing = label_smoothing
        self._objective = torch.compile(model.objective) if hardware.compile else model.objective
        self.step_number = 0
        self.alive_M = torch.ones(len(seeds), dtype=torch.bool, device=self.device)
        self.diverged_at_M = torch.full((len(seeds),), -1, device=self.device)
        """Step at which a member's loss or gradient was first not finite, the last one where `finish` found it.

        -1 while it is alive.
        """

    def step(self, batch: Batch) -> Step:
        """Train every member that has not diverged on its part of `batch`."""
        self._optimizer.zero_grad()
        with self._precision():
            objective_M, loss_M = self._objective(self.weights_MxP, batch, self._label_smoothing)
        objective_M.sum().backward()  # the members' losses share no weights: each row gets its own gradient
        loss_M = loss_M.detach()
        gradient_MxP = self.weights_MxP.grad
        assert gradient_MxP is not None
        grad_norm_M = torch.linalg.vector_norm(gradient_MxP, dim=1)
        self._freeze_diverged(loss_M.isfinite() & grad_norm_M.isfinite(), self.step_number)
        if self._clip_norm is not None:
            clip_per_member_(gradient_MxP, grad_norm_M, self._clip_norm)
        update_relative_M = self._update()
        self.step_number += 1
        return Step(*(self.nan_where_diverged(value_M) for value_M in (loss_M, grad_norm_M, update_relative_M)))

    @torch.no_grad()
    def finish(self, final_loss_M: torch.Tensor) -> None:
        """After the last step: a member whose weights or `final_loss_M` are not finite has diverged at that step.

        What an update breaks shows in the loss of the next step, and the last one has none. Waits for no device.
        """
        finite_M = self.weights_MxP.isfinite().all(dim=1) & final_loss_M.isfinite()
        self._freeze_diverged(finite_M, self.step_number - 1)

    @torch.no_grad()
    def losses(self, batch: Batch) -> torch.Tensor:
        """Loss of every member on `batch` with the present weights, `(M,)` in nats per token."""
        with self._precision():
            return self.nan_where_diverged(self.model.losses(self.weights_MxP, batch))

    @torch.no_grad()
    def mean_losses(self, batches: Sequence[Batch]) -> torch.Tensor:
        """Loss per token over all `batches`, `(M,)` in nats."""
        tokens = [batch.label_MxBxT[0].count_nonzero() for batch in batches]  # padding is 0, all members read the same
        total_M = sum((self.losses(batch) * n for batch, n in zip(batches, tokens, strict=True)), self.alive_M * 0.0)
        return total_M / sum(tokens)

    @torch.no_grad()
    def logits(self, batch: Batch, watch: Watch | None = None) -> torch.Tensor:
        """Unnormalised log-probabilities `(M, B*T, V)` with the present weights, in their precision."""
        with self._precision():
            return self.model.logits(self.weights_MxP, batch, watch).to(self.weights_MxP.dtype)

    def lr_at(self, step: int) -> torch.Tensor:
        """The one learning rate of every member at `step`, `(M,)`; not a number for a member that has two."""
        lr_M: torch.Tensor = self._lr_MxT[:, step]
        if self._elsewhere is None or not self._split_T[step]:
            return lr_M
        return torch.where(lr_M == self._elsewhere.lr_MxT[:, step], lr_M, torch.nan)

    @torch.no_grad()
    def preconditioner(self) -> torch.Tensor | None:
        """What Adam divides a gradient by, `(M, P)`: the root of the unbiased second moment plus eps.

        None for an optimizer without a second moment and before its first step.
        """
        state, settings = self._optimizer.state.get(self.weights_MxP, {}), self._optimizer.param_groups[0]
        if "exp_avg_sq" not in state:
            return None
        unbiased_MxP: torch.Tensor = state["exp_avg_sq"] / (1 - settings["betas"][1] ** self.step_number)
        divisor_MxP: torch.Tensor = unbiased_MxP.sqrt_().add_(settings["eps"])
        return divisor_MxP

    def _freeze_diverged(self, finite_M: torch.Tensor, step: int) -> None:
        newly_diverged_M = self.alive_M & ~finite_M
        self.diverged_at_M = torch.where(newly_diverged_M, step, self.diverged_at_M)
        self.alive_M = self.alive_M & finite_M

    @torch.no_grad()
    def _update(self) -> torch.Tensor:
        """Move every member that has not diverged by its own rate; returns the relative size of the move, `(M,)`."""
        before_MxP = self.weights_MxP.clone()
        self._optimizer.step()
        moved_MxP = torch.lerp(before_MxP, self.weights_MxP, self._rates())
        # A select, not a weight of 0: that times NaN would still be NaN.
        self.weights_MxP.copy_(torch.where(self.alive_M[:, None], moved_MxP, before_MxP))
        norm_M = torch.linalg.vector_norm(before_MxP, dim=1)
        relative_M: torch.Tensor = torch.linalg.vector_norm(before_MxP.sub_(self.weights_MxP), dim=1) / norm_M
        return relative_M

    def _rates(self) -> torch.Tensor:
        """The rates of this step: one per member, `(M, 1)`; one per weight, `(M, P)`, where some member has two."""
        lr_Mx1 = self._lr_MxT[:, self.step_number, None]
        if self._elsewhere is None or not self._split_T[self.step_number]:
            return lr_Mx1
        elsewhere_Mx1 = self._elsewhere.lr_MxT[:, self.step_number, None]
        return torch.where(self._elsewhere.warmed_MxP, lr_Mx1, elsewhere_Mx1)

    def nan_where_diverged(self, value_Mx: torch.Tensor) -> torch.Tensor:
        """`value_Mx` (the members first), not a number where a member has diverged."""
        return torch.where(self.alive_M.view(-1, *[1] * (value_Mx.ndim - 1)), value_Mx, torch.nan)


def pick_device(name: str) -> torch.device:
    """The device of `hardware.device`. Raises `ConfigError` for CUDA where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("hardware.device", name, "no CUDA device is available", "use hardware.device=cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def clip_per_member_(gradient_MxP: torch.Tensor, norm_M: torch.Tensor, largest: float) -> None:
    """Scale down, in place, the gradient of each member whose norm exceeds `largest`.

    As `torch.nn.utils.clip_grad_norm_` for each member alone, which on stacked weights would spread one member's NaN.
    """
    gradient_MxP.mul_((largest / (norm_M + 1e-6)).clamp(max=1.0)[:, None])
