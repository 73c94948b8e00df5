"""What the collected runs say of an arm: exactly the planned runs, and every one of them."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.synthetic_study import ENTROPY, leave
from warmuplab.claims.arm import Arm, Measure, Not
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.terms import FINAL_LOSS, TEST_LOSS, TRAINED, AtReadRate, LargestTrained
from warmuplab.record.run import Run
from warmuplab.study import collect
from warmuplab.study.results import Study

RATES = (1e-3, 2e-3, 4e-3)
STEPS = 20
MEMORY = Measure("overfit/memorisation_at_1_below", "memorisation", "nats", "less")
TIME = Measure("probe/steps_to_1_below", "steps", "steps", "more", "steps")
SHARPNESS = Measure("curvature/sharpness", "sharpness", "", "more", at_end_of_early_window=True)


def arm(norm: str = "post", rates: tuple[float, ...] = RATES, seeds: tuple[int, ...] = (0, 1, 2), **where: Any) -> Arm:
    """An arm of the study `tiny`; two underscores stand for a dot."""
    return Arm(
        norm,
        {"model.norm": norm} | {key.replace("__", "."): value for key, value in where.items()},
        rates,
        seeds,
        study="tiny",
    )


def collected(folder: Path) -> Study:
    return collect.update("tiny", folder / "outputs", folder / "results")[0]


def replaced(study: Study, column: str, values: dict[str, Any]) -> Study:
    """The study with other values of a column, by run."""
    runs = study.runs.copy()
    kept = runs[column] if column in runs else pd.Series(math.nan, runs.index)
    runs[column] = [values.get(run_id, old) for run_id, old in zip(runs["run_id"], kept, strict=True)]
    return dataclasses.replace(study, runs=runs)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, float, int], Run]:
    """Two normalisations at three rates and three seeds, with every outcome, by normalisation, rate and seed.

    Beside them seeds and rates that no arm here plans, and at (post, 4e-3, 2) nothing.
    """
    outputs, left = tmp_path_factory.mktemp("evidence") / "outputs", {}
    outcomes = {("post", 4e-3, 0): "diverged", ("post", 4e-3, 1): "failed", ("post", 2e-3, 2): "stuck"}
    for norm in ("post", "pre"):
        for rate in (*RATES, 8e-3):
            for seed in (0, 1, 2, 7):
                if (norm, rate, seed) != ("post", 4e-3, 2):
                    outcome = outcomes.get((norm, rate, seed), "trained")
                    keys = {"model__norm": norm, "schedule__peak_lr": rate, "seed": seed}
                    left[norm, rate, seed] = leave(outputs, outcome, probes=False, **keys)
    return left


@pytest.fixture(scope="module")
def study(runs: dict[tuple[str, float, int], Run]) -> Study:
    return collected(next(iter(runs.values())).directory.parents[2])


def summary(run: Run, name: str) -> float:
    """A summary value as the run's directory holds it."""
    assert run.summary is not None
    value = run.summary["values"][name]
    return math.nan if value is None else value


def test_a_table_has_the_planned_seeds_and_rates_and_no_other(
    runs: dict[tuple[str, float, int], Run], study: Study
) -> None:
    for seeds, rates in (((0, 1, 2), RATES), ((2, 0), (2e-3, 8e-3)), ((7,), (4e-3,))):
        table = Evidence({"tiny": study}).table(arm("pre", rates, seeds), FINAL_LOSS)
        expected = [[summary(runs["pre", rate, seed], "val/loss") for rate in rates] for seed in seeds]
        assert table.values == pytest.approx(np.array(expected))
        assert not table.at_ceiling.any()
        assert not table.lacking.any()


def test_diverged_and_stuck_runs_count_at_the_entropy_and_what_was_not_trained_is_null(
    runs: dict[tuple[str, float, int], Run], study: Study
) -> None:
    table = Evidence({"tiny": study}).table(arm(), FINAL_LOSS)
    stuck = summary(runs["post", 2e-3, 2], "val/loss")
    for seed, rate in np.ndindex(3, 3):
        value, at_ceiling = table.values[seed, rate], table.at_ceiling[seed, rate]
        if (seed, rate) in ((1, 2), (2, 2)):  # failed, and never started
            assert math.isnan(value)
            assert not at_ceiling
        elif (seed, rate) == (0, 2):
            assert (value, at_ceiling) == (ENTROPY, True)
        elif (seed, rate) == (2, 1):
            assert (value, at_ceiling) == (min(stuck, ENTROPY), stuck >= ENTROPY)
        else:
            assert (value, at_ceiling) == (pytest.approx(summary(runs["post", RATES[rate], seed], "val/loss")), False)
    assert not table.lacking.any()


@pytest.mark.parametrize(
    ("loss", "counted", "at_ceiling"), [(6.3, 6.0, True), (5.99, 5.99, False), (math.nan, 6.0, True)]
)
def test_a_loss_counts_as_the_entropy_at_most(study: Study, loss: float, counted: float, at_ceiling: bool) -> None:
    changed = replaced(study, "val/loss", dict.fromkeys(study.runs["run_id"], loss))
    table = Evidence({"tiny": changed}).table(arm("pre"), FINAL_LOSS)
    assert (table.values == counted).all()
    assert (table.at_ceiling == at_ceiling).all()


def test_every_planned_run_that_is_not_complete_is_listed(study: Study) -> None:
    evidence = Evidence({"tiny": study})
    alone, more = arm(), arm(rates=(4e-3, 1.6e-2), seeds=(0, 9))
    found = evidence.missing([alone, arm("pre"), more, arm("rms", (), (0,))])
    assert [absent.arm for absent in found] == [alone, more, arm("rms", (), (0,))]
    assert [absent.runs for absent in found] == [
        ((1, 4e-3), (2, 4e-3)),
        ((0, 1.6e-2), (9, 4e-3), (9, 1.6e-2)),
        ((0, None),),
    ]


def test_a_study_that_is_not_collected_has_no_runs() -> None:
    evidence, planned = Evidence({}), arm(seeds=(0, 1))
    assert evidence.runs(planned).empty
    for measure in (FINAL_LOSS, MEMORY, TIME):
        table = evidence.table(planned, measure)
        assert np.isnan(table.values).all()
        assert not (table.at_ceiling | table.lacking).any()
    (absent,) = evidence.missing([planned])
    assert len(absent.runs) == 2 * len(RATES)
    assert evidence.series(planned, "train/loss").empty


def test_arms_that_say_too_little_are_refused(runs: dict[tuple[str, float, int], Run], study: Study) -> None:
    both = Arm("either norm", {}, RATES, (0,), study="tiny")
    with pytest.raises(ValueError, match="either norm") as refused:
        Evidence({"tiny": study}).runs(both)
    named = [runs[norm, rate, 0].run_id for rate in RATES for norm in ("post", "pre")]
    assert [name in str(refused.value) for name in named] == [True, True, False, False, False, False]
    with pytest.raises(ValueError, match="share seed and rate"):  # which rate is not said
        Evidence({"tiny": study}).table(arm("pre", ()), FINAL_LOSS)
    assert len(Evidence({"tiny": study}).runs(arm("post", (4e-3,), (0, 1, 2)))) == 1


def test_what_all_runs_share_is_known_from_the_manifest(study: Study) -> None:
    shared: dict[str, Any] = {
        "training__steps": STEPS,
        "schedule__warmup__fraction": 0.1,
        "schedule__decay__name": "linear",
        "no__such__key": None,
    }
    assert not {key.replace("__", ".") for key in shared} & set(study.runs)
    evidence = Evidence({"tiny": study})
    assert len(evidence.runs(arm("pre", **shared))) == 9
    others = {"training__steps": 21, "schedule__warmup__fraction": 0.0, "schedule__decay__name": "cosine"}
    for key, other in (others | {"no__such__key": 1}).items():
        assert evidence.runs(arm("pre", **(shared | {key: other}))).empty


@pytest.mark.parametrize(
    ("where", "picked"),
    [
        ({"model.norm": Not("post")}, 9),
        ({"model.norm": "pre", "training.steps": Not(21)}, 9),
        ({"model.norm": "pre", "training.steps": Not(STEPS)}, 0),
        ({"model.norm": "pre", "no.such.key": Not(3)}, 9),
        ({"model.norm": "pre", "no.such.key": Not(None)}, 0),
    ],
)
def test_not_takes_every_value_but_one(study: Study, where: dict[str, Any], picked: int) -> None:
    found = Evidence({"tiny": study}).runs(Arm("x", where, RATES, (0, 1, 2), study="tiny"))
    assert len(found) == picked
    assert set(found["model.norm"]) <= {"pre"}


def test_numbers_are_the_same_up_to_rounding_and_truth_is_no_number(tmp_path: Path) -> None:
    keys = {"schedule__peak_lr": 0.1 * 3, "schedule__warmup__fraction": 0.1 + 0.2, "probes__curvature": True}
    leave(tmp_path / "outputs", **keys)
    leave(tmp_path / "outputs", **(keys | {"schedule__warmup__fraction": 0.301, "probes__curvature": False}))
    evidence = Evidence({"tiny": collected(tmp_path)})
    for where in ({"schedule__warmup__fraction": 0.3}, {"probes__curvature": True}):
        assert len(evidence.runs(arm("post", (0.3,), (0,), **where))) == 1


def test_a_run_that_never_arrives_takes_all_its_steps(tmp_path: Path) -> None:
    for seed, steps in ((0, 20), (1, 20), (2, 30), (3, 20), (4, 30)):
        outcome = "diverged" if seed == 4 else "trained"
        leave(tmp_path / "outputs", outcome, probes=False, seed=seed, training__steps=steps, schedule__peak_lr=1e-3)
    study = collected(tmp_path)
    runs = study.runs
    runs["probe/reached_1_below"] = runs["seed"].map({0: 1.0, 1: 0.0, 2: 0.0, 3: 1.0, 4: math.nan})
    runs["probe/steps_to_1_below"] = runs["seed"].map({0: 7.5, 1: 20.0, 2: 30.0, 3: 20.0, 4: math.nan})
    table = Evidence({"tiny": study}).table(arm(rates=(1e-3,), seeds=(0, 1, 2, 3, 4, 5)), TIME)
    assert table.values[:, 0] == pytest.approx([7.5, 20, 30, 20, 30, math.nan], nan_ok=True)
    assert table.at_ceiling[:, 0].tolist() == [False, True, True, True, True, False]
    only = Evidence({"tiny": dataclasses.replace(study, runs=runs[runs["seed"] < 2])})
    assert only.table(arm(rates=(1e-3,), seeds=(1,)), TIME).values.tolist() == [[20]]


def reached_of(measure: Measure) -> str:
    return f"probe/reached_{measure.column.rpartition('_at_')[2]}"


def test_a_run_without_a_value_of_its_own_is_marked_and_not_missing(study: Study) -> None:
    values = {run: math.nan if "-lr0.001-s1-" in run else 0.5 for run in study.runs["run_id"]}
    changed = replaced(study, MEMORY.column, values)
    changed = replaced(changed, reached_of(MEMORY), {run: float(v == v) for run, v in values.items()})
    table = Evidence({"tiny": changed}).table(arm(), MEMORY)
    lacking = np.zeros((3, 3), bool)
    lacking[1, 0] = lacking[0, 2] = True  # no value, and diverged
    assert table.lacking.tolist() == table.at_ceiling.tolist() == lacking.tolist()
    missing = np.zeros((3, 3), bool)
    missing[1, 2] = missing[2, 2] = True
    assert np.isnan(table.values).tolist() == (lacking | missing).tolist()
    assert MEMORY.column not in study.runs
    unmeasured = Evidence({"tiny": study}).table(arm("pre"), MEMORY)  # of a study without probes: missing, not bad
    assert np.isnan(unmeasured.values).all()
    assert not unmeasured.lacking.any()


def test_a_piecewise_schedule_has_the_rate_of_its_largest_value(tmp_path: Path) -> None:
    piecewise = {"name": "piecewise", "boundary_fractions": [0.5], "boundaries": None}
    for rate in (2e-3, 4e-3):
        for seed in (0, 1):
            decay = piecewise | {"values": [rate, rate / 8]}
            leave(tmp_path / "outputs", probes=False, seed=seed, schedule__peak_lr=None, schedule__decay=decay)
    planned = Arm("piecewise", {"schedule.decay.name": "piecewise"}, (2e-3, 4e-3), (0, 1), study="tiny")
    alone = collected(tmp_path)  # peak rate and name are the same everywhere
    leave(tmp_path / "outputs", schedule__peak_lr=2e-3)
    leave(tmp_path / "outputs", schedule__peak_lr=None, schedule__decay={"name": "noam", "d_model": 64, "scale": 1.0})
    among = collected(tmp_path)
    one = dataclasses.replace(alone, runs=alone.runs.drop(columns="schedule.decay.values").iloc[:1])
    one.manifest["configuration"]["schedule.decay.values"] = [4e-3, 5e-4]  # the same everywhere as well
    for study in (alone, among):
        evidence = Evidence({"tiny": study})
        assert evidence.missing([planned]) == []
        names = evidence.runs(planned).sort_values(["seed", "rate"])["rate"].tolist()
        assert names == pytest.approx([2e-3, 4e-3] * 2)
    assert Evidence({"tiny": one}).runs(planned)["rate"].tolist() == [4e-3]
    noam = Evidence({"tiny": among}).runs(Arm("noam", {"schedule.decay.name": "noam"}, (), (0, 1), study="tiny"))
    assert noam["seed"].tolist() == [0]
    assert noam["rate"].isna().all()


def with_curves(study: Study, rows: list[tuple[str, str, int, float]]) -> Study:
    """The study with these curves, in the types of a collected table."""
    curves = pd.DataFrame(rows, columns=["run_id", "metric", "step", "value"])
    kinds = {name: study.curves[name].dtype for name in ("step", "value")}
    return dataclasses.replace(study, curves=curves.astype(kinds | {"run_id": "category", "metric": "category"}))


def test_the_end_of_the_early_window_is_the_last_measurement_in_it(
    runs: dict[tuple[str, float, int], Run], study: Study
) -> None:
    """The window has 4 steps of 20."""
    names = {(rate, seed): runs["pre", rate, seed].run_id for rate in RATES for seed in (0, 1, 2)}
    metric = SHARPNESS.column
    rows = [(name, metric, 1, 10.0 + seed) for (_, seed), name in names.items()]
    rows += [(names[1e-3, 0], metric, 3, 100.0), (names[1e-3, 0], metric, 4, 1000.0)]  # step 4 comes after the window
    rows += [(names[2e-3, 1], "curvature/edge", 3, 7.0), (names[4e-3, 2], "train/loss", 3, 7.0)]
    rows = [row for row in rows if row[:2] != (names[4e-3, 0], metric)] + [(names[4e-3, 0], metric, 15, 5.0)]
    evidence = Evidence({"tiny": with_curves(study, rows[::-1])})
    table = evidence.table(arm("pre"), SHARPNESS)
    expected = [[100, 10, math.nan], [11, 11, 11], [12, 12, 12]]
    assert table.values == pytest.approx(np.array(expected), nan_ok=True)
    assert not table.lacking.any()  # what was not measured is missing
    decades = evidence.table(arm("pre"), dataclasses.replace(SHARPNESS, logarithm=True))
    assert decades.values == pytest.approx(np.log10(expected), nan_ok=True)
    edge = evidence.table(arm("pre"), dataclasses.replace(SHARPNESS, column="curvature/edge"))
    assert edge.values[1, 1] == 7
    assert np.isnan(edge.values).sum() == 8


def test_series_are_those_of_the_planned_runs(runs: dict[tuple[str, float, int], Run], study: Study) -> None:
    found = Evidence({"tiny": study}).series(arm("post", (1e-3, 4e-3)), "val/loss")
    planned = [("post", 1e-3, 0), ("post", 1e-3, 1), ("post", 1e-3, 2)]
    assert set(found["run_id"]) == {runs[key].run_id for key in planned}  # one diverged before it was validated
    for (_, rate, seed), (_, rows) in zip(planned, found.groupby("seed"), strict=True):
        assert set(rows["rate"]) == {rate}
        assert rows["value"].iloc[-1] == pytest.approx(summary(runs["post", rate, seed], "val/loss"))
        assert rows["step"].iloc[-1] == STEPS - 1


def test_a_ramp_that_diverges_suggests_what_was_read_before(tmp_path: Path) -> None:
    decay = {"name": "ramp", "start_lr": 1e-5, "end_lr": 1.0}
    for seed, outcome in enumerate(("trained", "diverged", "trained")):
        leave(tmp_path / "outputs", outcome, seed=seed, probes=False, schedule__peak_lr=None, schedule__decay=decay)
    study = collected(tmp_path)
    study.runs["ramp/jitter_lr"] = study.runs["seed"].map({0: 1e-2, 1: 2e-2, 2: math.nan})
    ramp = Arm("ramp", {"schedule.decay.name": "ramp"}, (), (0, 1, 2, 3), study="tiny")
    suggested = AtReadRate((), (ramp,), 1e-2).suggested(Evidence({"tiny": study}), 0)
    assert suggested == pytest.approx([1e-2, 2e-2, math.nan, math.nan], nan_ok=True)
    assert np.isnan(AtReadRate((), (ramp,), 1e-2, "ramp/rise_lr").suggested(Evidence({"tiny": study}), 0)).all()
    assert np.isnan(AtReadRate((), (ramp,), 1e-2).suggested(Evidence({}), 0)).all()


def test_a_run_that_is_stuck_on_one_split_counts_at_the_ceiling_on_another(
    runs: dict[tuple[str, float, int], Run], study: Study
) -> None:
    """It may end a little below the unigram entropy there, which is that of the validation split."""
    below = {run.run_id: ENTROPY - 0.003 for run in runs.values()}
    on_test = replaced(study, "test/loss", below)
    table = Evidence({"tiny": on_test}).table(arm("post", (1e-3, 2e-3), (1, 2)), TEST_LOSS)
    assert table.at_ceiling.tolist() == [[False, False], [False, True]]
    assert table.values == pytest.approx(np.array([[ENTROPY - 0.003] * 2, [ENTROPY - 0.003, ENTROPY]]))


def test_a_rate_at_which_a_run_diverged_is_not_one_at_which_it_trained(study: Study) -> None:
    """Nor does it make the seed a missing one."""
    learned = dataclasses.replace(TRAINED, ceiling="worst")
    read = LargestTrained(arm("post", RATES, (0,)), learned).read(Evidence({"tiny": study}))
    assert read.values == pytest.approx([math.log2(2e-3)])
