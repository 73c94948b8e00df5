"""The update of a population: by an optimizer of `torch.optim`, taken once for all members at learning rate 1.

The optimizer moves a tensor of zeros, so what it leaves there is the move itself. Each member then makes that move
times its own rate, or each of its weights times its own where only a part of a member follows the warmup. Weight decay,
which needs the weights, is added here: to the gradient as a penalty, to the move where it is decoupled.
"""

from dataclasses import dataclass

import torch

from warmuplab.config.schema import OptimizerConfig
from warmuplab.population.checkpoint import State
from warmuplab.population.optimizers import OPTIMIZERS, check, make_optimizer


@dataclass(frozen=True)
class Elsewhere:
    """The rates of the weights that do not follow their member's warmup; see `schedules.RunSchedule.elsewhere`."""

    lr_MxT: torch.Tensor
    """At every step; those of the population where all weights of a member have one rate."""
    warmed_MxP: torch.Tensor
    """Which weights follow the warmup instead, bool."""


class Rates:
    """The learning rates of all members: one of each, or two where some member has two."""

    def __init__(self, lr_MxT: torch.Tensor, elsewhere: Elsewhere | None) -> None:
        self._lr_TxM = lr_MxT.T.contiguous()
        self._elsewhere_TxM, self._warmed_MxP = self._lr_TxM, None
        if elsewhere is not None:
            self._elsewhere_TxM = elsewhere.lr_MxT.to(lr_MxT).T.contiguous()
            self._warmed_MxP = elsewhere.warmed_MxP.to(lr_MxT.device)

    def at(self, step: torch.Tensor, alive_M: torch.Tensor) -> torch.Tensor:
        """At the 0-d `step`, 0 for a member that has diverged: `(M, 1)`, or `(M, P)` where some member has two."""
        lr_Mx1, elsewhere_Mx1 = (
            torch.where(alive_M, lr_TxM.index_select(0, step)[0], 0.0)[:, None]
            for lr_TxM in (self._lr_TxM, self._elsewhere_TxM)
        )
        return lr_Mx1 if self._warmed_MxP is None else torch.where(self._warmed_MxP, lr_Mx1, elsewhere_Mx1)

    def single(self, step: torch.Tensor) -> torch.Tensor:
        """The one rate of each member at the 0-d `step`, `(M,)`; not a number for a member that has two."""
        lr_M, elsewhere_M = (lr_TxM.index_select(0, step)[0] for lr_TxM in (self._lr_TxM, self._elsewhere_TxM))
        return torch.where(lr_M == elsewhere_M, lr_M, torch.nan)


class Update:
    """Moves `weights_MxP` by the gradient that stands in `gradient_MxP`."""

    def __init__(self, config: OptimizerConfig, weights_MxP: torch.Tensor, gradient_MxP: torch.Tensor) -> None:
        self._weights_MxP, self._gradient_MxP = weights_MxP, gradient_MxP
        self._move_MxP = torch.nn.Parameter(torch.zeros_like(weights_MxP))
        check(config)
        decoupled = OPTIMIZERS[config.name].decoupled
        self._decay = config.weight_decay if decoupled else 0.0
        self._penalty = 0.0 if decoupled else config.weight_decay
        self._move_MxP.grad = torch.zeros_like(gradient_MxP) if self._penalty else gradient_MxP
        self._optimizer = make_optimizer(config, self._move_MxP)

    @torch.no_grad()
    def take(self, rates: torch.Tensor, alive_M: torch.Tensor) -> torch.Tensor:
        """Move every member by its own of the `rates` `(M, 1)` or `(M, P)`, which are 0 for one that is not alive.

        Returns the Euclidean norm of the move over that of the weights before it, `(M,)`.
        """
        if self._penalty:
            torch.add(self._gradient_MxP, self._decaying(alive_M), alpha=self._penalty, out=self._move_MxP.grad)
        self._move_MxP.zero_()
        self._optimizer.step()
        if self._decay:
            self._move_MxP.sub_(self._decaying(alive_M), alpha=self._decay)
        norm_M = torch.linalg.vector_norm(self._weights_MxP, dim=1)
        self._move_MxP.mul_(rates)
        self._weights_MxP.add_(self._move_MxP)
        relative_M: torch.Tensor = torch.linalg.vector_norm(self._move_MxP, dim=1) / norm_M
        return relative_M

    def _decaying(self, alive_M: torch.Tensor) -> torch.Tensor:
        """The weights, 0 for a diverged member: its own may be infinite, and a rate of 0 times that is NaN."""
        return torch.where(alive_M[:, None], self._weights_MxP, 0.0)

    def state(self) -> State:
        """The state of the optimizer; empty before its first step."""
        held = self._optimizer.state.get(self._move_MxP, {})
        return {name: value for name, value in held.items() if isinstance(value, torch.Tensor)}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": {0: dict(state)} if state else {}, "param_groups": groups})

    @torch.no_grad()
    def preconditioner(self, steps: torch.Tensor) -> torch.Tensor | None:
        """What Adam divides a gradient by, `(M, P)`: the root of the unbiased second moment plus eps.

        `steps` is the number of updates so far, 0-d. None for an optimizer without a second moment and before its
        first step.
        """
        state, settings = self._optimizer.state.get(self._move_MxP, {}), self._optimizer.param_groups[0]
        if "exp_avg_sq" not in state:
            return None
        unbiased_MxP: torch.Tensor = state["exp_avg_sq"] / (1 - settings["betas"][1] ** steps.double())
        divisor_MxP: torch.Tensor = unbiased_MxP.sqrt_().add_(settings["eps"])
        return divisor_MxP


def clip_per_member_(gradient_MxP: torch.Tensor, norm_M: torch.Tensor, largest: float) -> None:
    """Scale down, in place, the gradient of each member whose norm exceeds `largest`.

    As `torch.nn.utils.clip_grad_norm_` for each member alone, which on stacked weights would spread one member's NaN.
    """
    gradient_MxP.mul_((largest / (norm_M + 1e-6)).clamp(max=1.0)[:, None])
