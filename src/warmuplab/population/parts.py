"""Which weights follow the warmup where `schedule.warmup.layers` names a part of the network.

* `encoder`, `decoder`: the layers of that stack;
* `shallow`, `deep`: the first and the last half of each stack's layers; of an odd number the middle one is shallow;
* `embedding`: everything outside the layers, which is the embedding and the normalisation that a stack ends in;
* a list of patterns: every parameter whose name begins with one of them, where `*` stands for anything between two
  dots. `decoder.*.cross` are all weights of the decoder's cross-attention, `[decoder]` its layers and what it ends in.

So embedding, encoder and decoder share no weight and are all weights together, as are embedding, shallow and deep.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import ModelConfig
from warmuplab.config.suggestions import option
from warmuplab.population.parameters import parameters

FIELD = "schedule.warmup.layers"


def check(layers: str | list[str], model: ModelConfig) -> None:
    """Raise `ConfigError` for a choice of weights that has none in this network, and for patterns that match all."""
    names = [parameter.name for parameter in parameters(model, vocabulary_size=1)]
    if layers == "deep" and model.depth == 1:
        raise ConfigError(FIELD, layers, "a single layer has no deep half", "use model.depth=2 or more")
    if isinstance(layers, str):
        return
    for pattern in layers:
        if not any(_begins_with(pattern, name) for name in names):
            raise ConfigError(FIELD, pattern, "no parameter of this network begins so", _remedy(pattern, names, model))
    if len(named(layers, names, model.depth)) == len(names):
        raise ConfigError(FIELD, ",".join(layers), "matches every parameter", f"use {FIELD}=all")


def named(layers: str | list[str], names: Sequence[str], depth: int) -> set[str]:
    """Those of the parameters `names` that follow the warmup in a network of `depth` layers in each stack."""
    if not isinstance(layers, str):
        return {name for name in names if any(_begins_with(pattern, name) for pattern in layers)}
    return {name for name in names if layers == "all" or layers in _parts_of(name, depth)}


def _parts_of(name: str, depth: int) -> tuple[str, ...]:
    """The parts that a parameter lies in."""
    stack, layer, *_ = [*name.split("."), ""]
    if not layer.isdigit():
        return ("embedding",)
    return stack, "deep" if int(layer) >= depth - depth // 2 else "shallow"


def _begins_with(pattern: str, name: str) -> bool:
    wanted, parts = pattern.split("."), name.split(".")
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))


def _remedy(pattern: str, names: Iterable[str], model: ModelConfig) -> str:
    """What there is, every layer once, and what is near to the pattern."""
    beginnings: dict[str, None] = {}
    blocks: dict[str, None] = {}
    for name in names:
        parts = ["*" if part.isdigit() else part for part in name.split(".")]
        beginnings |= dict.fromkeys(".".join(parts[:length]) for length in range(1, len(parts) + 1))
        blocks[".".join(parts[: 3 if "*" in parts else 2])] = None
    near = option(pattern, beginnings)
    layers = f"a layer from 0 to {model.depth - 1}" if model.depth > 1 else "0, the only layer"
    there = f"there are {', '.join(blocks)}, where * is {layers}"
    return f"did you mean {near}? {there}" if near else there
