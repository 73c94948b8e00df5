"""Every figure of a study, once: the name that is typed, its file, its caption and what draws it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from warmuplab.claims.evidence import Evidence
from warmuplab.figures import pilot as of_pilot
from warmuplab.figures import study as of_study
from warmuplab.figures.claims import (
    curves,
    ladders,
    layers,
    losses,
    ramps,
    rates,
    rises,
    sensitivity,
    spikes,
    three_arms,
)
from warmuplab.study.results import Study
from warmuplab.study.roles import Arms

DIFFERENCES = "differences_"  # and the id of a claim: the file with the differences of every seed, which any claim has


@dataclass(frozen=True)
class Listed:
    """A figure as it is listed."""

    name: str
    """As typed: `phase-diagram`."""
    file: str
    """In `results/<study>/figures/`, without suffix; also how a claim names the figure that shows it."""
    caption: str


@dataclass(frozen=True)
class StudyFigure(Listed):
    """A figure of any study."""

    draw: Callable[[Study, Arms], Figure | None]
    """None where the study has no data for it."""


@dataclass(frozen=True)
class ClaimFigure(Listed):
    """A figure of a study that claims are about; it shows what verdicts follow from."""

    draw: Callable[[Evidence], Figure | None]


_STUDY = (
    StudyFigure(
        "phase-diagram",
        "final_loss",
        "Final held-out loss over warmup and peak learning rate.",
        of_study.draw_final_loss,
    ),
    StudyFigure(
        "instability",
        "instability",
        "Instability: how far the loss on one fixed held-out batch rises above the lowest it had so far.",
        of_study.draw_instability,
    ),
    StudyFigure("held-out-loss", "held_out_loss", "Held-out loss while training.", of_study.draw_held_out_loss),
    StudyFigure("training-loss", "training_loss", "Training loss at every step.", of_study.draw_training_loss),
    StudyFigure(
        "early-overfitting",
        "early_overfitting",
        "Early overfitting: what each step taught about its own batch beyond what it taught about held-out text, summed"
        " up over the early window.",
        of_study.draw_early_overfitting,
    ),
    StudyFigure(
        "memorisation",
        "memorisation",
        "Memorisation of the first batches: loss on their sentences minus loss on unseen ones (the lower, the more was"
        " remembered), read at the same loss on the latter.",
        of_study.draw_memorisation,
    ),
    StudyFigure(
        "distribution", "distribution", "How far each step moved the output distribution.", of_study.draw_distribution
    ),
)

_CLAIMS = (
    ClaimFigure(
        "phase-diagram",
        "phase_diagram",
        "Final loss over warmup and peak rate, a map per normalisation.",
        losses.draw_phase_diagram,
    ),
    ClaimFigure(
        "spikes",
        "spikes",
        "Training loss with its spikes marked, with warmup and without.",
        spikes.draw_spikes,
    ),
    ClaimFigure(
        "memorisation",
        "memorisation",
        "Memorisation of the first batches at matched held-out loss, three arms.",
        three_arms.draw_memorisation,
    ),
    ClaimFigure(
        "distribution-path",
        "distribution_path",
        "How far the output distribution moved until a held-out loss, three arms.",
        three_arms.draw_distribution_path,
    ),
    ClaimFigure(
        "depth-drift",
        "depth_drift",
        "Drift of every layer in the early window, three arms.",
        three_arms.draw_depth_drift,
    ),
    ClaimFigure("sharpness", "sharpness", "Sharpness as Adam sees it, three arms.", three_arms.draw_sharpness),
    ClaimFigure("lost-time", "lost_time", "Held-out loss of runs that start at a large rate.", curves.draw_lost_time),
    ClaimFigure(
        "late-decay",
        "late_decay",
        "Held-out loss where the rate falls late, and where it does not.",
        curves.draw_late_decay,
    ),
    ClaimFigure("shapes", "shapes", "Rise, plateau and fall against their parts.", losses.draw_shapes),
    ClaimFigure(
        "warmup-response",
        "warmup_response",
        "Final loss over the length of the warmup, at both run lengths.",
        rates.draw_warmup_response,
    ),
    ClaimFigure(
        "rate-sensitivity",
        "rate_sensitivity",
        "Final loss over the peak rate, with warmup and without.",
        rates.draw_rate_sensitivity,
    ),
    ClaimFigure(
        "jitter-rates",
        "jitter_rates",
        "Where a ramp starts to jitter against the best peak rate.",
        rates.draw_jitter_rates,
    ),
    ClaimFigure(
        "schedule-ranking",
        "schedule_ranking",
        "The notes' schedules, each at its own best rate.",
        losses.draw_schedule_ranking,
    ),
    ClaimFigure(
        "optimizers", "optimizers", "RAdam and GI-Adam without warmup against Adam with it.", losses.draw_optimizers
    ),
    ClaimFigure(
        "rises",
        "rises",
        "Rises of the held-out loss at a large rate: the loss, its running minimum and the excess.",
        rises.draw_rises,
    ),
    ClaimFigure(
        "sensitivity",
        "sensitivity",
        "Final loss over the peak rate, with warmup and without, of the registered runs.",
        sensitivity.draw_sensitivity,
    ),
    ClaimFigure(
        "ladders",
        "ladders",
        "Final loss over the length of the warmup, by run length, beta2 and batch size.",
        ladders.draw_ladders,
    ),
    ClaimFigure(
        "ramps", "ramps", "What jitter in a ramp suggests, against the best rate, and what it costs.", ramps.draw_ramps
    ),
    ClaimFigure(
        "layers",
        "layers",
        "Where warmup is needed: final loss with warmup of one part of the network alone.",
        layers.draw_layers,
    ),
    ClaimFigure("noam", "noam", "The transformer's rule at its published length.", curves.draw_noam),
)

_PILOT = (
    StudyFigure(
        "pilot-rates",
        "pilot_rates",
        "The pilot: final loss over the peak rate, with the largest rate at which all seeds train.",
        of_pilot.draw_rates,
    ),
    StudyFigure(
        "pilot-ladder",
        "pilot_ladder",
        "The pilot: final loss over the length of the warmup, by the length of the run.",
        of_pilot.draw_ladder,
    ),
)

FOREST = Listed(
    "forest",
    "forest",
    "The effect of every claim of a registry in units of its smallest effect of interest, with 95 % intervals and the"
    " verdict.",
)

STUDY_FIGURES = {figure.file: figure for figure in _STUDY}
PILOT_FIGURES = {figure.file: figure for figure in _PILOT}
"""Of the study `pilot` alone, in place of those of any study, of which its many settings leave room for few."""
CLAIM_FIGURES = {figure.file: figure for figure in _CLAIMS}


def names() -> dict[str, str]:
    """Every name that can be typed, with what it draws; a name that two figures share is that of the claims."""
    every: tuple[Listed, ...] = (*_STUDY, *_PILOT, *_CLAIMS, FOREST)
    return {figure.name: figure.caption for figure in every}
