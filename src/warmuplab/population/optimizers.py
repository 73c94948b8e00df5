"""The optimizers a population can train with: those of `torch.optim` whose update is linear in the learning rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import OptimizerConfig

if TYPE_CHECKING:
    import torch

MOMENTS = ("betas", "eps")


@dataclass(frozen=True)
class Optimizer:
    """What an optimizer is: its class, fetched when it is needed as torch takes a second, and its own settings."""

    fetch: "Callable[[], Callable[..., torch.optim.Optimizer]]"
    settings: tuple[str, ...]
    """Which of `betas`, `eps` and `momentum` it takes; it needs a value for each and none for the others."""
    fused: bool = False
    """Whether torch has it as one pass over the weights."""
    decoupled: bool = False
    """Whether weight decay acts on the weights themselves (Loshchilov and Hutter 2019), not on the gradient."""


def _torch(name: str) -> "Callable[[], Callable[..., torch.optim.Optimizer]]":
    def fetch() -> "Callable[..., torch.optim.Optimizer]":
        import torch

        found: Callable[..., torch.optim.Optimizer] = getattr(torch.optim, name)
        return found

    return fetch


def _gi_adam() -> "Callable[..., torch.optim.Optimizer]":
    from warmuplab.population.gi_adam import GradientInitialisedAdam

    return GradientInitialisedAdam


# Checked against one optimizer per member; an optimizer whose update is not linear in the learning rate would be wrong
# here (ASGD, Rprop, Adafactor) or refuses weights of this shape (Muon, LBFGS).
OPTIMIZERS = {
    "adam": Optimizer(_torch("Adam"), MOMENTS, fused=True),
    "adamw": Optimizer(_torch("AdamW"), MOMENTS, fused=True, decoupled=True),
    "gi_adam": Optimizer(_gi_adam, MOMENTS, fused=True),
    "radam": Optimizer(_torch("RAdam"), MOMENTS),
    "sgd": Optimizer(_torch("SGD"), ("momentum",), fused=True),
}


def check(config: OptimizerConfig) -> None:
    """Raise `ConfigError` for an optimizer that is not among `OPTIMIZERS`, and for settings that it does not take."""
    if config.name not in OPTIMIZERS:
        problem = "not among the optimizers whose update is linear in the learning rate"
        raise ConfigError("optimizer.name", config.name, problem, f"choose one of {', '.join(OPTIMIZERS)}")
    for name in (*MOMENTS, "momentum"):
        value, applies = getattr(config, name), name in OPTIMIZERS[config.name].settings
        if applies and value is None:
            remedy = f"choose optimizer={config.name}"
            raise ConfigError(f"optimizer.{name}", value, f"{config.name} needs a value", remedy)
        if not applies and value is not None:
            remedy = f"use optimizer.{name}=null"
            raise ConfigError(f"optimizer.{name}", value, f"{config.name} has no {name}", remedy)


def make_optimizer(config: OptimizerConfig, weights_MxP: "torch.nn.Parameter") -> "torch.optim.Optimizer":
    """The optimizer of a population, at learning rate 1 and without weight decay, which `population.update` adds.

    Raises `ConfigError` as `check` does.
    """
    check(config)
    kind = OPTIMIZERS[config.name]
    told = {name: getattr(config, name) for name in kind.settings}
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    if kind.fused:
        settings["fused"] = True
    if kind.settings == MOMENTS and weights_MxP.device.type == "cuda":
        settings["capturable"] = True  # its count of steps stays on the device, as a graph of kernels needs it
    return kind.fetch()([weights_MxP], lr=1.0, **settings)
