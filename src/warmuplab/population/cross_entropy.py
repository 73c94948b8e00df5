"""Cross-entropy of a network that ends in a product with its embedding, without ever holding all of its logits.

The logits are the largest tensor of a step: they are made a few rows at a time, while they fit into a cache, and their
gradient is taken at once, in the forward pass (as in Wijmans et al. 2024, Cut Your Losses, section 4).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from warmuplab.data.tokens import PADDING

ROWS = {"cpu": 128, "cuda": 1024}
"""Positions of a member whose logits are held at a time: on a CPU as few as fast products and its caches allow."""


def cross_entropy(
    state_MxNxD: torch.Tensor, embedding_MxVxD: torch.Tensor, label_MxN: torch.Tensor, smoothing: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The objective and the loss of each member, both `(M,)`: means over the labels that are no padding, in nats.

    The loss is the cross-entropy of the logits `state @ embedding^T`. The objective is the loss with that share of the
    target spread over the vocabulary (label smoothing, Szegedy et al. 2016, section 7); without smoothing both are one.
    Only the objective can be differentiated, and once: see `whole_cross_entropy`.
    """
    objective_M, loss_M = _CrossEntropy.apply(state_MxNxD, embedding_MxVxD, label_MxN, smoothing)  # type: ignore[no-untyped-call]
    return objective_M, (objective_M.detach() if smoothing == 0 else loss_M)


def whole_cross_entropy(logits_MxNxV: torch.Tensor, label_MxN: torch.Tensor) -> torch.Tensor:
    """The loss `(M,)` from all logits at once: can be differentiated as often as one likes."""
    per_token = F.cross_entropy(
        logits_MxNxV.flatten(0, 1), label_MxN.flatten(), ignore_index=PADDING, reduction="none"
    ).view(label_MxN.shape)
    return per_token.sum(1) / (label_MxN != PADDING).sum(1)


class _CrossEntropy(torch.autograd.Function):
    """Computes what the backward pass needs, the gradients for an incoming gradient of 1, while it has the logits."""

    @staticmethod
    def forward(
        ctx: Any, state_MxNxD: torch.Tensor, embedding_MxVxD: torch.Tensor, label_MxN: torch.Tensor, smoothing: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = any(ctx.needs_input_grad)
        weight_MxN = (label_MxN != PADDING).to(state_MxNxD.dtype)
        weight_MxN = weight_MxN / weight_MxN.sum(1, keepdim=True)
        objective_M, loss_M = weight_MxN.new_zeros(len(weight_MxN)), weight_MxN.new_zeros(len(weight_MxN))
        to_embedding_MxVxD = torch.zeros_like(embedding_MxVxD) if wanted else embedding_MxVxD
        to_state = []
        rows = ROWS[state_MxNxD.device.type] if state_MxNxD.device.type in ROWS else ROWS["cpu"]
        for state_MxnxD, label_Mxn, weight_Mxn in zip(
            *(each.split(rows, dim=1) for each in (state_MxNxD, label_MxN, weight_MxN)), strict=True
        ):
            p_MxnxV, loss_Mxn, objective_Mxn = _chunk(state_MxnxD, embedding_MxVxD, label_Mxn, smoothing)
            loss_M = loss_M + (loss_Mxn * weight_Mxn).sum(1)
            objective_M = objective_M + (objective_Mxn * weight_Mxn).sum(1)
            if wanted:
                error_MxnxV = _minus_target(p_MxnxV, label_Mxn, smoothing).to(embedding_MxVxD.dtype)
                weight_Mxnx1 = weight_Mxn[..., None]
                # A row's weight is applied to its D numbers, not to its V numbers.
                to_state.append(torch.bmm(error_MxnxV, embedding_MxVxD) * weight_Mxnx1)
                weighted_MxnxD = (state_MxnxD * weight_Mxnx1).to(embedding_MxVxD.dtype)
                to_embedding_MxVxD.baddbmm_(error_MxnxV.transpose(1, 2), weighted_MxnxD)
        if wanted:
            ctx.save_for_backward(torch.cat(to_state, dim=1), to_embedding_MxVxD)
        ctx.mark_non_differentiable(loss_M)
        return objective_M, loss_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming_M: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        to_state_MxNxD, to_embedding_MxVxD = ctx.saved_tensors
        incoming_Mx1x1 = incoming_M[:, None, None]
        return to_state_MxNxD * incoming_Mx1x1, to_embedding_MxVxD * incoming_Mx1x1, None, None


def _chunk(
    state_MxnxD: torch.Tensor, embedding_MxVxD: torch.Tensor, label_Mxn: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Probabilities `(M, n, V)` of a few rows, and their loss and objective `(M, n)`."""
    logits_MxnxV = torch.bmm(state_MxnxD.to(embedding_MxVxD.dtype), embedding_MxVxD.transpose(1, 2))
    logits_MxnxV = logits_MxnxV.to(state_MxnxD.dtype)
    p_MxnxV = logits_MxnxV.softmax(-1)
    # The largest probability is exp(0) over the softmax's denominator: no second exponential of every logit.
    log_z_Mxn = logits_MxnxV.amax(-1) - p_MxnxV.amax(-1).log()
    loss_Mxn = log_z_Mxn - logits_MxnxV.gather(-1, label_Mxn[..., None])[..., 0]
    if smoothing == 0:
        return p_MxnxV, loss_Mxn, loss_Mxn
    spread_Mxn = log_z_Mxn - logits_MxnxV.mean(-1)
    return p_MxnxV, loss_Mxn, (1 - smoothing) * loss_Mxn + smoothing * spread_Mxn


def _minus_target(p_MxnxV: torch.Tensor, label_Mxn: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The gradient of the objective of each row with respect to its logits; takes the place of `p_MxnxV`."""
    if smoothing != 0:
        p_MxnxV = p_MxnxV.sub_(smoothing / p_MxnxV.shape[-1])
    at_Mxnx1 = label_Mxn[..., None]
    return p_MxnxV.scatter_add_(-1, at_Mxnx1, p_MxnxV.new_full((1, 1, 1), smoothing - 1).expand(at_Mxnx1.shape))
