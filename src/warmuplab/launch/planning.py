"""What a sweep will take before it begins: runs, tokens, time, memory, disk."""

import heapq
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from warmuplab.base.words import amount, duration, norm_label, plural
from warmuplab.config.compiling import estimated_weights
from warmuplab.config.schema import RunConfig
from warmuplab.launch import cost, devices, fitting
from warmuplab.launch.pace import Pace, pace_of
from warmuplab.record.run import Run
from warmuplab.tracking.settings import mode_of
from warmuplab.worker import load_corpus

MOST_MEASURED = 5  # kinds of populations, the costliest ones; the others are taken for as fast as the most similar one
WORTH_MEASURING = 1e12  # operations of a sweep: half a minute of a fast core; what takes less need not be foretold

# Bytes of a record and of its W&B run, by those of runs of 200 and 800 steps; a weight and its two moments as float32.
RECORD, RECORD_STEP = 8_000, 40
PROBES, PROBES_STEP, PROBES_LAYER = 14_000, 15, 2_500
PUBLISHED, PUBLISHED_STEP = 8_000, 720
PUBLISHED_PROBES, PUBLISHED_PROBES_STEP = 25_000, 290
WEIGHT, CHECKPOINT_COPIES = 4, 3


@dataclass(frozen=True)
class Kind:
    """Populations whose runs differ in seed and schedule only."""

    populations: list[list[Run]]
    pace: Pace | None
    """None where it was not measured."""

    @property
    def config(self) -> RunConfig:
        """That of one of its runs."""
        return self.populations[0][0].config

    @property
    def members(self) -> int:
        """Of its largest population."""
        return max(map(len, self.populations))

    @property
    def runs(self) -> int:
        """Of all its populations."""
        return sum(map(len, self.populations))

    @property
    def seconds(self) -> list[float] | None:
        """That a worker takes for each of its populations."""
        if self.pace is None:
            return None
        return [self.pace.start_up + self.pace.seconds_per_operation * cost.of_population(p) for p in self.populations]

    @property
    def memory(self) -> float:
        """Bytes of a worker at most, while it trains the largest population."""
        text = fitting.size_of(load_corpus(self.config))
        return fitting.PROCESS_BYTES + self.members * fitting.member_bytes(self.config, text)

    def __str__(self) -> str:
        model, training = self.config.model, self.config.training
        return (
            f"{norm_label(model.norm)}, width {model.width}, depth {model.depth}, {self.config.optimizer.name}, "
            f"batch {training.batch_size}, {plural(training.steps, 'step')}"
        )


@dataclass(frozen=True)
class Plan:
    """A sweep that is packed."""

    kinds: list[Kind]
    """The costliest first."""
    workers: int

    @property
    def populations(self) -> int:
        """Of all kinds."""
        return sum(len(kind.populations) for kind in self.kinds)

    @property
    def runs(self) -> int:
        """To train."""
        return sum(kind.runs for kind in self.kinds)

    @cached_property
    def tokens(self) -> float:
        """That are trained on, source and target, without padding."""
        return sum(kind.runs * cost.tokens_of(kind.config) for kind in self.kinds)

    @cached_property
    def seconds(self) -> float | None:
        """From the first start of a worker to the last end; None where the pace is not known."""
        each = [kind.seconds for kind in self.kinds]
        return makespan((seconds for of_kind in each for seconds in of_kind or ()), self.workers) if all(each) else None

    @cached_property
    def memory(self) -> float:
        """Bytes of the largest worker, at most."""
        return max(kind.memory for kind in self.kinds)

    @cached_property
    def disk(self) -> float:
        """Bytes of all records, and of their W&B runs where there are any."""
        return sum(kind.runs * record_bytes(kind.config) for kind in self.kinds)

    @cached_property
    def checkpoints(self) -> float:
        """Bytes of the checkpoints that are there at a time, at most."""
        largest = max(kind.members * _weights(kind.config) for kind in self.kinds)
        return self.workers * CHECKPOINT_COPIES * WEIGHT * largest


def make(
    populations: Sequence[list[Run]],
    workers: int,
    gpu: str | None = None,
    *,
    most_measured: int = MOST_MEASURED,
    again: bool = False,
) -> Plan:
    """The plan of `populations`, `workers` at a time; measures the pace of the costliest kinds where it is not known.

    What takes no half minute is not measured. `gpu` and `again` are those of `pace.pace_of`.
    """
    found: dict[str, list[list[Run]]] = {}
    for runs in populations:
        found.setdefault(_kind(runs[0].config), []).append(runs)
    grouped = sorted(found.values(), key=lambda group: -sum(map(cost.of_population, group)))
    worth = sum(map(cost.of_population, populations)) >= WORTH_MEASURING
    measured: dict[float, Pace] = {}
    for group in grouped[:most_measured] if worth else ():
        pace = pace_of(max(group, key=len), gpu, again=again)
        if pace is not None:
            measured[_of_a_step(group[0])] = pace
    return Plan([Kind(group, _nearest(measured, _of_a_step(group[0]))) for group in grouped], workers)


def _kind(config: RunConfig) -> str:
    groups = (config.data, config.model, config.optimizer, config.training, config.probes, config.hardware)
    return json.dumps([asdict(group) for group in groups], sort_keys=True)


def _of_a_step(runs: Sequence[Run]) -> float:
    config = runs[0].config
    return cost.step_operations(config, load_corpus(config))


def _nearest(measured: dict[float, Pace], operations: float) -> Pace | None:
    """The pace of the kind whose steps are the most alike in operations."""
    nearest = min(measured, key=lambda each: abs(math.log(each / operations)), default=None)
    return None if nearest is None else measured[nearest]


def makespan(seconds: Iterable[float], workers: int) -> float:
    """How long `workers` are at it that begin with the longest, as the launcher deals them out."""
    free = [0.0] * workers
    for each in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def record_bytes(config: RunConfig) -> float:
    """About what a finished run leaves on disk."""
    steps, observed = config.training.steps, config.probes.enabled and not config.probes.loss_only
    total: float = RECORD + RECORD_STEP * steps
    if observed:
        total += PROBES + PROBES_STEP * steps + PROBES_LAYER * 2 * config.model.depth
    if mode_of(config.tracker) != "disabled":
        total += PUBLISHED + PUBLISHED_STEP * steps
        if observed and config.tracker.detail == "full":
            total += PUBLISHED_PROBES + PUBLISHED_PROBES_STEP * steps
    return total + (WEIGHT * _weights(config) if config.keep_weights else 0)


def _weights(config: RunConfig) -> int:
    return estimated_weights(config.model, load_corpus(config).vocabulary_size)


def in_one_line(plan: Plan, command: str) -> str:
    """The plan before a sweep begins, and the `command` that says more."""
    time = "" if plan.seconds is None else f"about {duration(plan.seconds)} on a machine to itself, "
    return (
        f"Planned: {time}{_large(plan.tokens)} tokens, up to {amount(plan.memory)} of memory a worker, about "
        f"{amount(plan.disk)} on disk; `{command}` says more."
    )


def in_lines(plan: Plan, available: int | None, gpus: int = 0) -> list[str]:
    """The plan at length: what it takes in all, then each kind of population.

    `available` is the memory that is free: of this machine, or with `gpus` of the fullest of those that are used.
    """
    sharing = devices.per_gpu(plan.workers, range(gpus)) * plan.memory
    where = f"on each of {gpus} GPUs" if gpus > 1 else "in all"
    free = "" if available is None else f"; {amount(available)} are free{' on the fullest' if gpus > 1 else ''}"
    time = "not measured"
    if plan.seconds is not None:
        pace = plan.kinds[0].pace
        assert pace is not None
        time = (
            f"about {duration(plan.seconds)} on a machine to itself ({plural(plan.workers, 'worker')} at "
            f"{1e-9 / pace.seconds_per_operation:.1f} billion operations/s, {pace.start_up:.1f} s to start one)"
        )
    elif not any(kind.pace for kind in plan.kinds):
        time = "too short to be worth measuring" if _is_short(plan) else "could not be measured"
    return [
        f"  tokens  {_large(plan.tokens)}, source and target, without padding",
        f"  time    {time}",
        f"  memory  up to {amount(plan.memory)} a worker, {amount(sharing)} {where}{free}",
        f"  disk    about {amount(plan.disk)}, and up to {amount(plan.checkpoints)} of checkpoints while it trains",
        *(f"  {_in_words(kind)}" for kind in plan.kinds),
    ]


def _is_short(plan: Plan) -> bool:
    return sum(cost.of_population(runs) for kind in plan.kinds for runs in kind.populations) < WORTH_MEASURING


def _in_words(kind: Kind) -> str:
    taken = f", {duration(max(kind.seconds))} each" if kind.seconds else ""
    many = plural(len(kind.populations), "population")
    members = f"up to {plural(kind.members, 'member')}, {amount(kind.memory)}{taken}"
    return f"{kind}: {plural(kind.runs, 'run')} in {many} of {members}"


def _large(number: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:.0f}"
