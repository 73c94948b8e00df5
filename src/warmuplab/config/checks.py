"""Which values a run can have: every setting is checked, and the first wrong one ends in one line.

The names of corpora and optimizers are checked where these are defined: `data.corpora`, `population.optimizers`.
"""

import math
import re

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import DataConfig, ModelConfig, OptimizerConfig, ProbesConfig, RunConfig, TrainingConfig
from warmuplab.schedules.steps import LARGEST_NUMBER

DTYPES = ("float32", "float64", "bfloat16")

# Beyond these a mistyped number would end in an operating system's error, or in none for hours.
MOST_STEPS, MOST_THREADS = 1_000_000_000, 1024
LARGEST_VOCABULARY = 1_000_000  # the tokenizer sets aside memory for all of it
LARGEST_MODEL = {"width": 16_384, "depth": 1000, "heads": 1024, "feed_forward": 131_072}


def validate(config: RunConfig) -> None:
    """Raise `ConfigError` for the first value that no run can have."""
    _check_data(config.data)
    _check_model(config.model)
    _check_optimizer(config.optimizer)
    _check_training(config.training)
    _check_probes(config.probes)
    _one_of("tracker.name", config.tracker.name, ("wandb", "none"))
    if config.tracker.mode is not None:
        _one_of("tracker.mode", config.tracker.mode, ("online", "offline", "disabled"))
    _one_of("tracker.detail", config.tracker.detail, ("full", "light"))
    _one_of("hardware.device", config.hardware.device, ("auto", "cpu", "cuda"))
    _one_of("hardware.dtype", config.hardware.dtype, DTYPES)
    if not isinstance(config.hardware.compile, bool) and config.hardware.compile != "auto":
        raise ConfigError("hardware.compile", config.hardware.compile, "unknown", "choose one of auto, true, false")
    if not isinstance(config.keep_weights, bool) and config.keep_weights != "auto":
        raise ConfigError("keep_weights", config.keep_weights, "unknown", "choose one of auto, true, false")
    _at_least("hardware.threads", config.hardware.threads, 1)
    if config.hardware.checkpoint_seconds is not None:
        _at_least("hardware.checkpoint_seconds", config.hardware.checkpoint_seconds, 0)
    _at_least("seed", config.seed, 0)
    for name, value, most in (
        ("seed", config.seed, 2**63 - 1),
        ("hardware.threads", config.hardware.threads, MOST_THREADS),
        ("data.vocabulary_size", config.data.vocabulary_size, LARGEST_VOCABULARY),
        ("training.steps", config.training.steps, MOST_STEPS),
        *((f"model.{name}", getattr(config.model, name), most) for name, most in LARGEST_MODEL.items()),
    ):
        if value > most:
            raise ConfigError(name, value, f"must be at most {most}", f"use {name}={most} or less")
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", config.study):
        raise ConfigError("study", config.study, "not a folder name", "use up to 100 letters, digits, - and _")
    if not config.outputs.strip():
        raise ConfigError("outputs", repr(config.outputs), "no folder is named", "use outputs=outputs")
    _ = config.built_schedule  # raises for what is no schedule


def _check_data(data: DataConfig) -> None:
    _at_least("data.vocabulary_size", data.vocabulary_size, 300)  # 256 bytes and the special tokens come first
    _at_least("data.max_length", data.max_length, 2)


def _check_model(model: ModelConfig) -> None:
    for name in ("width", "depth", "heads", "feed_forward"):
        _at_least(f"model.{name}", getattr(model, name), 1)
    _one_of("model.norm", model.norm, ("post", "pre"))
    if model.width % model.heads:
        step = math.lcm(model.heads, 2)
        multiple = step * max(1, round(model.width / step))
        raise ConfigError(
            "model.width", model.width, f"not divisible by model.heads={model.heads}", f"use model.width={multiple}"
        )
    if model.width % 2:  # sinusoidal positions pair a sine with a cosine
        raise ConfigError("model.width", model.width, "odd", f"use model.width={model.width + 1}")


def _check_optimizer(optimizer: OptimizerConfig) -> None:
    if optimizer.betas is not None and (
        len(optimizer.betas) != 2
        or not all(isinstance(beta, float | int) and 0 <= beta < 1 for beta in optimizer.betas)
    ):
        raise ConfigError(
            "optimizer.betas", optimizer.betas, "not two numbers in [0, 1)", "use optimizer.betas=[0.9,0.98]"
        )
    if optimizer.momentum is not None and not 0 <= optimizer.momentum < 1:
        raise ConfigError("optimizer.momentum", optimizer.momentum, "not in [0, 1)", "use optimizer.momentum=0.9")
    for name, value in (("eps", optimizer.eps), ("weight_decay", optimizer.weight_decay)):
        if value is not None and not 0 <= value <= LARGEST_NUMBER:
            problem = f"not a number from 0 to {LARGEST_NUMBER:g}"
            raise ConfigError(f"optimizer.{name}", value, problem, f"use optimizer.{name}=0")
    if optimizer.clip_norm is not None and not 0 < optimizer.clip_norm <= LARGEST_NUMBER:
        raise ConfigError(
            "optimizer.clip_norm",
            optimizer.clip_norm,
            f"not a number above 0, at most {LARGEST_NUMBER:g}",
            "use optimizer.clip_norm=1.0, or null for none",
        )


def _check_training(training: TrainingConfig) -> None:
    for name in ("steps", "batch_size", "validate_every"):
        _at_least(f"training.{name}", getattr(training, name), 1)
    if not 0 <= training.label_smoothing < 1:
        raise ConfigError("training.label_smoothing", training.label_smoothing, "not in [0, 1)", "use 0.0 or 0.1")


def _check_probes(probes: ProbesConfig) -> None:
    if not 0 <= probes.early_fraction <= 1:
        raise ConfigError(
            "probes.early_fraction", probes.early_fraction, "not in [0, 1]", "use probes.early_fraction=0.2"
        )
    _at_least("probes.every", probes.every, 1)
    _at_least("probes.batch_size", probes.batch_size, 1)
    if probes.loss_only and probes.curvature:
        raise ConfigError("probes.curvature", True, "given together with loss_only", "use probes=full or probes=loss")


def _one_of(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise ConfigError(name, value, "unknown", f"choose one of {', '.join(options)}")


def _at_least(name: str, value: float, least: int) -> None:
    if value < least:
        raise ConfigError(name, value, f"must be at least {least}", f"use {name}={least} or more")
