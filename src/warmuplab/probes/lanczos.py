"""The top eigenvalue of a symmetric operator known by its products alone, for all members at once."""

from collections.abc import Callable

import torch

from warmuplab.population.checkpoint import State

NOISE = 0.1  # of the start's norm: without any, a start that misses the top eigenvector would never find it
_BREAKDOWN = 1e-6  # of the largest entry so far, below which the Krylov space is exhausted

Product = Callable[[torch.Tensor], torch.Tensor]
"""The operator, of every member, times a vector `(M, P)`."""


def top_eigenvalue(product: Product, start_MxP: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest eigenvalue `(M,)` and its eigenvector `(M, P)`, approached by Lanczos iterations from below.

    The Lanczos method with full reorthogonalisation (Golub and Van Loan, Matrix Computations, 4th edition, section
    10.1); the estimate is the largest Ritz value, which converges much faster than power iteration, and to the largest
    eigenvalue where that iteration goes to the one of largest magnitude. Not a number for a member whose products are
    not finite.
    """
    basis_KxMxP = [start_MxP / torch.linalg.vector_norm(start_MxP, dim=1, keepdim=True)]
    diagonal_MxK, beside_MxK, largest_M = [], [], start_MxP.new_zeros(len(start_MxP))
    for _ in range(iterations):
        direction_MxP = product(basis_KxMxP[-1])
        diagonal_MxK.append((direction_MxP * basis_KxMxP[-1]).sum(1))
        for _ in range(2):  # once is not enough in finite precision
            for earlier_MxP in basis_KxMxP:
                direction_MxP = direction_MxP - (direction_MxP * earlier_MxP).sum(1, keepdim=True) * earlier_MxP
        norm_M = torch.linalg.vector_norm(direction_MxP, dim=1)
        largest_M = torch.maximum(largest_M, torch.maximum(diagonal_MxK[-1].abs(), norm_M))
        goes_on_M = norm_M > _BREAKDOWN * largest_M
        beside_MxK.append(torch.where(goes_on_M, norm_M, 0.0))
        basis_KxMxP.append(torch.where(goes_on_M[:, None], direction_MxP / norm_M[:, None], 0.0))
    diagonal = torch.stack(diagonal_MxK, dim=1)
    # An exhausted space leaves null vectors; the first diagonal entry in their place never exceeds the eigenvalue.
    spent_MxK = torch.stack([(vector_MxP == 0).all(1) for vector_MxP in basis_KxMxP[:-1]], dim=1)
    diagonal = torch.where(spent_MxK, diagonal[:, :1], diagonal)
    beside = torch.stack(beside_MxK, dim=1)[:, :-1]
    small_MxKxK = torch.diag_embed(diagonal) + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
    finite_M = small_MxKxK.isfinite().flatten(1).all(1)
    # One matrix that is not finite would make the solver refuse all of them.
    values_MxK, vectors_MxKxK = torch.linalg.eigh(torch.where(finite_M[:, None, None], small_MxKxK, 0.0))
    ritz_MxP = torch.stack(basis_KxMxP[:-1], dim=2) @ vectors_MxKxK[:, :, -1:]
    nothing = torch.nan
    return torch.where(finite_M, values_MxK[:, -1], nothing), torch.where(finite_M[:, None], ritz_MxP[..., 0], nothing)


class WarmStart:
    """Start vectors: the last eigenvector found, plus noise that is the same in every run and for every member."""

    def __init__(self, weights_MxP: torch.Tensor) -> None:
        generator = torch.Generator().manual_seed(0)
        noise_P = torch.randn(weights_MxP.shape[1], generator=generator, dtype=torch.float64).to(weights_MxP)
        self._noise_P = noise_P / torch.linalg.vector_norm(noise_P)
        self._vector_MxP: torch.Tensor | None = None

    def state(self) -> State:
        """The last eigenvector; empty before the first."""
        return {} if self._vector_MxP is None else {"vector": self._vector_MxP}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self._vector_MxP = state.get("vector")

    @property
    def is_cold(self) -> bool:
        return self._vector_MxP is None

    def top_eigenvalue(self, product: Product, members: int, iterations: int) -> torch.Tensor:
        """As the function of this name, from the last eigenvector on, `(M,)`."""
        start_MxP = self._noise_P.expand(members, -1)
        if self._vector_MxP is not None:
            start_MxP = NOISE * start_MxP + self._vector_MxP.nan_to_num()
        value_M, self._vector_MxP = top_eigenvalue(product, start_MxP, iterations)
        return value_M
