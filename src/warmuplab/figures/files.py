"""From the index of figures to files: PNG and SVG, small enough to be committed."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.figures import style
from warmuplab.figures.claims.differences import draw_differences
from warmuplab.figures.claims.forest import draw_forest
from warmuplab.figures.index import CLAIM_FIGURES, DIFFERENCES, FOREST, PILOT_FIGURES, STUDY_FIGURES
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

SCALES = ("final_loss",)  # a colour scale would show stripes with few colours


def draw_of_study(files: Sequence[str], study: Study, arms: Arms, folder: Path) -> list[Path]:
    """Draw these of `STUDY_FIGURES` or `PILOT_FIGURES` into `folder`; the PNG files, each with an SVG beside it.

    A figure without data is left out. Raises `KeyError` for a file that is not in the index.
    """
    style.apply()
    drawn = []
    for file in files:
        figure = (STUDY_FIGURES | PILOT_FIGURES)[file].draw(study, arms)
        if figure is not None:
            drawn.append(_write(figure, folder / file, few_colours=file not in SCALES)[0])
    return drawn


def draw_of_claims(files: Sequence[str], judged: Sequence[Judged], evidence: Evidence, folder: Path) -> list[Path]:
    """The same with `CLAIM_FIGURES`; a file is one of these, or `differences_` and the id of a `judged` claim."""
    style.apply()
    claims = {one.claim.id: one for one in judged}
    drawn = []
    for file in files:
        if file.startswith(DIFFERENCES):
            figure = draw_differences(claims[file.removeprefix(DIFFERENCES)], evidence)
        else:
            figure = CLAIM_FIGURES[file].draw(evidence)
        if figure is not None:
            drawn.append(_write(figure, folder / file)[0])
    return drawn


def draw_of_registry(judged: Sequence[Judged], folder: Path) -> list[Path]:
    """Draw the forest plot of a registry's claims into `folder`; the PNG, none where no claim has been tested."""
    style.apply()
    figure = draw_forest(judged)
    if figure is None:
        return []
    return [_write(figure, folder / FOREST.file)[0]]


def _write(figure: Figure, path: Path, few_colours: bool = True) -> list[Path]:
    written = style.save(figure, path, few_colours)
    plt.close(figure)
    return written
