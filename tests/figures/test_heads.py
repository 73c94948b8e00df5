"""Titles, legends and small print have room in a figure of any width."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from warmuplab.figures import heads, style


def drawn(width: float, title: str, entries: int, foot: str = "Small print.") -> Figure:
    style.apply()
    figure, _ = plt.subplots(figsize=(width, 3.0), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    heads.add_legend(figure, [Line2D([], [], label=f"{10 * entry} % warmup") for entry in range(entries)])
    heads.add_foot(figure, foot)
    figure.draw_without_rendering()
    plt.close(figure)
    return figure


@pytest.mark.parametrize("width", [3.0, 4.5, 5.75, 7.4, 14.0])
@pytest.mark.parametrize("entries", [1, 3, 5, 9])
@pytest.mark.parametrize("title", ["Loss", "Movement of the output distribution"])
def test_the_legend_is_beside_the_title_or_under_it_and_inside(width: float, entries: int, title: str) -> None:
    figure = drawn(width, title, entries)
    (legend,), head = figure.legends, figure._suptitle  # type: ignore[attr-defined]
    x, y = head.get_position()
    first_line = figure.text(x, y, title, ha="left", va="top", fontproperties=head.get_fontproperties())
    assert not first_line.get_window_extent().overlaps(legend.get_window_extent())
    assert legend.get_window_extent().x0 >= -1
    assert legend.get_window_extent().x1 <= 100 * width + 1


@pytest.mark.parametrize("width", [4.5, 5.75, 9.0])
def test_small_print_ends_where_the_figure_does(width: float) -> None:
    text = (
        "Loss on one fixed held-out batch minus the lowest it had so far, which is what training had to pull back. " * 2
    )
    figure = drawn(width, "Loss", 3, f"{text}\nStudy quick: 48 runs.")
    foot = figure._supxlabel  # type: ignore[attr-defined]
    assert foot.get_window_extent().x1 <= 100 * width
    assert foot.get_text().endswith("\nStudy quick: 48 runs.")
    assert foot.get_text().replace("\n", " ").split() == f"{text} Study quick: 48 runs.".split()


@pytest.mark.parametrize("width", [4.5, 7.0])
def test_a_long_title_has_lines_that_fit_and_the_legend_is_under_it(width: float) -> None:
    style.apply()
    title = "Starting Adam's second moment from the first gradient (GI-Adam) does what warmup does for it."
    figure, _ = plt.subplots(figsize=(width, 3.0), layout="constrained")
    heads.add_head(figure, title, [Line2D([], [], label="tested")])
    figure.draw_without_rendering()
    plt.close(figure)
    head, (legend,) = figure._suptitle, figure.legends  # type: ignore[attr-defined]
    (x, y), shown = head.get_position(), figure.get_suptitle()
    lines = figure.text(x, y, shown.rstrip("\n"), va="top", fontproperties=head.get_fontproperties())
    assert shown.split() == title.split()
    assert lines.get_window_extent().x1 <= 100 * width
    assert lines.get_window_extent().y0 >= legend.get_window_extent().y1 - 1
