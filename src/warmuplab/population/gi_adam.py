"""GI-Adam, an optimizer that `torch.optim` has not."""

from typing import Any

import torch


class GradientInitialisedAdam(torch.optim.Adam):
    """Adam whose second moment starts from the square of the first gradient instead of from zero.

    GI-Adam of Kalra and Barkeshli 2024 (Why Warmup the Learning Rate?, section 6), proposed to replace warmup: as the
    correction for a start at zero stays, the first steps are short, by about sqrt(1 - beta2^t) at step t.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step; the first one sets the second moment, as `Adam` leaves a state alone that is there already."""
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None and not self.state[weights]:
                    self.state[weights] = {
                        "step": torch.zeros((), dtype=torch.float32, device=weights.device),
                        "exp_avg": torch.zeros_like(weights, memory_format=torch.preserve_format),
                        "exp_avg_sq": weights.grad.square(),
                    }
        return super().step(closure)
