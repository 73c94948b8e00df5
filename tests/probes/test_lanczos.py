"""Lanczos iterations find the largest eigenvalue of operators whose spectrum is known."""

import pytest
import torch

from warmuplab.probes.lanczos import Product, WarmStart, top_eigenvalue


def operator(eigenvalues_MxP: torch.Tensor, seed: int = 0) -> tuple[Product, torch.Tensor]:
    """Products with symmetric matrices of these eigenvalues, in a random basis, and their eigenvectors `(M, P, P)`."""
    members, size = eigenvalues_MxP.shape
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(members, size, size, generator=generator, dtype=torch.float64))[0]
    matrix = basis @ torch.diag_embed(eigenvalues_MxP) @ basis.transpose(1, 2)
    return lambda vector: (matrix @ vector[..., None])[..., 0], basis


def spectra() -> torch.Tensor:
    """Three of 80 eigenvalues: with outliers, with a large negative one, and dense up to its end."""
    generator = torch.Generator().manual_seed(3)
    bulk = torch.rand(3, 80, generator=generator, dtype=torch.float64)
    bulk[0, :3] = torch.tensor([50.0, 48.0, 20.0])
    bulk[1, :2] = torch.tensor([-90.0, 7.0])
    bulk[2] = torch.linspace(-1, 1, 80, dtype=torch.float64) ** 3 * 4
    return bulk


def test_the_largest_eigenvalue_of_a_quadratic_to_a_thousandth() -> None:
    eigenvalues_MxP = spectra()
    product, basis = operator(eigenvalues_MxP)
    value_M, vector_MxP = top_eigenvalue(product, torch.ones(3, 80, dtype=torch.float64), 20)
    assert value_M.tolist() == pytest.approx(eigenvalues_MxP.amax(1).tolist(), rel=1e-3)
    for m in (0, 1):  # where it stands apart, its vector is determined too
        top = basis[m, :, eigenvalues_MxP[m].argmax()]
        assert abs(float(top @ vector_MxP[m])) == pytest.approx(1, abs=1e-3)


def test_a_warm_start_follows_a_moving_operator_in_few_iterations() -> None:
    eigenvalues_MxP = spectra()
    start = WarmStart(eigenvalues_MxP)
    for growth in (1.0, 1.2, 1.4):
        product, _ = operator(eigenvalues_MxP * growth)
        value_M = start.top_eigenvalue(product, 3, 20 if start.is_cold else 6)
        assert value_M.tolist() == pytest.approx((eigenvalues_MxP.amax(1) * growth).tolist(), rel=1e-3)
    # The top moves to a direction that the last eigenvector knows nothing of.
    moved, _ = operator(eigenvalues_MxP, seed=1)
    assert start.top_eigenvalue(moved, 3, 12).tolist() == pytest.approx(eigenvalues_MxP.amax(1).tolist(), rel=1e-2)


@pytest.mark.parametrize("eigenvalues", [[2.0, 2.0, 2.0], [-5.0, -3.0, -1.0], [0.0, 0.0, 0.0], [1e-9, 2e-9, 5e-9]])
def test_more_iterations_than_dimensions(eigenvalues: list[float]) -> None:
    known_MxP = torch.tensor([eigenvalues, [9.0, 4.0, -7.0]], dtype=torch.float64)
    product, _ = operator(known_MxP)
    value_M, _ = top_eigenvalue(product, torch.ones(2, 3, dtype=torch.float64), 12)
    assert value_M.tolist() == pytest.approx(known_MxP.amax(1).tolist(), rel=1e-6, abs=1e-12)


def test_a_member_without_finite_products_disturbs_no_other() -> None:
    eigenvalues_MxP = spectra()
    product, _ = operator(eigenvalues_MxP)
    broken = torch.tensor([[1.0], [torch.nan], [1.0]])
    start = WarmStart(eigenvalues_MxP)
    calm = WarmStart(eigenvalues_MxP)
    for _ in range(2):
        found = start.top_eigenvalue(lambda vector: product(vector) * broken, 3, 15)
        expected = calm.top_eigenvalue(product, 3, 15)
        assert found.isnan().tolist() == [False, True, False]
        assert torch.equal(found[[0, 2]], expected[[0, 2]])
