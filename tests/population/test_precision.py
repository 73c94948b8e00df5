"""How a GPU computes is set before a training; a CPU is left as it is, and curvature is measured in full."""

import torch

from support.composing import QUICK, composed
from support.short_runs import trainer_of
from warmuplab.data.tokens import TokenizedCorpus
from warmuplab.population import precision
from warmuplab.population.transformer import Transformer


def test_nothing_changes_on_a_cpu() -> None:
    before = torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()
    precision.set_up(composed(*QUICK, "hardware=cpu", "hardware.tf32=true").hardware)
    assert (torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()) == before


def test_the_block_is_in_full_precision_and_what_was_set_comes_back(small_corpus: TokenizedCorpus) -> None:
    seen: list[str] = []
    really = Transformer.smooth_losses

    def watched(self: Transformer, *arguments: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_float32_matmul_precision())
        return really(self, *arguments)

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        trainer = trainer_of(small_corpus, [("seed=0",)], "probes=full")
        Transformer.smooth_losses = watched  # type: ignore[method-assign]
        trainer._train_step(0)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        Transformer.smooth_losses = really  # type: ignore[method-assign]
        torch.set_float32_matmul_precision(before)
    assert seen
    assert set(seen) == {"highest"}
