"""How a GPU computes: reproducibly, and its float32 products in TF32 where that is wanted. Nothing changes on a CPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from warmuplab.config.schema import HardwareConfig
from warmuplab.population.population import pick_device


def set_up(hardware: HardwareConfig) -> None:
    """Prepare this process for a training; comes before its first use of CUDA, which reads the environment once."""
    torch.set_num_threads(hardware.threads)
    if pick_device(hardware.device).type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may sum in another order
    torch.use_deterministic_algorithms(True)
    # By default that also fills all memory before its use: 1 to 5 % of a step, and nothing here reads it unwritten.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # TF32 rounds the factors of a product to 10 bits and keeps the range and the sums of float32.
    torch.set_float32_matmul_precision("high" if hardware.tf32 else "highest")


@contextmanager
def full_precision() -> Iterator[None]:
    """Products in plain float32 in the block, for what TF32 is too coarse for."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
