"""The figures of the claims: each draws what its runs measured, and none is drawn without runs."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from support.claim_runs import ENTROPY, SEEDS, configured, final_loss, studies
from warmuplab.claims.arm import Arm, once
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.forms import better
from warmuplab.claims.judge import judge_all
from warmuplab.claims.lengths.ladders import situations
from warmuplab.claims.planned.confirm import CHOSEN, JITTER, LENGTH, RATES
from warmuplab.claims.planned.place import PRE, lasting
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.terms import Value
from warmuplab.figures import style
from warmuplab.figures.claims import layers, ramps, rises, sensitivity
from warmuplab.figures.claims.arms import (
    AT_LONG,
    AT_SHORT,
    COOLED,
    FALL,
    FALLING,
    FIRST,
    FRACTIONS,
    GI_ADAM,
    HIGH,
    LONG_NONE,
    LONG_TENTH,
    NETWORKS,
    NO_FALL,
    NO_PLATEAU,
    NO_RISE,
    NOAM,
    NOAM_SCALED,
    NONE,
    PRE_RATES,
    RADAM,
    RAMPS,
    TENTH,
    WARMUP_SCHEDULE,
    WHOLE,
)
from warmuplab.figures.claims.curves import TIMED, draw_late_decay, draw_lost_time, draw_noam, extremes, fall_begins
from warmuplab.figures.claims.differences import draw_differences
from warmuplab.figures.claims.losses import WARMED_UP, AtBest, at_best, draw_optimizers, draw_phase_diagram, draw_shapes
from warmuplab.figures.claims.measures import TIME
from warmuplab.figures.claims.rates import (
    RESPONSES,
    SENSITIVE,
    draw_rate_sensitivity,
    draw_warmup_response,
    networks,
    stuck_share,
)
from warmuplab.figures.claims.spikes import draw_spikes, highest, spikes_of
from warmuplab.figures.claims.three_arms import (
    SETTINGS,
    Followed,
    at_levels,
    draw_depth_drift,
    draw_memorisation,
    drift_by_layer,
    layers_of,
)
from warmuplab.figures.files import draw_of_claims
from warmuplab.figures.index import CLAIM_FIGURES, DIFFERENCES
from warmuplab.figures.parts import LOOKS, estimated_sum, mean_and_interval, on_steps, warmup_of


def every_arm() -> tuple[Arm, ...]:
    drawn = [arm for _, arms in SENSITIVE for arm, _ in arms]
    drawn += [*AT_SHORT, *AT_LONG, FALL, COOLED, HIGH, WHOLE, NO_RISE, NO_PLATEAU, NO_FALL, RADAM, GI_ADAM]
    drawn += [*NETWORKS, *RAMPS, NOAM, NOAM_SCALED, WARMUP_SCHEDULE, *FALLING, *WARMED_UP]
    return once([*drawn, *(arm for one in SETTINGS for arm in one.arms)])


def registered_arms() -> list[Arm]:
    """Arms of the confirmatory studies that figures draw, of few seeds but where all are needed."""
    found = [arm for arms in sensitivity.ARMS.values() for arm in arms.values()]
    found += [arm for _, arms in layers.panels() for arm in arms.values()]
    found += [RATES.arm(name, PRE, keys, rates=(CHOSEN.pre_large,)) for name, keys in rises.ARMS.items()]
    found += [
        LENGTH.arm("", situation.keys, lasting(share), rates=(situation.peak_lr,))
        for situation, shares in situations()
        for share in shares
    ]
    few = [replace(arm, seeds=arm.seeds[:6]) for arm in found]
    return [*few, *(arm for _, *arms in ramps.networks(JITTER) for arm in arms)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A few seeds of every arm that a figure draws."""
    style.apply()
    return studies(tmp_path_factory.mktemp("whole"), [*every_arm(), *registered_arms()], [*SEEDS, *JITTER.seeds])


@pytest.fixture(autouse=True)
def no_open_figures() -> Iterator[None]:
    yield
    plt.close("all")


def panels(figure: Figure | None) -> list[Axes]:
    assert figure is not None
    return figure.axes


def lines(panel: Axes, colour: str, width: float) -> list[Any]:
    """The lines of a colour and a width."""
    return [line for line in panel.get_lines() if line.get_color() == colour and line.get_linewidth() == width]


def test_every_figure_that_a_claim_names_exists() -> None:
    assert {claim.figure for claim in (MADE, *CLAIMS) if claim.figure} <= set(CLAIM_FIGURES)


PATH = Followed("stability/kl", estimated_sum, "stability/kl_path_to_")
SLOW, FAST = (arm.at(8e-3) for arm in (LONG_NONE, LONG_TENTH))
MADE = Claim(
    "lost-time",
    "Training without warmup loses time.",
    "a test",
    "Steps to a level.",
    (Comparison("10 % warmup against none", (Value(SLOW, TIME),), (Value(FAST, TIME),), 40.0, "steps"),),
    (better("final loss, 10 % warmup against none", FAST, SLOW),),
    study=FIRST[0],
)
NAMES = [*CLAIM_FIGURES, f"{DIFFERENCES}lost-time"]


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_drawn_as_a_small_png_and_svg(name: str, whole: Evidence, tmp_path: Path) -> None:
    (drawn,) = draw_of_claims([name], judge_all([MADE], whole), whole, tmp_path)
    assert drawn == tmp_path / f"{name}.png"
    assert 2_000 < drawn.stat().st_size < 150_000
    assert 2_000 < drawn.with_suffix(".svg").stat().st_size < 150_000


def test_no_figure_is_drawn_without_runs(tmp_path: Path) -> None:
    nothing = Evidence({})
    assert [name for name in CLAIM_FIGURES if CLAIM_FIGURES[name].draw(nothing) is not None] == []
    assert draw_of_claims(NAMES, judge_all([MADE], nothing), nothing, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_an_svg_keeps_what_scales_its_letters() -> None:
    given = '<g>\n  <use href="#DejaVuSans-6c" transform="scale(0.015625) translate(-12.345678 100.5)"/>'
    assert style.compact(given) == '<g>\n<use href="#g-6c" transform="scale(0.015625) translate(-12.34 100.5)"/>'


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('<path d="M 1.20 3.00 \nL 10.25 0 \nL 4.5 6 \n"/>', '<path d="M1.2 3 10.25 0 4.5 6"/>'),
        (
            '<path d="M 1 2 \nQ 3 4 5 6 \nQ 7 8 9 10 \nL 100 20 \nL 0 0 \nz\n"/>',
            '<path d="M1 2Q3 4 5 6 7 8 9 10L100 20 0 0z"/>',
        ),
        ('<use xlink:href="#g-6c" transform="translate(-63.62 0)"/>', '<use xlink:href="#g-6c" x="-63.62"/>'),
        ('<use xlink:href="#g-6c" transform="translate(0 39.06) scale(0.7)"/>', None),
        ('<path d="M 1 2 \nM 3 4 \nL 5 6 \n"/>', '<path d="M1 2M3 4 5 6"/>'),  # a point alone, then a line
        ('<path d="M1 2" transform="translate(63.62 0)"/>', None),  # a path has no place of its own
        (
            '<path id="m0123456789" style="stroke: #000000; fill: none"/>',
            '<path id="m0" style="stroke:#000000;fill:none"/>',
        ),
    ],
)
def test_an_svg_with_less_bytes_is_the_same_picture(given: str, kept: str | None) -> None:
    assert style.compact(given) == (given if kept is None else kept)
    assert style.compact(style.compact(given)) == style.compact(given)


def test_the_interval_is_that_of_students_t_over_the_seeds_that_are_there() -> None:
    values = np.array([[1.0, 2.0, np.nan], [2.0, np.nan, np.nan], [4.0, np.nan, np.nan]])
    mean, low, high = mean_and_interval(values)
    expected = stats.t.interval(0.95, 2, loc=values[:, 0].mean(), scale=stats.sem(values[:, 0]))
    np.testing.assert_allclose((low[0], high[0]), expected)
    assert mean[1] == 2.0
    assert np.isnan([low[1], high[1], mean[2]]).all()


def test_series_with_steps_of_their_own_are_read_at_common_ones() -> None:
    series = pd.DataFrame({"seed": [0, 0, 1, 1, 1], "step": [0, 4, 4, 2, 0], "value": [0.0, 8.0, 1.0, 1.0, 1.0]})
    np.testing.assert_allclose(on_steps(series, np.array([0.0, 1.0, 5.0])), [[0, 2, np.nan], [1, 1, np.nan]])


def test_lost_time_shows_the_mean_curve_of_every_arm_and_ticks_at_its_steps(whole: Evidence) -> None:
    (panel,) = panels(draw_lost_time(whole))
    for arm, look in TIMED:
        (mean,) = lines(panel, look.colour, 1.7)
        series = whole.series(arm, "probe/loss").groupby("step")["value"].mean()
        np.testing.assert_allclose(mean.get_ydata(), np.interp(mean.get_xdata(), series.index, series), rtol=1e-9)
        ticks = [line for line in panel.get_lines() if line.get_marker() == "|" and line.get_color() == look.colour]
        assert [line.get_xdata().tolist() for line in ticks] == [[300.0, 310.0, 320.0, 330.0]]


def test_memorisation_is_read_at_the_same_loss_in_every_run(whole: Evidence) -> None:
    """The synthetic loss falls evenly, so what an arm's seeds remember at a loss has a closed form."""
    axes = panels(draw_memorisation(whole))
    arm = SETTINGS[0].arms[1]
    (mean,) = lines(axes[0], LOOKS[warmup_of(arm)].colour, 1.7)
    (judged_at,) = {line.get_xdata()[0] for line in axes[0].get_lines() if line.get_xdata()[0] == line.get_xdata()[-1]}
    assert judged_at == ENTROPY - 0.5
    ends = [final_loss(configured(arm, seed, arm.rates[0])) for seed in SEEDS]
    for loss, value in zip(mean.get_xdata(), mean.get_ydata(), strict=True):
        if loss > max(ends):
            progress = [(7.0 - loss) / (7.0 - end) for end in ends]
            assert value == pytest.approx(np.mean([-0.1 * p * (1 + s) for p, s in zip(progress, SEEDS, strict=True)]))


def test_the_path_of_the_distribution_counts_the_steps_between_measurements(whole: Evidence) -> None:
    arm = SETTINGS[0].arms[0]
    losses, values = at_levels(whole, arm, PATH, ENTROPY)
    end = final_loss(configured(arm, 0, arm.rates[0]))
    there = losses > end
    steps = 199 * (7.0 - losses[there]) / (7.0 - end)
    np.testing.assert_allclose(values[0, there], 0.01 * steps)


def test_what_a_thinned_series_lacks_is_taken_from_the_summary_values(tmp_path: Path) -> None:
    arm = SETTINGS[0].arms[0]
    evidence = studies(tmp_path, [arm], (0, 1))
    runs = evidence.studies[FIRST[0]].runs
    runs["stability/kl_path_to_0.5_below"], runs["stability/kl_path_to_1_below"] = 7.0, [9.0, math.nan]
    losses, values = at_levels(evidence, arm, PATH, ENTROPY, points=1001)
    first, second = (np.interp((0.5 - ENTROPY, 1.0 - ENTROPY), -losses, row) for row in values)
    np.testing.assert_allclose(first, (7.0, 9.0), atol=1e-2)
    np.testing.assert_allclose(second[0], 7.0, atol=1e-2)
    assert second[1] > 7.0  # as far as the series says


def test_drift_is_the_mean_over_the_snapshots_of_the_early_window(whole: Evidence) -> None:
    arm = SETTINGS[0].arms[0]
    drift = drift_by_layer(whole, arm, layers_of(whole, FIRST[0]))
    expected = 0.1 * np.arange(4) + 0.02 * np.arange(4)[:, None]
    np.testing.assert_allclose(sorted(drift["decoder"].tolist()), expected)


def test_arms_are_ranked_at_the_rates_that_are_best(whole: Evidence) -> None:
    (panel,) = panels(draw_optimizers(whole))
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names[0] == "Adam, 10 % warmup"
    means = [line.get_xdata()[0] for line in panel.get_lines() if line.get_marker() == "D"]
    np.testing.assert_allclose(means, [2.96, 3.06, 3.06, 3.06])
    assert {text.get_text() for text in panel.texts} == {"2.96 at 8e-3", "3.06 at 8e-3"}
    dots = [line.get_xdata().tolist() for line in panel.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[0], [2.9, 2.94, 2.98, 3.02])


def test_an_arm_that_lacks_a_rate_is_ranked_at_those_it_has(tmp_path: Path) -> None:
    few = replace(TENTH, rates=(2e-3, 4e-3))
    best = at_best(studies(tmp_path, [few]), TENTH)
    assert best is not None
    assert best.rates == {4e-3: 4}
    assert AtBest("", np.zeros(3), {8e-3: 1, 4e-3: 2}).rates_text == "4e-3 (2), 8e-3 (1)"


def test_the_map_has_a_panel_per_normalisation_and_a_loss_per_arm(whole: Evidence) -> None:
    post, pre, _ = panels(draw_phase_diagram(whole))
    assert (post.get_title("left"), pre.get_title("left")) == ("post-LN", "pre-LN")
    assert [label.get_text() for label in post.get_xticklabels()][:4] == ["none", "1 %", "2 %", "5 %"]
    texts = [text.get_text() for text in pre.texts]
    assert len(texts) == 2 * len(PRE_RATES)
    assert texts.count("5.60\n4 stuck") == 2  # no warmup, at the two largest rates


def test_the_response_to_warmup_is_shown_by_fraction_and_by_steps(whole: Evidence) -> None:
    by_fraction, by_steps = panels(draw_warmup_response(whole))
    for steps, _, look in RESPONSES:
        fractions, counts = (lines(panel, look.colour, 1.7)[0] for panel in (by_fraction, by_steps))
        np.testing.assert_allclose(fractions.get_xdata(), 100 * np.array(FRACTIONS))
        np.testing.assert_allclose(counts.get_xdata(), steps * np.array(FRACTIONS))
        np.testing.assert_allclose(fractions.get_ydata(), 0.5 - np.array(FRACTIONS), atol=1e-9)


def test_sensitivity_and_stuck_runs_are_those_of_the_grid(whole: Evidence) -> None:
    figure = draw_rate_sensitivity(whole)
    texts = [text.get_text() for text in panels(figure)[0].get_legend().get_texts()]
    losses = [min(ENTROPY, final_loss(configured(NONE, 0, rate))) for rate in NONE.rates]
    # stuck at the entropy whatever the seed: the mean over seeds is 0.06 above that of seed 0 in the other rates
    expected = np.mean([*(loss + 0.06 for loss in losses[:-1]), losses[-1]]) - min(losses) - 0.06
    assert texts[0] == f"no warmup: {expected:.2f}"
    np.testing.assert_allclose(stuck_share(whole, NONE), [0, 0, 0, 0, 1])


def test_jitter_is_shown_over_the_seeds_that_have_any(whole: Evidence) -> None:
    one = networks(whole)[0]
    np.testing.assert_allclose(one.onsets, [2e-2 * 1.1**seed for seed in SEEDS])
    assert one.best_rate == 8e-3


def test_spikes_are_those_of_the_highest_run_without_warmup(whole: Evidence) -> None:
    spikes = spikes_of(whole, FIRST[0])
    arms = (NONE, TENTH)
    assert highest(whole, arms, spikes) == [(1.6e-2, 3), (3.2e-2, 3)]
    assert highest(whole, arms, spikes.iloc[:0]) == [(1.6e-2, 0), (3.2e-2, 0)]
    axes = panels(draw_spikes(whole))
    marks = [line for line in axes[0].get_lines() if line.get_marker() == "v"]
    assert [mark.get_xdata().tolist() for mark in marks] == [[5], [5]]  # without warmup and with it


def test_differences_have_a_panel_per_unit_and_a_dot_per_seed(whole: Evidence) -> None:
    (judged,) = judge_all([MADE], whole)
    by_steps, by_nats = panels(draw_differences(judged, whole))
    assert (by_steps.get_xlabel(), by_nats.get_xlabel()) == ("difference [steps]", "difference [nats]")
    dots = [line.get_xdata().tolist() for line in by_nats.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [[0.1] * 4])  # what the synthetic loss gains by 10 % warmup
    (shaded,) = by_nats.collections
    assert shaded.get_paths()[0].get_extents().intervalx.tolist() == [-0.05, 0.05]


def test_extremes_are_those_of_all_seeds_in_a_stretch() -> None:
    series = pd.DataFrame({"seed": [0, 0, 0, 1, 1], "step": [0, 4, 9, 5, 1], "value": [3.0, 2.0, 9.0, 1.0, 5.0]})
    middle, low, high = extremes(series, 2)
    assert [middle.tolist(), low.tolist(), high.tolist()] == [[2.5, 7.5], [2.0, 1.0], [5.0, 9.0]]


def test_a_rate_falls_from_the_last_step_at_its_peak() -> None:
    steps = np.arange(6.0)
    assert fall_begins(steps, np.array([0, 1, 2, 2, 1, 0.5])) == 3
    assert fall_begins(steps, np.array([0, 1, 2, 2, 2, 2.0])) is None


def test_a_figure_draws_the_arms_that_are_there(tmp_path: Path) -> None:
    style.apply()
    evidence = studies(tmp_path, [FALL, SETTINGS[1].arms[1], NONE.at(8e-3)], (0,))
    assert len(panels(draw_late_decay(evidence))) == 2
    assert len(panels(draw_memorisation(evidence))) == 2
    assert len(panels(draw_depth_drift(evidence))) == 4
    assert draw_noam(evidence) is None
    assert draw_shapes(evidence) is None
    assert len(panels(draw_rate_sensitivity(evidence))) == 2
