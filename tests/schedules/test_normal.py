"""From a configuration to a schedule: what is accepted, what is refused and how, and the presets."""

import csv
import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from support.composing import ROOT
from warmuplab.base.errors import ConfigError
from warmuplab.commands import schedule as schedule_view
from warmuplab.schedules import (
    DECAYS,
    EQUAL_AREA,
    SHAPES,
    UNTUNED_RULES,
    RunSchedule,
    Schedule,
    UntunedWarmup,
    Warmup,
    build,
    learning_rates,
    normalized,
    warmup_steps,
)

PRESETS = sorted(file.stem for file in (ROOT / "conf/schedule").glob("*.yaml"))
RISES = sorted(file.stem for file in (ROOT / "conf/schedule/warmup").glob("*.yaml"))


@functools.cache
def composed(*overrides: str) -> Any:
    """`schedule` of a run of 200 steps, from the presets alone."""
    surroundings = ["+training.steps=200", "+model.width=64", "+optimizer.betas=[0.9,0.98]"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(overrides=[*surroundings, *overrides])


def config(warmup: dict[str, object] | None = None, peak_lr: object = 1e-3, **decay: object) -> dict[str, object]:
    return {
        "peak_lr": peak_lr,
        "warmup": {"shape": "linear", "fraction": 0.1, **(warmup or {})},
        "decay": {"name": "linear", **decay},
    }


# ---- The equal-area control ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", ["linear", "cosine", "constant", "exponential", "trapezoid"])
@pytest.mark.parametrize(("fraction", "window"), [(0.1, 0.2), (0.3, 0.2), (0.02, 0.2), (0.5, 0.1), (0.1, 1.0)])
def test_equal_area_has_the_rates_of_no_warmup_and_the_early_sum_of_warmup(
    decay: str, fraction: float, window: float
) -> None:
    total, early = 200, round(200 * window)
    shapes: dict[str, Any] = {
        "equal_area": {"shape": "equal_area", "fraction": fraction, "window": window},
        "linear": {"fraction": fraction},
        "none": {"fraction": 0.0},
    }
    tables = {shape: learning_rates(config(warmup, name=decay), total) for shape, warmup in shapes.items()}
    assert tables["equal_area"][:early].sum() == pytest.approx(tables["linear"][:early].sum(), rel=1e-12)
    ratio = tables["equal_area"][tables["none"] > 0] / tables["none"][tables["none"] > 0]
    assert np.ptp(ratio) < 1e-12  # one factor for the whole run
    assert ratio[0] < 1 or window == 1.0  # over the whole run a warmup may delay the fall more than it costs
    assert warmup_steps(config(shapes["equal_area"], name=decay), total) == 0


def test_equal_area_starts_from_its_own_settings() -> None:
    """A window that is not given is a fifth of the run, a start factor lifts the warmup it is compared with."""
    given = learning_rates(config({"shape": "equal_area", "window": 0.2}), 200)
    assert np.array_equal(learning_rates(config({"shape": "equal_area"}), 200), given)
    lifted = learning_rates(config({"shape": "equal_area", "start_factor": 0.5}), 200)
    assert lifted[:40].sum() == pytest.approx(learning_rates(config({"start_factor": 0.5}), 200)[:40].sum())
    assert normalized(config())["warmup"]["window"] is None  # which leaves the names of runs alone: see test_identity


# ---- Presets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "ramp"])
def test_a_preset_works_at_any_length(preset: str) -> None:
    schedule = composed(f"+schedule={preset}").schedule
    for total in (10, 200, 100_000):
        table = learning_rates(schedule, total)
        warmup = warmup_steps(schedule, total)
        assert 0 < warmup < total / 2
        assert table[warmup] == table.max()
        assert table[-1] <= table.max()
        assert set(schedule.decay) == set(normalized(schedule)["decay"])  # every setting of the decay is in its file


def test_the_ramp_goes_from_end_to_end_at_any_length() -> None:
    schedule = composed("+schedule=ramp", "schedule.decay.start_lr=1e-4", "schedule.decay.end_lr=0.1").schedule
    for total in (10, 200, 100_000):
        table = learning_rates(schedule, total)
        assert table[0] == 1e-4
        assert table[total // 2] == pytest.approx(10**-2.5, rel=1e-12)
        assert table[-1] == pytest.approx(0.1 * 1000 ** (-1 / total), rel=1e-12)  # the end is one step further
        assert set(schedule.decay) == set(normalized(schedule)["decay"])


@pytest.mark.parametrize("rise", RISES)
def test_any_rise_goes_with_any_preset(rise: str) -> None:
    for preset in PRESETS:
        schedule = dict(composed(f"+schedule={preset}").schedule)
        schedule["warmup"] = composed("+schedule=linear", f"schedule/warmup={rise}").schedule.warmup
        if rise == "equal_area" and schedule["decay"].name in ("noam", "one_cycle", "ramp", "warmup_inverse_time"):
            with pytest.raises(ConfigError, match="own rise"):
                learning_rates(schedule, 200)
            continue
        table = learning_rates(schedule, 200)
        assert np.isfinite(table).all()
        assert (table[0] == table.max()) == (rise in ("none", "equal_area") and preset != "ramp")


def test_every_decay_and_every_shape_has_a_preset() -> None:
    assert {composed(f"+schedule={preset}").schedule.decay.name for preset in PRESETS} == set(DECAYS)
    shapes = {composed("+schedule=linear", f"schedule/warmup={rise}").schedule.warmup.shape for rise in RISES}
    assert shapes == {*SHAPES, EQUAL_AREA, *UNTUNED_RULES}


def test_a_rise_is_chosen_beside_a_preset() -> None:
    schedule = composed("+schedule=cosine", "schedule/warmup=untuned_linear", "optimizer.betas=[0.9,0.95]").schedule
    assert (schedule.decay.name, schedule.warmup.shape) == ("cosine", "untuned_linear")
    assert warmup_steps(schedule, 200) == 40


def test_noam_follows_the_width_of_the_model() -> None:
    narrow, wide = composed("+schedule=noam"), composed("+schedule=noam", "model.width=256")
    np.testing.assert_allclose(learning_rates(narrow.schedule, 200), 2 * learning_rates(wide.schedule, 200), rtol=1e-12)
    scaled = composed("+schedule=noam", "schedule.decay.scale=3")
    np.testing.assert_allclose(
        learning_rates(scaled.schedule, 200), 3 * learning_rates(narrow.schedule, 200), rtol=1e-12
    )


def test_the_published_lengths_can_be_typed() -> None:
    schedule = composed("+schedule=noam", "schedule.warmup.fraction=null", "schedule.warmup.steps=4000").schedule
    assert learning_rates(schedule, 40_000).argmax() == 4000
    schedule = composed(
        "+schedule=exponential",
        "schedule/warmup=none",
        "schedule.decay.decay_rate=0.9",
        "schedule.decay.decay_steps=4000",
    ).schedule
    assert build(schedule, 40_000)(8000) == pytest.approx(2e-3 * 0.81, rel=1e-12)


# ---- The same settings, however they come ----------------------------------------------------------------------------


@dataclass
class WarmupPart:
    shape: str
    fraction: float | None
    steps: int | None
    start_factor: float = 0.0


@dataclass
class SchedulePart:
    peak_lr: float | None
    warmup: WarmupPart
    decay: dict[str, Any]


def test_mapping_node_and_dataclass_are_the_same() -> None:
    plain = config(name="cosine", alpha=0.1)
    part = SchedulePart(1e-3, WarmupPart("linear", 0.1, None), {"name": "cosine", "alpha": 0.1})
    expected = learning_rates(plain, 50)
    for form in (OmegaConf.create(plain), OmegaConf.structured(part), part):
        assert (learning_rates(form, 50) == expected).all()
        assert normalized(form) == normalized(plain)


def test_normalized_is_the_same_for_every_spelling() -> None:
    spelled = [
        config(peak_lr=1, end_factor=0),
        config(peak_lr=1.0, end_factor=-0.0),
        config(peak_lr=np.float64(1)),
        config(warmup={"steps": None, "start_factor": 0, "stairs": None, "beta2": None}, peak_lr=1),
    ]
    as_json = {json.dumps(normalized(form)) for form in spelled}
    assert len(as_json) == 1
    again = json.loads(as_json.pop())
    assert normalized(again) == again
    by_steps = [config(warmup={"fraction": None, "steps": steps}) for steps in (20, 20.0, np.int64(20))]
    assert len({json.dumps(normalized(form)) for form in by_steps}) == 1
    assert normalized(config(warmup={"shape": "stepped"})) == normalized(
        config(warmup={"shape": "stepped", "stairs": 4})
    )


def test_normalized_tells_settings_apart() -> None:
    base = normalized(config())
    for other in (
        config(peak_lr=2e-3),
        config(warmup={"fraction": 0.2}),
        config(end_factor=0.1),
        config(name="cosine"),
    ):
        assert normalized(other) != base


# ---- What is refused -------------------------------------------------------------------------------------------------

NO_LENGTH = {"fraction": None}


@pytest.mark.parametrize(
    ("wrong", "field", "told"),
    [
        (config(peak_lr=None), "peak_lr", "needs a peak"),
        (config(peak_lr=float("nan")), "peak_lr", "finite"),
        (config(peak_lr=float("inf")), "peak_lr", "finite"),
        (config(peak_lr=0), "peak_lr", "above 0"),
        (config(peak_lr=-1e-3), "peak_lr", "above 0"),
        (config(peak_lr="fast"), "peak_lr", "not a number"),
        (config(peak_lr=True), "peak_lr", "not a number"),
        (config(name="noam", d_model=64), "peak_lr", "schedule.decay.scale"),
        (config(name="piecewise", values=[1.0], boundaries=[]), "peak_lr", "schedule.decay.values"),
        (config(name="sigmoid"), "decay.name", "inverse_sqrt"),
        (config(name=None), "decay.name", "choose one of constant, linear"),
        (config(alpha=0.1), "decay.alpha", "end_factor"),
        (config(name="constant", alpha=0.1), "decay.alpha", "it has none"),
        (config(end_factor="low"), "decay.end_factor", "not a number"),
        (config(end_factor=None), "decay.end_factor", "not a number"),
        (config(end_factor=2), "decay.end_factor", "from 0 to 1"),
        (config(name="exponential", staircase=1), "decay.staircase", "true or false"),
        (config(name="exponential", decay_rate=0), "decay.decay_rate", "above 0"),
        (config(name="exponential", decay_steps=0), "decay.decay_steps", "above 0"),
        (config(name="exponential", decay_fraction=0), "decay.decay_fraction", "above 0"),
        (config(name="exponential", decay_steps=9, decay_fraction=0.5), "decay.decay_steps", "decay.decay_steps=null"),
        (config(name="cosine_restarts", cycles=1.5), "decay.cycles", "whole number"),
        (config(name="cosine_restarts", cycles=0), "decay.cycles", "at least 1"),
        (config(name="cosine_restarts", cycles=99, t_mul=9), "decay.cycles", "fewer"),
        (config(name="cosine_restarts", t_mul=0.5), "decay.t_mul", "at least 1"),
        (config(name="trapezoid", fall="sqrt"), "decay.fall", "1-sqrt"),
        (config(name="trapezoid", fall_fraction=1.5), "decay.fall_fraction", "at most 1"),
        (config(name="inverse_sqrt", timescale=-1), "decay.timescale", "above 0"),
        (config(name="noam", peak_lr=None), "decay.d_model", "missing"),
        (config(name="noam", peak_lr=None, d_model=0), "decay.d_model", "at least 1"),
        (config(name="ramp", start_lr=1e-5, end_lr=1.0), "peak_lr", "schedule.decay.end_lr"),
        (config(name="ramp", peak_lr=None, end_lr=1.0), "decay.start_lr", "missing"),
        (config(name="ramp", peak_lr=None, start_lr=0, end_lr=1.0), "decay.start_lr", "above 0"),
        (config(name="ramp", peak_lr=None, start_lr=1.0, end_lr=0.1), "decay.end_lr", "above 1"),
        (config(name="piecewise", peak_lr=None), "decay.values", "missing"),
        (config(name="piecewise", peak_lr=None, values=1.0), "decay.values", "list"),
        (config(name="piecewise", peak_lr=None, values=[1.0]), "decay.boundaries", "boundary_fractions"),
        (config(name="piecewise", peak_lr=None, values=[1, "x"], boundaries=[1]), "decay.values", "number"),
        (config(name="piecewise", peak_lr=None, values=[1, 2], boundaries=[3, 2]), "decay.boundaries", "increasing"),
        (config({"shape": "sigmoid"}), "warmup.shape", "square_root"),
        (config({"window": 0.2}), "warmup.window", "only equal_area"),
        (config({"shape": "equal_area", "window": 0}), "warmup.window", "at most 1"),
        (config({"shape": "equal_area", "fraction": None}), "warmup.fraction", "has no length"),
        (config({"shape": "equal_area", "fraction": 0.999}), "warmup.fraction", "does not end within"),
        (config({"length": 3}), "warmup.length", "start_factor"),
        (config({"fraction": 1.5}), "warmup.fraction", "below 1"),
        (config({"fraction": 1.0}), "warmup.fraction", "below 1"),
        (config({"fraction": -0.1}), "warmup.fraction", "from 0"),
        (config({"fraction": float("nan")}), "warmup.fraction", "from 0"),
        (config({"fraction": "0.1"}), "warmup.fraction", "not a number"),
        (config({"fraction": True}), "warmup.fraction", "not a number"),
        (config({"fraction": 0.999}), "warmup.fraction", "200 steps does not end within"),
        (config({"steps": 20}), "warmup.steps", "schedule.warmup.fraction=null"),
        (config({"fraction": None}), "warmup.fraction", "schedule.warmup.steps"),
        (config({**NO_LENGTH, "steps": -1}), "warmup.steps", "negative"),
        (config({**NO_LENGTH, "steps": 2.5}), "warmup.steps", "whole number"),
        (config({**NO_LENGTH, "steps": 200}), "warmup.steps", "raise training.steps"),
        (config({"start_factor": 1.5}), "warmup.start_factor", "from 0 to 1"),
        (config({"stairs": 3}), "warmup.stairs", "schedule.warmup.stairs=null"),
        (config({"shape": "stepped", "stairs": 0}), "warmup.stairs", "at least 1"),
        (config({"beta2": 0.9}), "warmup.beta2", "schedule.warmup.beta2=null"),
        (config({"shape": "none"}), "warmup.fraction", "schedule/warmup=none"),
        (config({"shape": "untuned_linear"}), "warmup.fraction", "schedule/warmup=untuned_linear"),
        (config({"shape": "untuned_linear", **NO_LENGTH}), "warmup.beta2", "schedule/warmup=untuned_linear"),
        (config({"shape": "untuned_linear", **NO_LENGTH, "beta2": 1}), "warmup.beta2", "at most"),
        (config({"shape": "untuned_linear", **NO_LENGTH, "beta2": 0.999}), "warmup.beta2", "2000 steps does not end"),
    ],
)
def test_what_is_wrong_is_named_as_typed(wrong: dict[str, object], field: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        learning_rates(wrong, 200)
    assert caught.value.field == f"schedule.{field}"
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("total", [0, -5, 2.5, "200", True, None])
def test_a_run_has_at_least_one_step(total: Any) -> None:
    for function in (learning_rates, warmup_steps, build):
        with pytest.raises(ConfigError, match=r"^training\.steps="):
            function(config(), total)


@pytest.mark.parametrize("wrong", [None, 3, "linear", {"peak_lr": 1e-3, "warmup": 0.1, "decay": "linear"}])
def test_what_is_no_group_of_settings_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^schedule"):
        normalized(wrong)


# ---- Warmup of a part of the network ---------------------------------------------------------------------------------


def split(decay: str, warmup: dict[str, object]) -> dict[str, object]:
    """A schedule that sets what its decay needs, and at a part of the network."""
    needed: dict[str, dict[str, object]] = {
        "noam": {"d_model": 64},
        "piecewise": {"values": [1e-3, 5e-4, 1e-4], "boundary_fractions": [0.3, 0.6]},
        "ramp": {"start_lr": 1e-5, "end_lr": 1e-2},
    }
    return config({"layers": "deep", **warmup}, None if decay in needed else 1e-3, name=decay, **needed.get(decay, {}))


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("shape", [shape for shape in (*SHAPES, *UNTUNED_RULES) if shape != "none"])
@pytest.mark.parametrize("start_factor", [0.0, 0.3])
def test_elsewhere_the_rate_is_that_of_the_part_without_its_factor(decay: str, shape: str, start_factor: float) -> None:
    own: dict[str, object] = {"fraction": None, "beta2": 0.9} if shape in UNTUNED_RULES else {"fraction": 0.2}
    told = split(decay, {"shape": shape, "start_factor": start_factor, **own})
    schedule, steps = build(told, 200), np.arange(200)
    rise = UntunedWarmup(shape, 0.9, start_factor) if shape in UNTUNED_RULES else Warmup(40, shape, start_factor)
    elsewhere = schedule.learning_rates_elsewhere()
    assert elsewhere is not None
    np.testing.assert_allclose(rise(steps) * elsewhere, schedule.learning_rates(), rtol=1e-15)
    assert (elsewhere[: schedule.warmup_steps + 1] == elsewhere[0]).all()  # the decay's clock starts with its end
    whole = build(told | {"warmup": {**told["warmup"], "layers": "all"}}, 200)  # type: ignore[dict-item]
    assert np.array_equal(schedule.learning_rates(), whole.learning_rates())
    assert whole.learning_rates_elsewhere() is None
    nothing = build(told | {"warmup": {**told["warmup"], "layers": "none"}}, 200)  # type: ignore[dict-item]
    assert np.array_equal(nothing.learning_rates(), elsewhere)
    assert nothing.learning_rates_elsewhere() is None
    assert nothing.warmup_steps == whole.warmup_steps


def test_warmup_of_no_layer_differs_from_no_warmup_in_the_clock() -> None:
    steps = np.arange(200)
    nothing, without = (learning_rates(config(warmup), 200) for warmup in ({"layers": "none"}, {"fraction": 0}))
    np.testing.assert_allclose(nothing, 1e-3 * (1 - np.maximum(steps - 20, 0) / 180), rtol=1e-12)
    np.testing.assert_allclose(without, 1e-3 * (1 - steps / 200), rtol=1e-12)


def test_outside_the_part_an_equal_area_schedule_is_not_lowered() -> None:
    told = split("cosine", {"shape": "equal_area", "fraction": 0.1})
    schedule = build(told, 200)
    without = learning_rates(split("cosine", {"fraction": 0}), 200)
    elsewhere = schedule.learning_rates_elsewhere()
    assert elsewhere is not None
    assert np.array_equal(elsewhere, without)
    assert (schedule.learning_rates()[:40] < without[:40]).all()


@pytest.mark.parametrize(
    "warmup",
    [
        {"fraction": 0},
        {"fraction": None, "steps": 0},
        {"shape": "none", "fraction": None},
        {"start_factor": 1},
        {"shape": "equal_area", "fraction": 0.0},
    ],
)
@pytest.mark.parametrize("layers", ["none", "decoder", ["encoder"]])
def test_where_no_rate_is_lowered_every_choice_of_layers_is_one_schedule(
    warmup: dict[str, object], layers: object
) -> None:
    told = normalized(config({**warmup, "layers": layers}))
    assert told == normalized(config(warmup))
    assert build(config({**warmup, "layers": layers}), 200).elsewhere is None


def test_patterns_are_put_in_order() -> None:
    told = [normalized(config({"layers": given})) for given in (["b.*.c", "a"], ["a", "b.*.c", "a"], ("a", "b.*.c"))]
    assert [each["warmup"]["layers"] for each in told] == [["a", "b.*.c"]] * 3
    assert normalized(config({"layers": "all"})) == normalized(config())
    in_nodes = OmegaConf.create({"layers": ["b", "a"]})
    assert normalized(config({"layers": in_nodes.layers}))["warmup"]["layers"] == ["a", "b"]


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (
            "decodr",
            "decodr: there is no such part of the network; did you mean decoder? choose one of all, none, deep,",
        ),
        ("x", "x: there is no such part of the network; choose one of all, none, deep, shallow, embedding, encoder,"),
        ("decoder.*.cross", "decoder.*.cross: there is no such part of the network; choose one of all, none, deep,"),
        (None, "null: is neither a part of the network nor a list; choose one of all, none, deep, shallow,"),
        (3, "3: is neither a part of the network nor a list; choose one of all, none, deep, shallow, embedding,"),
        ([], "[]: names nothing; use schedule.warmup.layers=none, or give a list of parameter names"),
        (["deep"], "deep: stands for a part and cannot be in a list; use schedule.warmup.layers=deep, or give"),
        ([3], "3: is not the beginning of a parameter's name; give names and * between dots, such as"),
        (["a", ["b"]], "['b']: is not the beginning of a parameter's name; give names and * between dots"),
        (["a..b"], "a..b: is not the beginning of a parameter's name; give names and * between dots, such as"),
        (["decoder.[01]"], "decoder.[01]: is not the beginning of a parameter's name; give names and * between"),
    ],
)
def test_what_is_no_part_of_a_network_is_refused(layers: object, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        normalized(config({"layers": layers}))
    assert str(refused.value).startswith(f"schedule.warmup.layers={line}")


def test_a_pattern_without_brackets_is_told_to_take_some() -> None:
    with pytest.raises(ConfigError, match=r"or put patterns into brackets: \[decoder\.\*\.cross\]$"):
        normalized(config({"layers": "decoder.*.cross"}))


# ---- The terminal view -----------------------------------------------------------------------------------------------


def test_the_table_reads_back_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = composed("+schedule=cosine", "training.steps=1000")
    schedule_view.show(build(run.schedule, 1000), str(tmp_path / "lr.csv"))
    rows = list(csv.DictReader((tmp_path / "lr.csv").open()))
    assert list(rows[0]) == ["step", "lr"]
    assert [int(row["step"]) for row in rows] == list(range(1000))
    assert [float(row["lr"]) for row in rows] == learning_rates(run.schedule, 1000).tolist()
    shown = capsys.readouterr().out
    assert "100  2.000000e-03  end of the warmup" in shown


def test_the_view_has_a_second_line_where_a_part_warms_up_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = build(config({"layers": ["decoder.*.cross", "encoder"]}), 200)
    schedule_view.show(schedule, str(tmp_path / "lr.csv"))
    rows = list(csv.DictReader((tmp_path / "lr.csv").open()))
    assert list(rows[0]) == ["step", "lr", "lr/elsewhere"]
    elsewhere = schedule.learning_rates_elsewhere()
    assert elsewhere is not None
    assert [float(row["lr/elsewhere"]) for row in rows] == elsewhere.tolist()
    shown = capsys.readouterr().out
    assert "linear warmup of 20 (decoder.*.cross, encoder)" in shown
    assert "0.000000e+00  1.000000e-03" in shown
    one = schedule_view.plot([schedule.formula], 200, 20)
    both = schedule_view.plot([schedule.formula, elsewhere_of(schedule)], 200, 20)
    assert set(one.splitlines()) - set(both.splitlines()) == {one.splitlines()[0]}  # a level line at the top


def elsewhere_of(schedule: RunSchedule) -> Schedule:
    assert schedule.elsewhere is not None
    return schedule.elsewhere


@pytest.mark.parametrize("total", [1, 2, 3, 150, 100_000_000])
def test_the_plot_computes_only_what_it_shows(total: int) -> None:
    asked = []
    schedule = build(config(name="trapezoid"), total)

    def counted(step: Any) -> Any:
        asked.append(np.size(step))
        return schedule(step)

    drawn = schedule_view.plot([counted], total, total // 10)
    assert sum(asked) < 5000
    assert len(drawn.splitlines()) == schedule_view.HEIGHT + 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^out="):
        schedule_view.show(build(composed("+schedule=cosine").schedule, 200), str(tmp_path / "missing" / "lr.csv"))


def test_schedules_import_nothing_heavy() -> None:
    code = "import sys, warmuplab.schedules; print(*{'torch', 'hydra', 'omegaconf', 'scipy'}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
