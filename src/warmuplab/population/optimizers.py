"""The optimizers a population can train with: those of `torch.optim` whose update is linear in the learning rate."""

from collections.abc import Callable
from typing import Any

import torch

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import OptimizerConfig


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
                        "step": torch.zeros((), dtype=torch.float32),
                        "exp_avg": torch.zeros_like(weights, memory_format=torch.preserve_format),
                        "exp_avg_sq": weights.grad.square(),
                    }
        return super().step(closure)


# Checked against one optimizer per member; an optimizer whose update is not linear in the learning rate would be wrong
# here (ASGD, Rprop, Adafactor) or refuses weights of this shape (Muon, LBFGS).
LINEAR_IN_RATE: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "gi_adam": GradientInitialisedAdam,
    "radam": torch.optim.RAdam,
    "sgd": torch.optim.SGD,
}


def make_optimizer(config: OptimizerConfig, weights_MxP: torch.nn.Parameter) -> torch.optim.Optimizer:
    """The optimizer of a population, at learning rate 1. Raises `ConfigError` for one outside `LINEAR_IN_RATE`."""
    if config.name not in LINEAR_IN_RATE:
        raise ConfigError(
            "optimizer.name",
            config.name,
            "its update is not known to be linear in the learning rate",
            f"choose one of {', '.join(LINEAR_IN_RATE)}",
        )
    if config.name == "sgd":
        return LINEAR_IN_RATE["sgd"]([weights_MxP], lr=1.0, momentum=config.momentum, weight_decay=config.weight_decay)
    assert config.betas is not None
    return LINEAR_IN_RATE[config.name](
        [weights_MxP], lr=1.0, betas=tuple(config.betas), eps=config.eps, weight_decay=config.weight_decay
    )
