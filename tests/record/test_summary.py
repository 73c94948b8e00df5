"""What a run comes down to, for tables made by hand whose answers are known."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from warmuplab.record.summary import TRAINED_MARGIN, summarise, with_derived
from warmuplab.series import jitter, levels, lr_range, spikes

NAN = math.nan
ENTROPY = 5.0  # of the unigram distribution
STEPS, EARLY = 40, 10


def table(**columns: Any) -> pd.DataFrame:
    """A run of 40 steps that ends well; `columns` replace or add series, `train_loss` means `train/loss`."""
    steps = np.arange(STEPS)
    series: dict[str, Any] = {
        "step": steps,
        "lr": 1e-3 * (steps + 1),
        "train/loss": 8.0 - 0.1 * steps,
        "grad/norm": np.full(STEPS, 2.0),
        "update/relative": np.full(STEPS, 1e-3),
        "val/loss": sparse({19: 4.6, 29: 3.5, 39: 3.75}),
    }
    return pd.DataFrame(series | {name.replace("_", "/", 1): values for name, values in columns.items()})


def sparse(values: dict[int, float], steps: int = STEPS) -> np.ndarray:
    """A series measured at some steps only."""
    return np.array([values.get(step, NAN) for step in range(steps)])


def values_of(metrics: pd.DataFrame, diverged_at: int | None = None, **rest: Any) -> dict[str, Any]:
    found: dict[str, Any] = summarise(metrics, EARLY, diverged_at, ENTROPY, **rest)["values"]
    return found


def test_losses_at_the_end() -> None:
    values = values_of(table())
    assert values["train/loss"] == pytest.approx((8 - 3.8 + 8 - 3.9) / 2)  # 5 % of 40 steps
    assert values["val/loss"] == 3.75
    assert values["val/loss_min"] == 3.5


@pytest.mark.parametrize(
    ("final", "expected"),
    [(4.7, True), (4.8, True), (4.81, False), (5.0, False), (7.0, False), (NAN, False)],
)
def test_trained_is_ending_a_fifth_of_a_nat_below_the_unigram_entropy(final: float, expected: bool) -> None:
    assert TRAINED_MARGIN == 0.2
    metrics = table(val_loss=sparse({19: 3.0, 39: final}))  # a low loss in between does not count
    assert summarise(metrics, EARLY, None, ENTROPY)["trained"] is expected


def test_nothing_but_its_own_value_follows_from_the_test_loss() -> None:
    without, bad = (summarise(table(**test), EARLY, None, ENTROPY) for test in ({}, {"test_loss": sparse({39: 99.0})}))
    assert bad["values"].pop("test/loss") == 99.0
    assert "test/loss" not in without["values"]
    assert bad == without
    assert bad["trained"]


def test_status_and_early_window() -> None:
    finished = summarise(table(), EARLY, None, ENTROPY)
    assert (finished["status"], finished["diverged_at"], finished["early_steps"]) == ("finished", None, EARLY)
    losses = np.where(np.arange(STEPS) < 25, 6.0, NAN)
    diverged = summarise(table(train_loss=losses, val_loss=sparse({19: 3.0})), EARLY, 25, ENTROPY)
    assert (diverged["status"], diverged["diverged_at"], diverged["trained"]) == ("diverged", 25, False)
    assert diverged["values"]["train/loss"] is None
    assert diverged["values"]["val/loss"] is None
    assert diverged["values"]["val/loss_min"] == 3.0


def test_the_largest_of_the_run_and_the_last_measured() -> None:
    metrics = table(
        grad_norm=np.r_[1.0, 9.0, np.full(STEPS - 2, 3.0)],
        stability_attention_logit=sparse({0: 1.0, 20: 7.5, 39: 2.0}),
        stability_log_z=sparse({0: 11.0, 39: 8.0}),
        stability_entropy=sparse({0: 5.5, 20: 4.0, 36: 3.0}),
        overfit_generalisation_gap=sparse({19: 0.1, 39: 0.4}),
        curvature_sharpness=sparse({0: 5.0, 9: 50.0, 39: 20.0}),
        curvature_edge=sparse({0: 0.0, 9: 1.5, 39: 0.0}),
    )
    values = values_of(metrics)
    assert values["grad/norm_max"] == 9
    assert values["stability/attention_logit_max"] == 7.5
    assert values["stability/log_z_max"] == 11
    assert values["curvature/sharpness_max"] == 50
    assert values["curvature/edge_max"] == 1.5
    assert values["stability/entropy"] == 3
    assert values["overfit/generalisation_gap"] == 0.4
    assert values["curvature/sharpness"] == 20
    assert not any(name.startswith("curvature/preconditioned") for name in values)
    of_diverged = values_of(metrics, diverged_at=39)
    assert of_diverged["stability/entropy"] is None  # what it was before it diverged is no end
    assert of_diverged["stability/attention_logit_max"] == 7.5


def test_the_early_window_is_summed_and_nothing_else() -> None:
    steps = np.arange(STEPS)
    metrics = table(
        overfit_self_drop=np.where(steps < EARLY, 0.5, 100.0),
        overfit_held_drop=np.where(steps < EARLY, 0.25, 100.0),
        overfit_gap=np.where(steps < EARLY, 0.25, 0.0),
        stability_kl=np.where(steps < EARLY, 0.01 * (1 + steps), 100.0),
        probe_loss=np.full(STEPS, 8.0),
    )
    values = values_of(metrics)
    assert values["overfit/self_drop_sum"] == pytest.approx(5)
    assert values["overfit/held_drop_sum"] == pytest.approx(2.5)
    assert values["overfit/gap_sum"] == pytest.approx(2.5)
    assert values["stability/kl_path"] == pytest.approx(0.55)
    assert values["stability/kl_max"] == pytest.approx(0.1)


def test_the_path_has_a_logarithm_where_it_has_a_length() -> None:
    values = values_of(table(stability_kl=np.full(STEPS, 0.3), probe_loss=np.full(STEPS, 8.0)))
    assert values["stability/log_kl_path"] == pytest.approx(math.log(3.0))
    for standing in (np.zeros(STEPS), np.full(STEPS, -1e-9)):  # rounding can take it below 0
        values = values_of(table(stability_kl=standing, probe_loss=np.full(STEPS, 8.0)))
        assert values["stability/kl_path"] is not None
        assert values["stability/log_kl_path"] is None


def test_sharpness_is_averaged_over_the_time_of_the_early_window() -> None:
    metrics = table(
        curvature_sharpness=sparse({0: 8.0, 1: 4.0, 2: 4.0, 8: 10.0, 12: 1000.0}),
        curvature_preconditioned_sharpness=sparse({1: 5.0, 2: 1.0, 4: 1.0, 12: 1000.0}),
        curvature_edge=sparse({0: 0.0, 1: 2.0, 8: 3.0}),
        curvature_preconditioned_edge=sparse({1: 14.0, 2: 1.0}),
    )
    values = values_of(metrics)
    assert values["curvature/sharpness_mean"] == pytest.approx((6 + 4 + 6 * 7) / 8)
    assert values["curvature/preconditioned_sharpness_mean"] == pytest.approx((3 + 2) / 3)
    assert values["curvature/edge_first"] == 0  # defined at step 0, where a warmup has no rate
    assert values["curvature/preconditioned_edge_first"] == 14
    assert values_of(metrics, diverged_at=9)["curvature/sharpness_mean"] is None  # the window has no rest
    assert values_of(metrics, diverged_at=EARLY)["curvature/sharpness_mean"] == values["curvature/sharpness_mean"]
    assert values_of(metrics, diverged_at=9)["curvature/preconditioned_edge_first"] == 14
    never = values_of(table(curvature_edge=sparse({}), curvature_sharpness=sparse({12: 3.0})))
    assert never["curvature/edge_first"] is never["curvature/sharpness_mean"] is None


def test_an_early_window_that_was_not_measured_to_its_end_has_no_sum() -> None:
    steps = np.arange(STEPS)
    metrics = table(overfit_gap=np.where(steps < 7, 0.5, NAN), stability_kl=np.where(steps < 7, 0.5, NAN))
    values = values_of(metrics, diverged_at=7)
    assert values["overfit/gap_sum"] is values["stability/kl_path"] is values["stability/kl_max"] is None


def test_an_empty_early_window_has_no_values() -> None:
    full = np.full(STEPS, 0.5)
    metrics = table(probe_loss=full, overfit_gap=full, stability_kl=full)
    found = summarise(metrics, 0, None, ENTROPY, LAYERS)["values"]
    early = ("overfit/gap_sum", "stability/kl_path", "stability/kl_max", "spike/max_rise")
    assert [found[name] for name in early] == [None] * 4
    assert not any(name.startswith("stability/encoder") for name in found)
    assert found["overfit/gap_sum_to_1_below"] == 0  # below the level from the first step on


def test_matched_levels_read_and_sum_where_the_probe_loss_gets_there() -> None:
    steps = np.arange(STEPS)
    metrics = table(
        probe_loss=np.maximum(6.5 - 0.1 * steps, 3.2),  # 1 nat below the entropy at step 25, 1.5 at step 30
        overfit_gap=np.full(STEPS, 0.5),
        stability_kl=np.where(steps < 20, 0.1, 0.2),
        overfit_memorisation=sparse({4: 0.0, 20: -0.2, 30: -0.4, 39: -2.0}),
    )
    values = values_of(metrics)
    assert values["probe/steps_to_1_below"] == pytest.approx(25)
    assert values["probe/reached_1_below"] == 1
    assert values["overfit/gap_sum_to_1_below"] == pytest.approx(12.5)
    assert values["stability/kl_path_to_1_below"] == pytest.approx(20 * 0.1 + 5 * 0.2)
    assert values["stability/log_kl_path_to_1_below"] == pytest.approx(math.log(3))
    assert values["overfit/memorisation_at_1_below"] == pytest.approx(-0.3)
    assert values["probe/steps_to_1.5_below"] == pytest.approx(30)
    assert values["overfit/memorisation_at_1.5_below"] == pytest.approx(-0.4)
    # Never reached: censored at the number of steps, and nothing is read there.
    assert values["probe/steps_to_2_below"] == STEPS
    assert values["probe/reached_2_below"] == 0
    for name in (
        "overfit/gap_sum_to",
        "stability/kl_path_to",
        "stability/log_kl_path_to",
        "overfit/memorisation_at",
    ):
        assert values[f"{name}_2_below"] is None
    assert {name for name in values if name.startswith("probe/")} == {
        f"probe/{what}_{levels.name_of(level)}" for level in levels.LEVELS for what in ("steps_to", "reached")
    }


def test_a_sum_until_a_level_takes_every_step_before_it() -> None:
    steps = np.arange(STEPS)
    loss = np.maximum(6.5 - 0.1 * steps, 3.2)  # 1 nat below the entropy at step 25, 1.5 at step 30
    known = (steps < 26) | (steps % 4 == 0)
    metrics = table(
        probe_loss=loss,
        overfit_gap=np.where(known, 0.5, NAN),
        stability_kl=np.where(known, 0.1, NAN),
    )
    values = values_of(metrics)
    assert values["overfit/gap_sum_to_1_below"] == pytest.approx(12.5)
    assert values["stability/log_kl_path_to_1_below"] == pytest.approx(math.log(2.5))
    assert values["probe/reached_1.5_below"] == 1
    for name in ("overfit/gap_sum", "stability/kl_path", "stability/log_kl_path"):
        assert values[f"{name}_to_1.5_below"] is None


def test_passes_over_the_training_data_where_a_level_is_reached() -> None:
    metrics = table(probe_loss=np.maximum(6.5 - 0.1 * np.arange(STEPS), 3.2), overfit_memorisation=sparse({4: 0.0}))
    values = values_of(metrics, steps_per_epoch=16)
    assert values["overfit/passes_at_1_below"] == pytest.approx(25 / 16)
    assert values["overfit/passes_at_1.5_below"] == pytest.approx(30 / 16)
    assert values["overfit/passes_at_3_below"] is None
    assert values["overfit/passes"] == 2.5
    assert values_of(metrics, diverged_at=36, steps_per_epoch=16)["overfit/passes"] == 2.25
    without = metrics.drop(columns="overfit/memorisation")
    for other in (values_of(without, steps_per_epoch=16), values_of(metrics)):
        assert not any(name.startswith("overfit/passes") for name in other)


def drifts(**of_layers: dict[int, float]) -> pd.DataFrame:
    """Drift from before training at some steps, of layers such as `encoder_0`."""
    rows = [
        {
            "step": step,
            "stack": name.split("_")[0],
            "layer": int(name.split("_")[1]),
            "stability/initial_drift": value,
        }
        for name, values in of_layers.items()
        for step, value in values.items()
    ]
    return pd.DataFrame(rows).sort_values("step", kind="stable")


def test_drift_from_before_training_is_read_where_the_probe_loss_reaches_a_level() -> None:
    metrics = table(probe_loss=np.maximum(6.5 - 0.1 * np.arange(STEPS), 3.2))  # 1 nat below at step 25, 1.5 at step 30
    layers = drifts(
        encoder_0={0: 0.0, 20: 1e-4, 30: 1e-2, 39: 0.5},
        encoder_1={0: 0.0, 20: 9.0, 30: 9.0, 39: 9.0},  # neither the first nor the last
        encoder_2={0: 0.0, 20: 1e-2, 30: 1e-1, 39: 0.5},
        decoder_0={0: 0.0, 20: 0.0, 30: 1e-1, 39: 0.5},
        decoder_1={0: 0.0, 20: 1e-2, 30: 1e-1},
    )
    values = values_of(metrics, layers=layers)
    name = "stability/{}_log_drift_{}_at_{}_below"
    assert values[name.format("encoder", "first", 1)] == pytest.approx(math.log(1e-3))
    assert values[name.format("encoder", "last", 1)] == pytest.approx(math.log(10**-1.5))
    assert values[name.format("encoder", "last_minus_first", 1)] == pytest.approx(1.5 * math.log(10))
    assert values[name.format("encoder", "last_minus_first", 1.5)] == pytest.approx(math.log(10))
    assert values[name.format("decoder", "last", 1)] == pytest.approx(math.log(10**-1.5))
    for which in ("first", "last_minus_first"):  # the drift before the level is 0
        assert values[name.format("decoder", which, 1)] is None
    assert values[name.format("decoder", "first", 1.5)] == pytest.approx(math.log(0.1))
    assert {values[name.format("encoder", which, 2)] for which in ("first", "last", "last_minus_first")} == {None}
    beyond = values_of(metrics.assign(**{"probe/loss": 6.5 - 0.09 * np.arange(STEPS)}), layers=layers)
    assert beyond["probe/steps_to_1.5_below"] > 30
    assert beyond[name.format("decoder", "last", 1.5)] is None  # behind the last snapshot
    assert beyond[name.format("decoder", "first", 1.5)] is not None


def test_a_level_reached_before_memorisation_is_defined_has_none() -> None:
    metrics = table(probe_loss=np.full(STEPS, 3.9), overfit_memorisation=sparse({4: 0.0, 39: -2.0}))
    values = values_of(metrics)
    assert values["probe/steps_to_1_below"] == 0
    assert values["probe/reached_1_below"] == 1
    assert values["overfit/memorisation_at_1_below"] is None


def test_spikes_of_the_training_loss_and_episodes_of_the_early_probe_loss() -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(300)
    losses = 4 + 4 * np.exp(-steps / 60) + 0.02 * rng.normal(size=300)
    losses[200:204] += [3, 2, 1, 0.5]
    probe = 4 + 4 * np.exp(-steps / 60) + 0.001 * rng.normal(size=300)
    probe[[30, 31, 250]] += [2, 1, 5]
    metrics = pd.DataFrame(
        {"step": steps, "lr": 1e-3, "train/loss": losses, "val/loss": sparse({299: 4.0}, 300), "probe/loss": probe}
    )
    summary = summarise(metrics, 60, None, ENTROPY)
    values: dict[str, Any] = summary["values"]
    assert values["spike/count"] == len(summary["spikes"]) == 1
    assert values["spike/max_height"] == pytest.approx(3, rel=0.1)
    rise = probe[30] - probe[:30].min()
    assert [(each["start"], each["peak"]) for each in summary["episodes"]] == [(30, 30)]
    assert summary["episodes"][0]["height"] == pytest.approx(rise)
    assert values["spike/episodes"] == 1  # the later one lies outside of the early window
    assert values["spike/max_rise"] == pytest.approx(rise)
    assert values["spike/lost"] == pytest.approx(sum(probe[t] - probe[: t + 1].min() for t in range(60)))
    counted = sum(
        losses[t] > losses[t - 128 : t].mean() + 6 * losses[t - 128 : t].std() for t in range(128, 300)
    ) / len(losses)
    assert counted > 0
    assert values["spike/olmo_score"] == pytest.approx(counted)
    expected = set(spikes.spike_summary(losses))
    expected |= {f"spike/{name}" for name in ("max_rise", "lost", "episodes", "episode_steps", "olmo_score")}
    assert {name for name in values if name.startswith("spike/")} == expected


def test_what_length_buckets_differ_by_is_no_spike_and_hides_none() -> None:
    rng = np.random.default_rng(5)
    bucket = rng.integers(0, 8, 300)
    losses = 4 + 0.05 * rng.normal(size=300) + np.linspace(-1, 1, 8)[bucket]
    losses[200] += 1.2
    metrics = pd.DataFrame({"step": np.arange(300), "lr": 1e-3, "train/loss": losses, "val/loss": 4.0})
    assert summarise(metrics, 60, None, ENTROPY)["spikes"] == []
    (spike,) = summarise(metrics.assign(**{"data/bucket": bucket}), 60, None, ENTROPY)["spikes"]
    assert spike["peak"] == 200


def test_the_onset_of_jitter_comes_with_its_step_and_learning_rate() -> None:
    rng = np.random.default_rng(1)
    steps = np.arange(300)
    losses = 5 + rng.normal(size=300) * np.where(steps < 150, 0.01, 0.2)
    metrics = pd.DataFrame({"step": steps, "lr": 1e-5 * steps, "train/loss": losses, "val/loss": NAN})
    values: dict[str, Any] = summarise(metrics, 60, None, ENTROPY)["values"]
    assert values["stability/jitter_onset_step"] == pytest.approx(150, abs=4)
    assert values["stability/jitter_onset_lr"] == pytest.approx(1e-5 * values["stability/jitter_onset_step"])
    calm = metrics.assign(**{"train/loss": 5 + 0.01 * rng.normal(size=300)})
    values = summarise(calm, 60, None, ENTROPY)["values"]
    assert values["stability/jitter_onset_step"] is values["stability/jitter_onset_lr"] is None


def test_jitter_joins_the_metrics() -> None:
    metrics = table(train_loss=np.random.default_rng(2).normal(size=STEPS))
    derived = with_derived(metrics)
    assert list(derived) == [*metrics, "stability/jitter"]
    np.testing.assert_array_equal(derived["stability/jitter"], jitter.local_jitter(metrics["train/loss"]))


def layer_rows(step: int, drift: dict[str, float], update: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "stack": place.split(".")[0],
            "layer": int(place.split(".")[1]),
            "stability/cka_drift": drift.get(place, NAN),
            "stability/weight_change": NAN,
            "stability/grad_norm": 1.0,
            "stability/update_to_weight": value,
        }
        for place, value in update.items()
    ]


LAYERS = pd.DataFrame(
    layer_rows(0, {}, {"encoder.0": 0.1, "encoder.1": 0.2, "encoder.2": 0.3, "decoder.0": 0.5, "decoder.1": 0.4})
    + layer_rows(
        4,
        {"encoder.0": 0.01, "encoder.1": 9.0, "encoder.2": 0.04, "decoder.0": 0.2, "decoder.1": 0.1},
        {"encoder.0": 0.3, "encoder.1": 9.0, "encoder.2": 0.7, "decoder.0": 0.5, "decoder.1": 0.2},
    )
    + layer_rows(
        9,
        {"encoder.0": 0.03, "encoder.1": 9.0, "encoder.2": 0.08, "decoder.0": 0.2, "decoder.1": NAN},
        {"encoder.0": 0.2, "encoder.1": 9.0, "encoder.2": 0.2, "decoder.0": 0.5, "decoder.1": 0.3},
    )
    + layer_rows(EARLY, {"encoder.0": 50.0}, {f"{stack}.{n}": 50.0 for stack in ("encoder", "decoder") for n in (0, 1)})
)


def test_layers_are_the_last_against_the_first_over_early_snapshots() -> None:
    values = values_of(table(), layers=LAYERS)
    assert values["stability/encoder_update_to_weight_first"] == pytest.approx(0.2)
    assert values["stability/encoder_update_to_weight_last"] == pytest.approx(0.4)
    assert values["stability/encoder_update_to_weight_last_minus_first"] == pytest.approx(0.2)
    assert values["stability/decoder_update_to_weight_last_minus_first"] == pytest.approx(-0.2)
    # The first snapshot has nothing to be compared with in any layer, which is no gap in the measurements.
    assert values["stability/encoder_cka_drift_first"] == pytest.approx(0.02)
    assert values["stability/encoder_cka_drift_last"] == pytest.approx(0.06)
    assert values["stability/encoder_cka_drift_last_minus_first"] == pytest.approx(0.04)
    assert values["stability/decoder_cka_drift_first"] == pytest.approx(0.2)
    assert values["stability/decoder_cka_drift_last"] is None  # a gap is
    assert values["stability/decoder_cka_drift_last_minus_first"] is None
    assert values["stability/encoder_weight_change_last"] is None
    assert values["stability/encoder_grad_norm_last_minus_first"] == 0


def test_a_snapshot_that_nothing_led_to_counts_for_nothing() -> None:
    """As behind a step at rate 0, and as at the snapshots of the drift from before training."""
    update = {"encoder.0": 0.1, "encoder.1": 0.3}
    rest = pd.DataFrame(
        [row | {"stability/update_to_weight": NAN} for row in layer_rows(1, {}, update)]
        + layer_rows(2, {"encoder.0": 0.2, "encoder.1": 0.4}, update)
    )
    values = values_of(table(), layers=rest)
    assert values["stability/encoder_cka_drift_first"] == pytest.approx(0.2)
    assert values["stability/encoder_cka_drift_last"] == pytest.approx(0.4)
    assert values["stability/encoder_update_to_weight_last_minus_first"] == pytest.approx(0.2)
    assert values["stability/encoder_grad_norm_first"] == 1


def test_a_run_that_diverged_in_the_early_window_has_no_mean_over_it() -> None:
    """What it measured before would look like a mean over the window."""
    died = LAYERS[LAYERS["step"] < 5]
    unmeasured = dict.fromkeys((name for name in died if name.startswith("stability/")), NAN)
    for layers in (died, pd.concat([died, died.assign(step=7, **unmeasured)])):
        values = values_of(table(), diverged_at=6, layers=layers)
        of_layers = {name: value for name, value in values.items() if name.startswith(("stability/en", "stability/de"))}
        assert len(of_layers) == 2 * 4 * 3
        assert set(of_layers.values()) == {None}
    assert values_of(table(), diverged_at=EARLY, layers=died)["stability/encoder_cka_drift_first"] is not None


def test_one_snapshot_in_the_early_window_has_nothing_between_two() -> None:
    first = LAYERS[LAYERS["step"] == 0]
    values = values_of(table(), layers=first)
    assert values["stability/encoder_cka_drift_first"] is None
    assert values["stability/encoder_update_to_weight_last_minus_first"] == pytest.approx(0.2)
    never = values_of(table(), layers=first.drop(columns=["stability/cka_drift", "stability/weight_change"]))
    assert never["stability/encoder_update_to_weight_last_minus_first"] == pytest.approx(0.2)
    assert not any(name.startswith("stability/encoder") for name in values_of(table(), layers=LAYERS.iloc[-4:]))


def test_whatever_is_not_finite_is_none_and_all_of_it_is_json() -> None:
    empty = {name: np.full(STEPS, NAN) for name in ("probe_loss", "overfit_gap", "overfit_memorisation")}
    metrics = table(
        train_loss=np.full(STEPS, NAN),
        val_loss=np.full(STEPS, NAN),
        grad_norm=np.full(STEPS, np.inf),
        stability_kl=np.full(STEPS, np.inf),
        **empty,
    )
    found = summarise(metrics, EARLY, 0, ENTROPY, LAYERS.assign(**{"stability/grad_norm": NAN}))
    json.dumps(found, allow_nan=False)
    values = found["values"]
    for name in ("train/loss", "val/loss", "val/loss_min", "grad/norm_max", "stability/kl_max", "stability/kl_path"):
        assert values[name] is None
    assert values["stability/encoder_grad_norm_first"] is None
    assert values["overfit/gap_sum"] is None
    assert values["overfit/memorisation"] is None
    assert values["probe/steps_to_1_below"] == STEPS
    assert values["spike/count"] is None


def test_without_probes_only_what_training_yields_is_summarised() -> None:
    values = values_of(table())
    assert not any(
        name.startswith(("overfit/", "probe/", "curvature/", "spike/max_rise", "spike/lost", "spike/episode"))
        for name in values
    )
    assert {name for name in values if name.startswith("stability/")} == {
        "stability/jitter_onset_step",
        "stability/jitter_onset_lr",
    }


def test_a_ramp_is_read_and_nothing_else_is() -> None:
    """The rates are those of the range test on the same series; a schedule that falls somewhere has none of them."""
    rng = np.random.default_rng(0)
    lr = np.geomspace(1e-5, 1.0, 200)
    loss = np.concatenate([np.linspace(8, 3, 120), 3 + rng.normal(0, 0.2, 80)])
    steps = np.arange(200)
    ramp = pd.DataFrame({"step": steps, "lr": lr, "train/loss": loss, "val/loss": loss, "probe/loss": loss})
    read = summarise(ramp, EARLY, None, ENTROPY)["values"]
    reading = lr_range.read(loss, lr)
    assert reading.jitter is not None
    assert 110 <= int(np.searchsorted(lr, reading.jitter)) <= 130
    assert (read["ramp/jitter_lr"], read["ramp/steepest_fall_lr"]) == (reading.jitter, reading.steepest_fall)
    diverged = ramp.where(ramp["step"] < 160, NAN).assign(lr=lr, step=steps)
    assert (
        summarise(diverged, EARLY, 160, ENTROPY)["values"]["ramp/jitter_lr"]
        == lr_range.read(loss[:160], lr[:160]).jitter
    )
    for other in (ramp.assign(lr=lr[::-1]), ramp.assign(**{"probe/loss": np.where(steps % 4 == 0, loss, NAN)})):
        assert not [name for name in summarise(other, EARLY, None, ENTROPY)["values"] if name.startswith("ramp/")]
