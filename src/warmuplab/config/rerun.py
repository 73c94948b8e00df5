"""The commands that train again: one run, or a whole study, with the overrides that its record shows."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from warmuplab.config.compose import CHECKOUT, CONFIG_FOLDER, compose
from warmuplab.config.keys import HOW_IT_IS_COMPUTED, is_among
from warmuplab.config.overrides import as_typed, comparable, flat

# The groups of `conf/` that a run's numbers depend on, each with the key that tells its options apart.
GROUPS = {
    "data": "data.name",
    "model": "model.norm",
    "optimizer": "optimizer.name",
    "schedule": "schedule.decay.name",
    "schedule/warmup": "schedule.warmup.shape",
    "probes": "probes.enabled",
}
PARTS = ("seed", "data", "model", "optimizer", "schedule", "training", "probes", "hardware")
# What leaves the numbers alone; threads change the last digits.
LEAVES_NUMBERS = tuple(key for key in HOW_IT_IS_COMPUTED if key != "hardware.threads")
NOT_TYPED = ("data.path", *LEAVES_NUMBERS)  # a place on one machine, too

Flat = dict[str, Any]


def run_command(config: Mapping[str, Any]) -> str | None:
    """`python scripts/train.py ...` for the run with this configuration; None where there is no `conf/`.

    `config` is flat, by dotted keys; null and absent are the same.
    """
    if not (CONFIG_FOLDER / "config.yaml").exists():
        return None
    program = "python scripts/train.py" if CHECKOUT else "warmuplab train"
    return " ".join([program, *map(shlex.quote, run_overrides(config))])


def run_overrides(config: Mapping[str, Any], study: str | None = None) -> list[str]:
    """The arguments of `run_command`, not yet quoted for a shell: an option per group, then what it does not set.

    With `study`, beyond what its file in `conf/study` sets, where it has one.
    """
    begins = (f"+study={study}",) if study and (CONFIG_FOLDER / "study" / f"{study}.yaml").exists() else ()
    choices: tuple[str, ...] = begins
    for group, key in GROUPS.items():
        choices = _choose(group, key, choices, config)
    composed = _composed(choices)
    values = [
        f"{'' if key in composed else '+'}{key}={as_typed(config.get(key))}" for key in _differing(composed, config)
    ]
    return [*choices[len(begins) :], *values]


def sweep_command(study: str, shared: Mapping[str, Any], varying: Mapping[str, Sequence[Any]]) -> str | None:
    """`make sweep STUDY=...` or what `again` says instead, with the overrides that the runs show.

    None for a study that has no file in `conf/study`. `shared` holds the configuration that all runs have in common and
    `varying` the values of every other key, both by dotted keys. What the file composes to is compared with them, so a
    sweep that was launched with overrides is reproduced with these.
    """
    if not (CONFIG_FOLDER / "study" / f"{study}.yaml").exists() or not shared:
        return None
    grids, composed = _first_jobs(study)
    overrides = [
        f"{key}={','.join(map(as_typed, values))}"
        for key, values in {**{key: [value] for key, value in shared.items()}, **varying}.items()
        if not is_among(key, LEAVES_NUMBERS) and not _follows(key, values, grids, composed)
    ]
    return again("sweep", study, overrides)


def again(command: str, study: str, overrides: Sequence[str] = ()) -> str:
    """What to type to `sweep` or `report` a study: `make sweep STUDY=...`, or without a checkout `warmuplab sweep`."""
    if not CHECKOUT:
        return " ".join(["warmuplab", command, study, *map(shlex.quote, overrides)])
    arguments = f" ARGS={_for_make(overrides)}" if overrides else ""
    return f"make {command} STUDY={study}{arguments}"


def retrain_command(study: str, run_id: str) -> str:
    """What trains a collected run again in the population that it was trained in."""
    return f"make retrain STUDY={study} RUN={run_id}" if CHECKOUT else f"warmuplab retrain {study} {run_id}"


def _choose(group: str, key: str, choices: tuple[str, ...], config: Mapping[str, Any]) -> tuple[str, ...]:
    """`choices` with the option of `group` that is closest to the run, unless the default is of the same kind."""
    if _composed(choices).get(key) == config.get(key):
        return choices
    prefix = group.replace("/", ".") + "."
    least, best = None, choices
    for option in sorted(path.stem for path in (CONFIG_FOLDER / group).glob("*.yaml")):
        candidate = (*choices, f"{group}={option}")
        try:
            composed = _composed(candidate)
        except OmegaConfBaseException:
            continue  # it asks for what the run has not, as the warmups that follow from Adam's betas do
        differing = sum(1 for _ in _differing(composed, config, prefix))
        if composed.get(key) == config.get(key) and (least is None or differing < least):
            least, best = differing, candidate
    return best


def _differing(composed: Flat, config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Keys that begin with `prefix` and of which the run has another value."""
    for key in config:
        counts = key.startswith(prefix) and key.partition(".")[0] in PARTS and not is_among(key, NOT_TYPED)
        if counts and comparable(composed.get(key)) != comparable(config.get(key)):
            yield key


@cache
def _composed(choices: tuple[str, ...]) -> Flat:
    return _flat_of(list(choices))


def _flat_of(overrides: Sequence[str]) -> Flat:
    plain = OmegaConf.to_container(compose(overrides), resolve=True)
    assert isinstance(plain, dict)
    return flat(plain)


def _first_jobs(study: str) -> tuple[list[dict[str, Any]], list[Flat]]:
    """The study's grids, and for each the configuration of its first job by dotted keys."""
    grids = OmegaConf.to_container(compose([f"+study={study}"], with_hydra=True).hydra.sweeper.grids)
    assert isinstance(grids, list)
    jobs = []
    for grid in grids or [{}]:
        first = [f"{key}={as_typed(_values(value)[0])}" for key, value in grid.items()]
        jobs.append(_flat_of([f"+study={study}", *first]))
    return [dict(grid) for grid in grids], jobs


def _follows(
    key: str, values: Sequence[Any], grids: Sequence[Mapping[str, Any]], composed: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether the study's file alone gives `key` these values."""
    listed = [_values(grid[key]) for grid in grids if key in grid]
    if listed and len(listed) == len(grids):
        return {comparable(value) for grid in listed for value in grid} == {comparable(value) for value in values}
    if listed or (len(values) > 1 and any(_is_part(key, name) for grid in grids for name in grid)):
        return True  # some grid sweeps over it, or over a group that it is a part of
    expected = {comparable(job.get(key)) for job in composed}
    return {comparable(value) for value in values} <= expected


def _is_part(key: str, group: str) -> bool:
    return is_among(key, (group, group.replace("/", ".")))


def _values(value: Any) -> list[Any]:
    """The values of a key of a grid, which may also be one sweep as it is typed: `range(10,26)`."""
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    override = OverridesParser.create().parse_override(f"key={value}")
    return list(override.sweep_iterator()) if override.is_discrete_sweep() else [value]


def _for_make(overrides: Sequence[str]) -> str:
    """`overrides` as the value of `ARGS`: make expands it, then the shell of its recipe reads what that gives."""
    quoted = [text if re.fullmatch(r"[][\w.,/+=-]+", text, re.ASCII) else shlex.quote(text) for text in overrides]
    return shlex.quote(" ".join(quoted).replace("$", "$$"))
