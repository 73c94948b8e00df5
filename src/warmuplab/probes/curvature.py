"""Curvature: sharpness of the loss where training stands, and how far it is from the edge of stability.

With H the Hessian of the loss on the held-out probe batch and P = diag(sqrt(v) + eps) what Adam divides a gradient by
(v the unbiased second moment):

* `curvature/sharpness`: the largest eigenvalue of H. Gradient descent on a quadratic diverges where that exceeds
  2 / lr, or (2 + 2 momentum) / lr with heavy-ball momentum (Cohen et al. 2021, section 2);
* `curvature/edge`: sharpness * lr / (2 + 2 momentum), 1 at that edge; momentum is 0 for all but sgd;
* `curvature/preconditioned_sharpness`: the largest eigenvalue of P^-1/2 H P^-1/2, which is that of P^-1 H. Adam
  diverges on a quadratic where that exceeds (2 + 2 beta1) / ((1 - beta1) lr), which is 38 / lr for beta1 = 0.9 (Cohen
  et al. 2022, section 2). Null for sgd and before the first step;
* `curvature/preconditioned_edge`: preconditioned sharpness * lr * (1 - beta1) / (2 + 2 beta1), 1 at that edge.

Both edges use the learning rate of the step that is about to be taken. They are null where a member's weights have two
(`schedule.warmup.layers`, while the warmup lasts): the limits are those of a single rate. Left out are the factor
1 - beta1^t of Cohen et al., gone after some twenty steps; the rectification of radam, a factor on its rate; clipping
and weight decay. Training sees other batches and a fresh one every step, so the edge is a guide, not an exact limit.

Products with H take two backward passes (Pearlmutter 1994), for all members in one; the largest eigenvalue is found by
Lanczos iterations from the last eigenvector.
"""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from warmuplab.config.schema import OptimizerConfig
from warmuplab.data.batches import Batch
from warmuplab.population.checkpoint import State, part, whole
from warmuplab.population.population import Population
from warmuplab.population.precision import full_precision
from warmuplab.population.transformer import Transformer
from warmuplab.probes import Record
from warmuplab.probes.lanczos import Product, WarmStart

FIRST_ITERATIONS, ITERATIONS = 20, 10  # from noise, and from the eigenvector of the last snapshot


class CurvatureProbe:
    """Measures sharpness with and without Adam's preconditioner before a step."""

    def __init__(self, population: Population, batch: Batch, optimizer: OptimizerConfig, record: Record) -> None:
        self._population, self._batch, self._record = population, batch, record
        self._edge = 2 + 2 * (optimizer.momentum or 0.0)
        beta1 = optimizer.betas[0] if optimizer.betas else 0.0
        self._preconditioned_edge = (2 + 2 * beta1) / (1 - beta1)
        self._plain, self._preconditioned = (WarmStart(population.weights_MxP.detach()) for _ in range(2))

    def before_step(self, step: int) -> None:
        """Measure with the weights and the optimizer's state that `step` starts from."""
        with full_precision():
            self._measure(step)

    def state(self) -> State:
        """The eigenvectors that the next measurement starts from."""
        return whole(plain=self._plain.state(), preconditioned=self._preconditioned.state())

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self._plain.restore(part(state, "plain"))
        self._preconditioned.restore(part(state, "preconditioned"))

    def _measure(self, step: int) -> None:
        population = self._population
        product = hessian_product(population.model, population.weights_MxP, self._batch)
        lr_M = population.lr_now()
        sharpness_M = self._largest(product, self._plain)
        self._record("curvature/sharpness", step, sharpness_M)
        self._record("curvature/edge", step, sharpness_M * lr_M / self._edge)
        scale_MxP = population.preconditioner()
        if scale_MxP is None:
            return
        sharpness_M = self._largest(preconditioned(product, scale_MxP), self._preconditioned)
        self._record("curvature/preconditioned_sharpness", step, sharpness_M)
        self._record("curvature/preconditioned_edge", step, sharpness_M * lr_M / self._preconditioned_edge)

    def _largest(self, product: Product, start: WarmStart) -> torch.Tensor:
        members = len(self._population.weights_MxP)
        return start.top_eigenvalue(product, members, FIRST_ITERATIONS if start.is_cold else ITERATIONS)


def hessian_product(model: Transformer, weights_MxP: torch.Tensor, batch: Batch) -> Product:
    """Products of the Hessian of each member's loss on `batch` with a vector `(M, P)`; leaves no gradient behind.

    The members' losses share no weights, so the Hessian of their sum is block-diagonal and one product serves all.
    """
    leaf_MxP = weights_MxP.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):  # the fused attention has no second derivative
        loss_M = model.smooth_losses(leaf_MxP, batch)
    (gradient_MxP,) = torch.autograd.grad(loss_M.sum(), leaf_MxP, create_graph=True)

    def product(vector_MxP: torch.Tensor) -> torch.Tensor:
        (result_MxP,) = torch.autograd.grad(gradient_MxP, leaf_MxP, vector_MxP, retain_graph=True)
        return result_MxP

    return product


def preconditioned(product: Product, scale_MxP: torch.Tensor) -> Product:
    """Products of P^-1/2 H P^-1/2 where `product` multiplies with H and P has the diagonal `scale_MxP`."""
    root_MxP = scale_MxP.rsqrt()
    return lambda vector_MxP: root_MxP * product(root_MxP * vector_MxP)
