"""What `hardware.compile=auto` becomes, when, and where that stands."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from support.composing import QUICK, composed
from warmuplab import worker
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import read_json
from warmuplab.config import compiling
from warmuplab.config.checks import validate
from warmuplab.population.transformer import Transformer


def test_it_pays_for_long_trainings_alone() -> None:
    one = {"device": "cpu", "weights": 600_000, "tokens": 1000.0, "members": 8, "has_compiler": True}
    assert not compiling.pays(**one, steps=200)  # a population of `quick`
    assert compiling.pays(**one, steps=20_000)
    assert not compiling.pays(**(one | {"has_compiler": False}), steps=20_000)
    first = next(steps for steps in range(200, 20_000, 200) if compiling.pays(**one, steps=steps))
    half = next(steps for steps in range(200, 20_000, 200) if compiling.pays(**(one | {"members": 16}), steps=steps))
    assert half == pytest.approx(first / 2, abs=200)


@pytest.mark.parametrize("sizes", [("model.width=64",), ("model.width=256", "model.heads=8", "model.depth=2")])
def test_weights_are_estimated_within_a_few_percent(sizes: tuple[str, ...]) -> None:
    model = composed(*sizes).model
    assert compiling.estimated_weights(model, 2000) == pytest.approx(Transformer(model, 2000).size, rel=0.03)


@pytest.mark.parametrize("long", [True, False])
def test_auto_is_decided_once_and_stands_in_the_file_and_in_the_record(
    tmp_path: Path, long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "pays", lambda *_: long)
    run = worker.prepare(composed(*QUICK, f"outputs={tmp_path}", "hardware.compile=auto"))
    file = worker.write_population([run])
    (listed,) = read_json(file.path)["runs"]
    assert listed["hardware"]["compile"] == "auto"  # where it trains there may be another device
    file.begin(file.read())
    (listed,) = read_json(file.path)["runs"]
    assert listed["hardware"]["compile"] is long
    if not long:  # compiling takes minutes
        assert worker.train_population([run], "p", lambda _: None)
        config = yaml.safe_load((run.directory / "config.yaml").read_text(encoding="utf-8"))
        assert config["hardware"]["compile"] is False
    plain = worker.prepare(composed(*QUICK, f"outputs={tmp_path}"))
    assert plain.run_id == run.run_id


@pytest.mark.parametrize("value", ["sometimes", "true ", 1, None])
def test_anything_else_is_refused(value: object) -> None:
    config = composed(*QUICK)
    with pytest.raises(ConfigError, match=r"hardware\.compile"):
        validate(replace(config, hardware=replace(config.hardware, compile=value)))
