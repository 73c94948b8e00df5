"""The figures of the notes: what they show, and that drawing them again gives the same files."""

from pathlib import Path

import numpy as np
import pytest

from warmuplab.figures import gallery
from warmuplab.schedules import DECAYS


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notes") / "figures"
    gallery.draw_notes_figures(folder)
    return folder


def test_each_figure_is_png_and_svg(drawn: Path) -> None:
    names = {f"{name}.{kind}" for name in ("schedules", "transformer_schedule", "gallery") for kind in ("png", "svg")}
    assert {file.name for file in drawn.iterdir()} == names


def test_a_figure_drawn_again_is_the_same_file(drawn: Path, tmp_path: Path) -> None:
    for file in gallery.draw_notes_figures(tmp_path):
        assert file.read_bytes() == (drawn / file.name).read_bytes(), file.name


def test_the_first_figure_shows_the_four_schedules_of_the_notes() -> None:
    axes = gallery.draw_schedules().axes[0]
    cosine, exponential, piecewise, warmup = (dict(zip(*line.get_data(), strict=True)) for line in axes.lines)
    assert max(cosine) == 40_000
    assert [cosine[0], cosine[4000]] == [0.001, 0]
    assert exponential[8000] == pytest.approx(0.001 * 0.9**2)
    assert [piecewise[step] for step in (10_000, 20_000, 30_000, 40_000)] == [0.001, 0.0008, 0.0004, 0.0001]
    assert [warmup[step] for step in (0, 2000, 4000, 8000)] == pytest.approx([0, 0.0005, 0.001, 0.0005])


def test_the_second_figure_shows_the_transformer_rule() -> None:
    (line,) = gallery.draw_transformer_schedule().axes[0].lines
    steps, rates = line.get_data()
    assert steps[np.argmax(rates)] == 4000
    assert np.max(rates) == pytest.approx(128**-0.5 * 4000**-0.5)


def test_the_gallery_shows_every_decay() -> None:
    assert set(gallery.GALLERY) == set(DECAYS) - {"ramp"}  # which is no decay
