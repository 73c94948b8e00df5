"""The settings of a run: the same dataclasses for a single run, a sweep and a worker.

The settings and their defaults live in `conf/`; these dataclasses are the schema that a composed configuration is held
against. A setting that is added here later is declared with `added`, so that the runs recorded before keep their names;
`keys` says which settings a run's name depends on.
"""

import dataclasses
import typing
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from warmuplab import schedules

ADDED = "added"
ORIGINAL = object()
"""In place of the value that a key was introduced with: it was there from the first record on."""


def added(value: Any) -> Any:
    """A key that is younger than the first records, with the `value` that it was introduced with.

    `value` is what a run did before there was the key, and never changes again, whatever `conf/` makes the default: at
    that value the key is left out of a run's identity, and it is filled in where an older record is read.
    """
    return field(default_factory=lambda: deepcopy(value), metadata={ADDED: True})


class Setting(NamedTuple):
    """A key of the schema that takes a value; a key that holds further keys is a group."""

    name: str
    """Dotted, as typed on a command line."""
    kind: Any
    """The type of its value, as annotated."""
    introduced: Any
    """The value that it, or its group, was `added` with; else `ORIGINAL`."""


def settings_of(kind: Any, prefix: str = "", introduced: Any = ORIGINAL) -> Iterator[Setting]:
    """Every setting of a dataclass and of the groups in it.

    `prefix` comes before each name; `introduced` is the group that `kind` was added with, where it was.
    """
    kinds = typing.get_type_hints(kind)
    for part in dataclasses.fields(kind):
        value = ORIGINAL if introduced is ORIGINAL else getattr(introduced, part.name)
        if part.metadata.get(ADDED) and callable(part.default_factory):
            value = part.default_factory()
        if dataclasses.is_dataclass(kinds[part.name]):
            yield from settings_of(kinds[part.name], f"{prefix}{part.name}.", value)
        else:
            yield Setting(f"{prefix}{part.name}", kinds[part.name], value)


@dataclass
class DataConfig:
    """The corpus and how it becomes token ids."""

    name: str
    """Which corpus: one of `data.corpora.CORPORA`."""
    path: str | None
    """Folder with line-aligned `train.<language>[.gz]` and `val.<language>[.gz]`; null: the corpus's own place.

    `test.<language>[.gz]` or `test_2016_flickr.<language>[.gz]`, if there, is its test split.
    """
    source_language: str
    """Language translated from, as in the file names and the columns of the Hub."""
    target_language: str
    """Language translated to."""
    vocabulary_size: int
    """Entries of the byte-pair vocabulary shared by both languages, special tokens included."""
    max_length: int
    """Longest sentence kept, in tokens with the end marker; pairs with a longer side are left out."""
    revision: str | None = added(None)
    """Commit, tag or branch of a dataset of the Hub; null: the commit that `data.corpora.CORPORA` names."""
    order: str = added("common")
    """Order of the length buckets: `common` to runs of all seeds, or drawn from the `seed`.

    With `seed` what is inferred from several seeds covers the order too, and only runs of one seed train in lockstep.
    """


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
    """Whether the decoder ends in a layer normalisation of its own; the encoder of pre-LN always does."""


@dataclass
class OptimizerConfig:
    """An optimizer whose update is linear in the learning rate."""

    name: str
    """One of `population.optimizers.OPTIMIZERS`."""
    betas: list[float] | None
    """Decay rates of the first and second moment; null where there are none, as for sgd."""
    eps: float | None
    """Added to the root of the second moment; null where there is none."""
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
    window: float | None = added(None)
    """Early window of the equal-area shape, as a fraction of `training.steps`."""
    layers: Any = added("all")  # noqa: RUF009 (a field, made anew for each)
    """Which weights follow the warmup while the others have the full rate: one of `schedules.PARTS`, or a list of
    patterns of parameter names; see `population.parts`."""


@dataclass
class ScheduleConfig:
    """The learning rate as a function of the step."""

    peak_lr: float | None
    """Largest learning rate; null where the decay states its own values (noam, piecewise)."""
    warmup: WarmupConfig
    """How the learning rate rises."""
    decay: dict[str, Any]
    """`name` of the decay and its own settings; see `warmuplab.schedules`."""


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
    loss_only: bool = added(False)
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
    detail: str = added("full")
    """Which series W&B gets: `full` is all of them, `light` those that `series.catalogue` marks so, and no layers."""


@dataclass
class HardwareConfig:
    """Where and in which precision the run is computed."""

    device: str
    """`auto` (CUDA when there is one), `cpu` or `cuda`."""
    dtype: str
    """`float32`, `float64`, or `bfloat16` (of the matrix products; weights stay float32)."""
    compile: Any
    """Whether to compile training and losses with `torch.compile`; `auto`: where a training is long enough for it to
    pay, decided once, where its population trains, so that the record says true or false."""
    threads: int
    """CPU threads of a training process."""
    replay: bool = added(False)
    """Whether a GPU records a step as a graph of kernels and replays it; no effect on a CPU."""
    tf32: bool = added(True)  # no run before it was on a GPU
    """Whether a GPU multiplies float32 matrices in TF32; curvature is measured without. No effect on a CPU."""

    checkpoint_seconds: float | None = added(None)
    """Seconds between two checkpoints of a training, from which it goes on after it was interrupted; null: none, and
    an interrupted training begins anew."""


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
    keep_weights: Any = added(False)  # noqa: RUF009 (a field, made anew for each)
    """Whether the record holds the weights that training ended with; `auto`: those of a single run, not of a sweep,
    decided where it is launched, so that the record says true or false."""

    @property
    def built_schedule(self) -> schedules.RunSchedule:
        """The schedule, put together once: validation, identity and training all read this one.

        Raises `ConfigError` for what is no schedule.
        """
        told = (asdict(self.schedule), self.training.steps)
        known: tuple[Any, schedules.RunSchedule] | None = self.__dict__.get("_built")
        if known is None or known[0] != told:  # never put together, or changed since
            known = self.__dict__["_built"] = (told, schedules.build(self.schedule, self.training.steps))
        return known[1]
