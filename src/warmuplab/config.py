"""What a run can be told: typed, validated, the same for a single run, a sweep and a worker.

The knobs and their defaults live in `conf/`; these dataclasses are the schema that a composed configuration is held
against. Only `hardware`, `probes`, `tracker`, `study`, `overwrite` and `outputs` leave a run's numbers alone.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from warmuplab import schedules
from warmuplab.errors import ConfigError

CORPORA = ("jupyterlab", "multi30k")
OPTIMIZERS = ("adam", "adamw", "gi_adam", "radam", "sgd")
DTYPES = ("float32", "float64", "bfloat16")


# Beyond these a mistyped number would end in an operating system's error, or in none for hours.
MOST_STEPS, MOST_THREADS = 1_000_000_000, 1024
LARGEST_MODEL = {"width": 16_384, "depth": 1000, "heads": 1024, "feed_forward": 131_072}


@dataclass
class DataConfig:
    """The corpus and how it becomes token ids."""

    name: str
    """Which corpus: one of `CORPORA`."""
    path: str | None
    """Folder with line-aligned `train.<language>[.gz]` and `val.<language>[.gz]`; null: the corpus's own place."""
    source_language: str
    """Language translated from, as in the file names and the columns of the Hub."""
    target_language: str
    """Language translated to."""
    vocabulary_size: int
    """Entries of the byte-pair vocabulary shared by both languages, special tokens included."""
    max_length: int
    """Longest sentence kept, in tokens with the end marker; pairs with a longer side are left out."""


@dataclass
class ModelConfig:
    """The encoder-decoder transformer (Vaswani et al. 2017, section 3)."""

    width: int
    """D: size of the residual stream."""
    depth: int
    """Layers of the encoder, and as many of the decoder."""
    heads: int
    """H: attention heads; must divide the width."""
    feed_forward: int
    """F: hidden size of the feed-forward blocks."""
    norm: str
    """Place of layer normalisation: `post` (after the residual sum, as published) or `pre` (Xiong et al. 2020)."""
    final_norm: bool
    """Whether the decoder ends in a layer normalisation of its own; what pre-LN's encoder does anyhow."""


@dataclass
class OptimizerConfig:
    """An optimizer of `torch.optim` whose update is linear in the learning rate."""

    name: str
    """One of `OPTIMIZERS`."""
    betas: list[float] | None
    """Decay rates of the first and second moment; null for sgd."""
    eps: float | None
    """Added to the root of the second moment; null for sgd."""
    momentum: float | None
    """Momentum of sgd; null for the others."""
    weight_decay: float
    """Decoupled for adamw, an L2 penalty for the others."""
    clip_norm: float | None
    """Largest gradient norm of a member before it is scaled down; null: no clipping."""


@dataclass
class WarmupConfig:
    """How the learning rate rises."""

    shape: str
    """Form of the rise; see `warmuplab.schedules`."""
    fraction: float | None
    """Length as a fraction of `training.steps`; either this or `steps`."""
    steps: int | None
    """Length in steps; either this or `fraction`."""
    start_factor: float = 0.0
    """Learning rate at step 0 as a fraction of the peak."""
    stairs: int | None = None
    """Number of stairs of the stepped shape."""
    beta2: float | None = None
    """Decay rate of the optimizer's second moment, from which the untuned rules derive their length."""
    window: float | None = None
    """Early window of the equal-area shape, as a fraction of `training.steps`."""


@dataclass
class ScheduleConfig:
    """The learning rate as a function of the step."""

    peak_lr: float | None
    """Largest learning rate; null where the decay states its own values (noam, piecewise)."""
    warmup: WarmupConfig
    """How the learning rate rises."""
    decay: dict[str, Any]
    """`name` of the decay and its own knobs; see `warmuplab.schedules`."""


@dataclass
class TrainingConfig:
    """Length and size of training."""

    steps: int
    """Optimizer steps, T."""
    batch_size: int
    """Sentence pairs per step and member, B."""
    label_smoothing: float
    """Probability spread over the vocabulary in the training objective; recorded losses are without it."""
    validate_every: int
    """Steps between evaluations on the whole validation split; the end is always evaluated."""


@dataclass
class ProbesConfig:
    """What is measured while training, beyond loss, learning rate, gradient norm and update size."""

    enabled: bool
    """Whether the probes run."""
    early_fraction: float
    """Length of the early window as a fraction of `training.steps`: there the probes run at every step."""
    every: int
    """Steps between measurements after the early window."""
    batch_size: int
    """Sentences of the fixed held-out probe batch, and of the two sets that memorisation compares."""
    curvature: bool
    """Whether to measure sharpness, at the snapshots of the layers; costs more than all other probes."""
    loss_only: bool
    """Whether to measure nothing but the loss on the probe batch; costs a fifth of all other probes."""


@dataclass
class TrackerConfig:
    """Where finished records are published."""

    name: str
    """`wandb` or `none`."""
    mode: str | None
    """`online`, `offline` or `disabled`; null: what WANDB_MODE says, else offline."""
    project: str
    """W&B project."""
    entity: str | None
    """W&B user or team; null: the account's default."""


@dataclass
class HardwareConfig:
    """Where and in which precision the run is computed."""

    device: str
    """`auto` (CUDA when there is one), `cpu` or `cuda`."""
    dtype: str
    """`float32`, `float64`, or `bfloat16` (autocast; weights stay float32)."""
    compile: bool
    """Whether to compile the loss with `torch.compile`."""
    threads: int
    """CPU threads of a training process."""


@dataclass
class RunConfig:
    """One run, complete."""

    study: str
    """Name of the study the run belongs to, its folder under `outputs`."""
    seed: int
    """Determines initial weights and which sentences each batch holds."""
    overwrite: bool
    """Train again what is already finished."""
    outputs: str
    """Folder of the run directories."""
    data: DataConfig
    model: ModelConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    training: TrainingConfig
    probes: ProbesConfig
    tracker: TrackerConfig
    hardware: HardwareConfig


def from_mapping(composed: DictConfig | Mapping[str, Any]) -> RunConfig:
    """A validated run from a composed configuration or from a worker's file.

    Raises `omegaconf.errors.OmegaConfBaseException` where a key or a type is wrong, `ConfigError` where a value is.
    """
    plain = OmegaConf.to_container(composed, resolve=True) if isinstance(composed, DictConfig) else composed
    merged = OmegaConf.merge(OmegaConf.structured(RunConfig), plain)
    config = OmegaConf.to_object(merged)
    assert isinstance(config, RunConfig)
    validate(config)
    return config


def to_mapping(config: RunConfig) -> dict[str, Any]:
    """The run as plain dicts and lists, what `from_mapping` reads."""
    return asdict(config)


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
    _one_of("hardware.device", config.hardware.device, ("auto", "cpu", "cuda"))
    _one_of("hardware.dtype", config.hardware.dtype, DTYPES)
    _at_least("hardware.threads", config.hardware.threads, 1)
    _at_least("seed", config.seed, 0)
    for name, value, most in (
        ("seed", config.seed, 2**63 - 1),
        ("hardware.threads", config.hardware.threads, MOST_THREADS),
        ("training.steps", config.training.steps, MOST_STEPS),
        *((f"model.{name}", getattr(config.model, name), most) for name, most in LARGEST_MODEL.items()),
    ):
        if value > most:
            raise ConfigError(name, value, f"must be at most {most}", f"use {name}={most} or less")
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", config.study):
        raise ConfigError("study", config.study, "not a folder name", "use up to 100 letters, digits, - and _")
    if not config.outputs.strip():
        raise ConfigError("outputs", repr(config.outputs), "no folder is named", "use outputs=outputs")
    schedules.build(config.schedule, config.training.steps)


def _check_data(data: DataConfig) -> None:
    _one_of("data.name", data.name, CORPORA)
    _at_least("data.vocabulary_size", data.vocabulary_size, 300)  # 256 bytes and the special tokens come first
    _at_least("data.max_length", data.max_length, 2)
    if data.path is not None and data.name == "jupyterlab":
        raise ConfigError(
            "data.path", data.path, "this corpus comes from a package", "use data=multi30k with data.path="
        )


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
    if optimizer.name not in OPTIMIZERS:
        raise ConfigError(
            "optimizer.name",
            optimizer.name,
            "not among the optimizers whose update is linear in the learning rate",
            f"choose one of {', '.join(OPTIMIZERS)}",
        )
    is_sgd = optimizer.name == "sgd"
    for name, applies in (("betas", not is_sgd), ("eps", not is_sgd), ("momentum", is_sgd)):
        value = getattr(optimizer, name)
        if applies and value is None:
            raise ConfigError(
                f"optimizer.{name}", value, f"{optimizer.name} needs a value", f"choose optimizer={optimizer.name}"
            )
        if not applies and value is not None:
            raise ConfigError(
                f"optimizer.{name}", value, f"{optimizer.name} has no {name}", f"use optimizer.{name}=null"
            )
    if optimizer.betas is not None and (
        len(optimizer.betas) != 2 or not all(0 <= beta < 1 for beta in optimizer.betas)
    ):
        raise ConfigError(
            "optimizer.betas", optimizer.betas, "not two numbers in [0, 1)", "use optimizer.betas=[0.9,0.98]"
        )
    if optimizer.momentum is not None and not 0 <= optimizer.momentum < 1:
        raise ConfigError("optimizer.momentum", optimizer.momentum, "not in [0, 1)", "use optimizer.momentum=0.9")
    for name, value in (("eps", optimizer.eps), ("weight_decay", optimizer.weight_decay)):
        if value is not None and not 0 <= value < math.inf:
            raise ConfigError(f"optimizer.{name}", value, "not finite and at least 0", f"use optimizer.{name}=0")
    if optimizer.clip_norm is not None and not 0 < optimizer.clip_norm < math.inf:
        raise ConfigError(
            "optimizer.clip_norm",
            optimizer.clip_norm,
            "not finite and positive",
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


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(name, value, f"must be at least {least}", f"use {name}={least} or more")
