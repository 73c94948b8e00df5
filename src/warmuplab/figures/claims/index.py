"""The figures of the claims, by name: what the verdicts follow from, at a glance."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.figures import style
from warmuplab.figures.claims.curves import draw_late_decay, draw_lost_time, draw_noam
from warmuplab.figures.claims.differences import draw_differences
from warmuplab.figures.claims.losses import draw_optimizers, draw_phase_diagram, draw_schedule_ranking, draw_shapes
from warmuplab.figures.claims.rates import draw_jitter_rates, draw_rate_sensitivity, draw_warmup_response
from warmuplab.figures.claims.spikes import draw_spikes
from warmuplab.figures.claims.three_arms import (
    draw_depth_drift,
    draw_distribution_path,
    draw_memorisation,
    draw_sharpness,
)
from warmuplab.figures.study import keep_256_colours

DIFFERENCES = "differences_"  # and the id of a claim: the differences of every seed

FIGURES: dict[str, Callable[[Evidence], Figure | None]] = {
    "phase_diagram": draw_phase_diagram,
    "spikes": draw_spikes,
    "memorisation": draw_memorisation,
    "distribution_path": draw_distribution_path,
    "depth_drift": draw_depth_drift,
    "lost_time": draw_lost_time,
    "late_decay": draw_late_decay,
    "shapes": draw_shapes,
    "schedule_ranking": draw_schedule_ranking,
    "optimizers": draw_optimizers,
    "warmup_response": draw_warmup_response,
    "rate_sensitivity": draw_rate_sensitivity,
    "jitter_rates": draw_jitter_rates,
    "noam": draw_noam,
    "sharpness": draw_sharpness,
}


def draw_all(names: Sequence[str], judged: Sequence[Judged], evidence: Evidence, folder: Path) -> list[Path]:
    """Draw the figures called `names` into `folder`; the PNG files, each with an SVG beside it.

    A name is one of `FIGURES`, or `differences_` and the id of one of the `judged` claims. A figure without data is
    left out. Raises `KeyError` for any other name.
    """
    style.apply()
    claims = {one.claim.id: one for one in judged}
    drawn = []
    for name in names:
        if name.startswith(DIFFERENCES):
            figure = draw_differences(claims[name.removeprefix(DIFFERENCES)], evidence)
        else:
            figure = FIGURES[name](evidence)
        if figure is not None:
            png, svg = style.save(figure, folder / name)
            plt.close(figure)
            svg.write_text(compact(svg.read_text()))
            keep_256_colours(png)
            drawn.append(png)
    return drawn


def compact(svg: str) -> str:
    """An SVG with a quarter less bytes and the same picture.

    Coordinates are cut to a hundredth of a point, letters get short names, lines no indentation. Numbers below 1 stay
    as they are: those that scale letters are among them.
    """
    shorter = re.sub(r"\n +", "\n", svg.replace("DejaVuSans-", "g-"))
    return re.sub(r"(?<![\w.])(-?0*[1-9]\d*\.\d\d)\d+", r"\1", shorter)
