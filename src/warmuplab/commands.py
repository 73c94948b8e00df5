"""The command that trains one run again."""

import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from threading import Lock
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from warmuplab.reproduction import CONFIG_FOLDER, WITHOUT_EFFECT, typed

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
NOT_TYPED = ("data.path", *WITHOUT_EFFECT)  # a place on one machine, and what leaves the numbers alone

Flat = dict[str, Any]


def run_command(config: Mapping[str, Any]) -> str | None:
    """`python scripts/train.py ...` for the run with this configuration; None where there is no `conf/`.

    `config` is flat, by dotted keys; null and absent are the same.
    """
    if not (CONFIG_FOLDER / "config.yaml").exists():
        return None
    return " ".join(["python scripts/train.py", *map(shlex.quote, run_overrides(config))])


def run_overrides(config: Mapping[str, Any]) -> list[str]:
    """The arguments of `run_command`, not yet quoted for a shell: an option per group, then what it does not set."""
    choices: tuple[str, ...] = ()
    for group, key in GROUPS.items():
        choices = _choose(group, key, choices, config)
    composed = _composed(choices)
    values = [f"{'' if key in composed else '+'}{key}={typed(config.get(key))}" for key in _differing(composed, config)]
    return [*choices, *values]


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
    for key in config:  # a knob that is newer than the run is not in there
        counts = key.startswith(prefix) and key.partition(".")[0] in PARTS and not key.startswith(NOT_TYPED)
        if counts and _comparable(composed.get(key)) != _comparable(config.get(key)):
            yield key


@cache
def _composed(choices: tuple[str, ...]) -> Flat:
    with _ONE_AT_A_TIME:
        return _compose(choices)


_ONE_AT_A_TIME = Lock()  # Hydra has one state for all threads


def _compose(choices: tuple[str, ...]) -> Flat:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from warmuplab.results import flat

    outer = GlobalHydra.instance().hydra  # of the program that this runs in, if it is one of Hydra's
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            composed = OmegaConf.to_container(compose("config", list(choices)), resolve=True)
    finally:
        GlobalHydra.instance().hydra = outer
    assert isinstance(composed, dict)
    return flat(composed)


def _comparable(value: Any) -> str:
    """Equal for 1e-3 and 0.001, 0 and 0.0, and for a list and the text it is stored as."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(float(value)) if is_number else typed(value)
