"""Depth stability: how fast each layer of the encoder and of the decoder changes, and how far it has come.

For a layer with weights w (all of its blocks) and output X on the probe batch, tokens by width, at log-spaced
snapshots:

* `stability/cka_drift`: 1 - linear CKA of X at the previous snapshot and X now (Kornblith et al. 2019, section 3),
  blind to rotations and to a common scale: CKA(X, Y) = |Y^T X|^2 / (|X^T X| |Y^T Y|) with Frobenius norms and X, Y
  centred by column;
* `stability/weight_change`: |w - w at the previous snapshot| / |w at the previous snapshot|;
* `stability/grad_norm`: |gradient of the training objective| at the step of the snapshot, before clipping;
* `stability/update_to_weight`: |w' - w| / |w| of the step of the snapshot;
* `stability/attention_logit`: the largest attention logit of the layer, as in `warmuplab.probes.distribution`.

The first two span the steps between two snapshots, of which there are more the later the snapshot is, and are null at
the first. Where no weight of a member moved, as in the first step of a warmup, whose rate is 0, they are null too, and
`update_to_weight` is: standing still there is no sign of stability, and must not count as 0 in a mean.

At the steps of a timetable of its own, denser and fixed before training:

* `stability/initial_drift`: 1 - linear CKA of X before training and X now, 0 where the output is the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from warmuplab.population.checkpoint import State, part, whole
from warmuplab.population.population import Population
from warmuplab.probes.observation import Observation

RecordLayer = Callable[[str, torch.Tensor, str, torch.Tensor], None]
"""Keeps a metric's values `(M,)` at a step and layer."""


class DepthProbe:
    """Measures every layer around the step of a snapshot."""

    def __init__(self, population: Population, record: RecordLayer) -> None:
        self._population, self._record = population, record
        self._columns = population.model.layer_columns
        self._weights_MxP = torch.empty_like(population.weights_MxP, requires_grad=False)  # at the last snapshot
        self._activations: dict[str, Centred] = {}  # there, too

    def before_step(self, step: torch.Tensor, seen: Observation) -> None:
        """Compare with the last snapshot and take a new one; `seen` holds activations."""
        weights_MxP = self._population.weights_MxP.detach()
        activations = {layer: centred(output) for layer, output in seen.activations.items()}
        for layer in self._columns:
            self._record("stability/attention_logit", step, layer, seen.attention_logits[layer])
        if self._activations:
            moved_M = moved(self._weights_MxP, weights_MxP)
            for layer, columns in self._columns.items():
                drift_M = 1 - alignment(self._activations[layer], activations[layer])
                self._record("stability/cka_drift", step, layer, drift_M.where(moved_M, torch.nan))
                change_M = relative_change(self._weights_MxP[:, columns], weights_MxP[:, columns])
                self._record("stability/weight_change", step, layer, change_M.where(moved_M, torch.nan))
        self._weights_MxP.copy_(weights_MxP)
        for layer, now in activations.items():
            self._activations.setdefault(layer, now).copy_(now)

    def after_step(self, step: torch.Tensor, grad_norm_M: torch.Tensor) -> None:
        """Measure what the step of the snapshot did; `grad_norm_M` is its gradient's norm before clipping."""
        gradient_MxP, weights_MxP = self._population.gradient_MxP, self._population.weights_MxP.detach()
        unclipped_M = grad_norm_M / torch.linalg.vector_norm(gradient_MxP, dim=1)  # clipping scaled all layers alike
        moved_M = moved(self._weights_MxP, weights_MxP)
        for layer, columns in self._columns.items():
            norm_M = torch.linalg.vector_norm(gradient_MxP[:, columns], dim=1)
            self._record("stability/grad_norm", step, layer, norm_M * unclipped_M)
            update_M = relative_change(self._weights_MxP[:, columns], weights_MxP[:, columns])
            self._record("stability/update_to_weight", step, layer, update_M.where(moved_M, torch.nan))

    def state(self) -> State:
        """The last snapshot; empty before the first."""
        if not self._activations:
            return {}
        outputs = {layer: seen.output_MxNxD for layer, seen in self._activations.items()}
        squares = {layer: seen.squared_M for layer, seen in self._activations.items()}
        return {"weights": self._weights_MxP} | whole(output=outputs, squared=squares)

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        if not state:
            return
        self._weights_MxP.copy_(state["weights"])
        squares = part(state, "squared")
        self._activations = {layer: Centred(output, squares[layer]) for layer, output in part(state, "output").items()}


class InitialDriftProbe:
    """Compares the output of every layer with that before training."""

    def __init__(self, record: RecordLayer) -> None:
        self._record = record
        self._initial: dict[str, tuple[torch.Tensor, Centred]] = {}

    def before_step(self, step: torch.Tensor, seen: Observation) -> None:
        """Measure with the weights that `step` starts from; `seen` holds activations. The first call is at step 0."""
        if not self._initial:
            self._initial = {layer: (output.clone(), centred(output)) for layer, output in seen.activations.items()}
        for layer, (initial_MxNxD, initial) in self._initial.items():
            output_MxNxD = seen.activations[layer]
            drift_M = 1 - alignment(initial, centred(output_MxNxD))
            same_M = (output_MxNxD == initial_MxNxD).all(2).all(1)  # rounding would leave a drift of 1e-16
            self._record("stability/initial_drift", step, layer, drift_M.masked_fill(same_M, 0.0))

    def state(self) -> State:
        """The output before training; empty before it was measured."""
        return {layer: output for layer, (output, _) in self._initial.items()}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self._initial = {layer: (output, centred(output)) for layer, output in state.items()}


class Centred(NamedTuple):
    """A layer's output in float64, centred by column, `(M, N, D)`, and |X^T X|^2 of it, `(M,)`.

    In float32 the rounding of these sums, 1e-7, is as large as the drift of a small step.
    """

    output_MxNxD: torch.Tensor
    squared_M: torch.Tensor

    def copy_(self, other: "Centred") -> None:
        """Become `other`, in place."""
        for mine, its in zip(self, other, strict=True):
            mine.copy_(its)


def centred(output_MxNxD: torch.Tensor) -> Centred:
    """What `alignment` needs of an output; computed once, as each snapshot is compared with two others."""
    x_MxNxD = output_MxNxD.double()
    x_MxNxD = x_MxNxD - x_MxNxD.mean(1, keepdim=True)
    return Centred(x_MxNxD, _squared(x_MxNxD, x_MxNxD))


def alignment(x: Centred, y: Centred) -> torch.Tensor:
    """Linear centred kernel alignment of two outputs on the same N tokens, `(M,)`; see the module."""
    return _squared(y.output_MxNxD, x.output_MxNxD) / (x.squared_M * y.squared_M).sqrt()


def _squared(a_MxNxD: torch.Tensor, b_MxNxE: torch.Tensor) -> torch.Tensor:
    return torch.bmm(a_MxNxD.transpose(1, 2), b_MxNxE).square().sum((1, 2))


def moved(before_MxP: torch.Tensor, after_MxP: torch.Tensor) -> torch.Tensor:
    """Whether any weight of a member changed, `(M,)`."""
    return (before_MxP != after_MxP).any(1)


def relative_change(before_MxP: torch.Tensor, after_MxP: torch.Tensor) -> torch.Tensor:
    """Euclidean norm of the change over that of what changed, `(M,)`."""
    change_M = torch.linalg.vector_norm(after_MxP - before_MxP, dim=1)
    relative_M: torch.Tensor = change_M / torch.linalg.vector_norm(before_MxP, dim=1)
    return relative_M
