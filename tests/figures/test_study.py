"""Figures: they draw what the curves hold, and every study gets those that it has data for."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.synthetic_study import leave
from warmuplab.figures import lines
from warmuplab.figures.files import draw_of_study
from warmuplab.figures.index import STUDY_FIGURES
from warmuplab.study import collect, roles


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), min_size=1, max_size=4))
def test_the_mean_curve_is_the_mean_where_all_series_have_a_value(many_steps: list[list[int]]) -> None:
    series = [
        (np.array(sorted(steps)), np.array([3.0 * step + k for step in sorted(steps)]))
        for k, steps in enumerate(many_steps)
    ]
    steps, values = lines.mean_curve(series)
    inside = {
        step
        for member in many_steps
        for step in member
        if all(min(other) <= step <= max(other) for other in many_steps)
    }
    assert steps.tolist() == sorted(inside)
    np.testing.assert_allclose(values, [3.0 * step + (len(series) - 1) / 2 for step in sorted(inside)])


def test_of_very_many_runs_some_are_drawn_and_the_mean_is_of_all() -> None:
    figure, panel = plt.subplots()
    runs = [(np.arange(5), np.full(5, float(k))) for k in range(1001)]
    lines.draw_lines(panel, [lines.Line("black", runs, [(4.0, 1.0)] * 500)])
    thin = [line for line in panel.lines if line.get_linewidth() == 0.6]
    (bold,) = [line for line in panel.lines if line.get_linewidth() == 1.5 and line.get_marker() == "None"]
    assert len(thin) == lines.MOST_DRAWN
    assert (thin[0].get_ydata()[0], thin[-1].get_ydata()[0]) == (0, 1000)
    assert bold.get_ydata().tolist() == [500.0] * 5
    assert sum(line.get_marker() == "X" for line in panel.lines) == lines.MOST_DRAWN
    plt.close(figure)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40), st.integers(1, 15))
def test_the_running_mean_is_centred(values: list[float], window: int) -> None:
    steps, smooth = lines.running_mean((np.arange(len(values)), np.array(values)), window)
    assert steps.tolist() == list(range(len(values)))
    for place in range(len(values)):
        half = min((window - 1) // 2, place, len(values) - 1 - place)
        around = values[place - half : place + half + 1]
        assert abs(smooth[place] - sum(around) / len(around)) < 1e-9


def drawn(folder: Path) -> set[str]:
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    return {path.name for path in draw_of_study(list(STUDY_FIGURES), study, roles.arrange(study), folder / "figures")}


def test_a_study_without_probes_has_no_overfitting_figure(tmp_path: Path) -> None:
    for rate in (1e-3, 2e-3):
        leave(tmp_path / "outputs", probes=False, schedule__peak_lr=rate)
    assert drawn(tmp_path) == {"training_loss.png", "held_out_loss.png", "final_loss.png"}


def test_a_study_of_failed_runs_has_no_figure(tmp_path: Path) -> None:
    leave(tmp_path / "outputs", "failed")
    assert drawn(tmp_path) == set()


@pytest.mark.parametrize("fractions", [(0.1,), (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)])
def test_one_run_and_many_warmups_are_drawn(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    for fraction in fractions:
        leave(tmp_path / "outputs", "diverged", schedule__warmup__fraction=fraction)
    series = {"instability", "training_loss", "held_out_loss", "early_overfitting", "memorisation", "distribution"}
    assert drawn(tmp_path) - {"final_loss.png"} == {f"{name}.png" for name in series}
    assert (tmp_path / "figures" / "final_loss.svg").exists() == (len(fractions) > 1)  # a map of one cell says nothing
