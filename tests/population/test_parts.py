"""Which weights a part of the network holds: by name, by depth and by the columns of a member's row."""

import subprocess
import sys

import pytest
import torch

from support.composing import composed
from warmuplab.base.errors import ConfigError
from warmuplab.config.schema import ModelConfig
from warmuplab.population import parts
from warmuplab.population.parameters import parameters
from warmuplab.population.transformer import Transformer
from warmuplab.schedules import PARTS

VOCABULARY = 11


def network(depth: int = 2, norm: str = "post", final_norm: bool = False) -> ModelConfig:
    return ModelConfig(width=4, depth=depth, heads=2, feed_forward=6, norm=norm, final_norm=final_norm)


def named(layers: str | list[str], config: ModelConfig) -> list[str]:
    names = [parameter.name for parameter in parameters(config, VOCABULARY)]
    found = parts.named(layers, names, config.depth)
    return [name for name in names if name in found]


def blocks(layers: str | list[str], config: ModelConfig) -> list[str]:
    """The blocks that lie in a part, each once and in order."""
    return list(dict.fromkeys(".".join(name.split(".")[:2]) for name in named(layers, config)))


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("norm", "final_norm"), [("post", False), ("post", True), ("pre", False), ("pre", True)])
@pytest.mark.parametrize("split", [("embedding", "encoder", "decoder"), ("embedding", "shallow", "deep")])
def test_the_parts_share_no_weight_and_are_all_weights(
    depth: int, norm: str, final_norm: bool, split: tuple[str, ...]
) -> None:
    config = network(depth, norm, final_norm)
    together = [name for part in split for name in named(part, config)]
    assert sorted(together) == sorted(parameter.name for parameter in parameters(config, VOCABULARY))
    assert sorted(together) == sorted(named("all", config))
    assert named("none", config) == []


def test_halves_are_those_of_each_stack_and_a_middle_layer_is_shallow() -> None:
    assert blocks("deep", network(4)) == ["encoder.2", "encoder.3", "decoder.2", "decoder.3"]
    assert blocks("shallow", network(4)) == ["encoder.0", "encoder.1", "decoder.0", "decoder.1"]
    assert blocks("deep", network(3)) == ["encoder.2", "decoder.2"]
    assert blocks("shallow", network(3)) == ["encoder.0", "encoder.1", "decoder.0", "decoder.1"]
    assert blocks("shallow", network(1)) == ["encoder.0", "decoder.0"]


def test_what_lies_outside_the_layers_goes_with_the_embedding() -> None:
    assert named("embedding", network()) == ["embedding"]
    ends = ["encoder.norm.gain", "encoder.norm.bias", "decoder.norm.gain", "decoder.norm.bias"]
    assert named("embedding", network(norm="pre", final_norm=True)) == ["embedding", *ends]
    assert blocks("decoder", network(norm="pre", final_norm=True)) == ["decoder.0", "decoder.1"]


def test_a_pattern_is_the_beginning_of_a_name_segment_by_segment() -> None:
    config = network(depth=12, norm="pre", final_norm=True)
    cross = named(["decoder.*.cross"], config)
    assert len(cross) == 12 * 10
    assert all(name.split(".")[0] == "decoder" and name.split(".")[2] == "cross" for name in cross)
    assert blocks(["encoder.1"], config) == ["encoder.1"]  # and neither encoder.10 nor encoder.11
    assert blocks(["encoder.1*"], config) == ["encoder.1", "encoder.10", "encoder.11"]
    assert named(["decoder.*.self.k*.weight"], config) == [f"decoder.{layer}.self.key.weight" for layer in range(12)]
    assert blocks(["decoder"], config) == [*(f"decoder.{layer}" for layer in range(12)), "decoder.norm"]
    assert named(["*.norm.gain"], config) == ["encoder.norm.gain", "decoder.norm.gain"]
    assert named(["embedding", "decoder.3.cross.norm"], config) == [
        "embedding",
        "decoder.3.cross.norm.gain",
        "decoder.3.cross.norm.bias",
    ]


@pytest.mark.parametrize("layers", [*PARTS, ["decoder.*.cross"], ["embedding", "encoder.1.feed_forward.upper.bias"]])
def test_columns_are_those_of_the_named_weights(layers: str | list[str]) -> None:
    config = network(depth=2, norm="pre", final_norm=True)
    model = Transformer(config, VOCABULARY)
    row_1xP = model.covered(layers)[None]
    assert row_1xP.shape == (1, model.size)
    inside = set(named(layers, config))
    for name, part in model.unpack(row_1xP).items():
        assert torch.equal(part, torch.full_like(part, name in inside)), name


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (
            ["decoder.*.crss"],
            "schedule.warmup.layers=decoder.*.crss: no parameter of this network begins so; did you mean"
            " decoder.*.cross? there are embedding, encoder.*.self, encoder.*.feed_forward, encoder.norm,"
            " decoder.*.self, decoder.*.cross, decoder.*.feed_forward, where * is a layer from 0 to 1",
        ),
        (["decoder", "encoder.2"], "schedule.warmup.layers=encoder.2: no parameter of this network begins so"),
        (["encoder.*.cross"], "schedule.warmup.layers=encoder.*.cross: no parameter of this network begins so"),
        (["embedding.weight"], "schedule.warmup.layers=embedding.weight: no parameter of this network begins so"),
        (
            ["decoder", "embedding", "encoder"],
            "schedule.warmup.layers=decoder,embedding,encoder: matches every parameter; use schedule.warmup.layers=all",
        ),
        (["*"], "schedule.warmup.layers=*: matches every parameter; use schedule.warmup.layers=all"),
    ],
)
def test_patterns_that_choose_nothing_or_everything_are_refused(layers: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parts.check(layers, network(norm="pre"))
    assert str(refused.value).startswith(line)


def test_a_single_layer_has_no_deep_half() -> None:
    with pytest.raises(ConfigError, match=r"^schedule\.warmup\.layers=deep: .*; use model\.depth=2 or more$"):
        parts.check("deep", network(1))
    for part in set(PARTS) - {"deep"}:
        parts.check(part, network(1))
    for part in PARTS:
        parts.check(part, network(2))
    with pytest.raises(ConfigError, match=r"where \* is 0, the only layer$"):
        parts.check(["x"], network(1))


def test_a_name_of_a_part_that_the_schedule_knows_is_known_here() -> None:
    config = composed("model=pre_ln").model
    sizes = {part: len(named(part, config)) for part in PARTS}
    assert sizes.pop("none") == 0
    assert all(sizes.values())


def test_names_are_to_be_had_without_torch() -> None:
    code = "import sys, warmuplab.population.parts; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
