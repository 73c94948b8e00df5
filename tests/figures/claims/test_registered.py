"""The figures of the registered claims show what their runs measured: every seed, means, and what is stuck."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from support.claim_runs import ENTROPY, studies
from warmuplab.claims.lengths.ladders import situations
from warmuplab.claims.planned.confirm import CHOSEN, JITTER, LENGTH, RATES
from warmuplab.claims.planned.place import PRE, lasting
from warmuplab.figures import style
from warmuplab.figures.claims import ladders, layers, ramps, rises, sensitivity

SEEDS = tuple(range(10, 16))


@pytest.fixture(autouse=True)
def as_every_figure_looks() -> Iterator[None]:
    style.apply()
    yield
    plt.close("all")


def by_layers(run: dict[str, Any]) -> float:
    """The decoder alone is best; without any warmup seeds are stuck on the cliff."""
    rest = {"decoder": 3.0, "encoder": 4.0, "none": 5.0}.get(run["schedule.warmup.layers"], 3.5)
    on_cliff = run["model.norm"] == "post" and run["schedule.peak_lr"] == layers.ON_CLIFF
    if on_cliff and run["schedule.warmup.layers"] == "none":
        return ENTROPY + 0.3
    return rest + 0.01 * run["seed"]


def test_where_warmup_is_needed_has_a_row_per_part_and_a_dot_per_seed(tmp_path: Path) -> None:
    arms = [replace(arm, seeds=arm.seeds[:6]) for _, of_panel in layers.panels() for arm in of_panel.values()]
    figure = layers.draw_layers(studies(tmp_path, arms, SEEDS, by_layers))
    assert figure is not None
    below, cliff, pre = figure.axes
    assert [panel.get_title() or panel.get_title("left") for panel in figure.axes] == [
        "post-LN, 8e-3",
        "post-LN, 1.6e-2",
        "pre-LN, 1.6e-2",
    ]
    names = [label.get_text() for label in below.get_yticklabels()]
    assert names == list(layers.PARTS.values())
    means = {round(float(line.get_ydata()[0]) + 0.2): float(line.get_xdata()[0]) for line in diamonds(pre)}
    assert means[names.index("decoder")] == pytest.approx(3.0 + 0.01 * np.mean(SEEDS))
    assert means[names.index("nothing")] == pytest.approx(5.0 + 0.01 * np.mean(SEEDS))
    stuck = {round(float(line.get_ydata()[0]) + 0.2): float(line.get_xdata()[0]) for line in diamonds(cliff)}
    assert stuck[names.index("nothing")] == pytest.approx(ENTROPY)  # at its ceiling, though some end above
    dots = [line for line in pre.get_lines() if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [len(SEEDS)] * len(dots)  # type: ignore[arg-type]
    assert any(line.get_linestyle() == "--" for line in cliff.get_lines())


def diamonds(panel: Any) -> list[Any]:
    return [line for line in panel.get_lines() if line.get_marker() == "D"]


def test_a_rise_is_the_loss_above_its_running_minimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [RATES.arm(name, PRE, keys, rates=(CHOSEN.pre_large,)) for name, keys in rises.ARMS.items()]
    evidence = studies(tmp_path, arms, SEEDS)
    for study in evidence.studies.values():  # a jump by 2 nats at the second measurement
        probes = study.curves["metric"] == "probe/loss"
        second = study.curves[probes].groupby("run_id")["step"].transform(lambda steps: sorted(steps)[1])
        at = probes & (study.curves["step"] == second.reindex(study.curves.index))
        study.curves.loc[at, "value"] = 9.0
    figure = rises.draw_rises(evidence)
    assert figure is not None
    for panel in figure.axes:
        (bold,) = [line for line in panel.get_lines() if line.get_linewidth() == 1.2]
        (lowest,) = [line for line in panel.get_lines() if line.get_linestyle() == ":"]
        losses = np.asarray(bold.get_ydata(), dtype=float)
        np.testing.assert_allclose(np.asarray(lowest.get_ydata(), dtype=float), np.minimum.accumulate(losses))
        assert f"largest rise {(losses - np.minimum.accumulate(losses)).max():.1f} nats" in panel.get_title("left")
        assert len([line for line in panel.get_lines() if line.get_linewidth() == 0.5]) == len(SEEDS)


def test_the_seed_shown_is_the_one_with_the_median_rise(tmp_path: Path) -> None:
    arms = [RATES.arm(name, PRE, keys, rates=(CHOSEN.pre_large,)) for name, keys in rises.ARMS.items()]
    figure = rises.draw_rises(studies(tmp_path, arms, SEEDS))  # made-up rises grow with the seed
    assert figure is not None
    assert figure.legends[0].get_texts()[0].get_text() == "seed 12, the median one without warmup"


def test_stuck_seeds_are_counted_above_their_rate(tmp_path: Path) -> None:
    def losses(run: dict[str, Any]) -> float:
        no_warmup = run["schedule.warmup.fraction"] == 0
        return ENTROPY + 1 if no_warmup and run["schedule.peak_lr"] > 1.5e-2 and run["seed"] < 14 else 3.0

    arms = [replace(arm, seeds=arm.seeds[:6]) for of in sensitivity.ARMS.values() for arm in of.values()]
    figure = sensitivity.draw_sensitivity(studies(tmp_path, arms, SEEDS, losses))
    assert figure is not None
    post, _ = figure.axes
    assert [text.get_text() for text in post.texts] == ["4"]
    assert post.texts[0].get_position()[0] == pytest.approx(1.6e-2, rel=0.05)


def test_a_ladder_is_drawn_against_its_best_length(tmp_path: Path) -> None:
    arms = [
        LENGTH.arm("", at.keys, lasting(share), rates=(at.peak_lr,)) for at, shares in situations() for share in shares
    ]

    def losses(run: dict[str, Any]) -> float:
        return 3.0 - float(run["schedule.warmup.fraction"]) + 0.1 * run["seed"]

    figure = ladders.draw_ladders(studies(tmp_path, arms, SEEDS, losses))
    assert figure is not None
    lengths, beta2, batch = figure.axes
    assert [text.get_text() for text in lengths.get_legend().get_texts()] == ["200 steps", "800 steps", "3,200 steps"]
    assert [text.get_text() for text in beta2.get_legend().get_texts()] == ["beta2 0.9", "beta2 0.98", "beta2 0.99"]
    assert [text.get_text() for text in batch.get_legend().get_texts()] == ["batch 8", "batch 16", "batch 32"]
    first = lengths.containers[0].lines[0]
    shares = next(shares for at, shares in situations() if at.steps == 200)
    np.testing.assert_allclose(first.get_xdata(), [200 * share for share in shares])
    np.testing.assert_allclose(first.get_ydata(), [max(shares) - share for share in shares], atol=1e-9)


def test_a_ramp_is_shown_with_what_its_rate_costs(tmp_path: Path) -> None:
    arms = [arm for _, *of in ramps.networks(JITTER) for arm in of]
    figure = ramps.draw_ramps(studies(tmp_path, arms, JITTER.seeds))
    assert figure is not None
    rates, costs = figure.axes
    assert [label.get_text() for label in costs.get_xticklabels()] == [name for name, _, _ in ramps.networks(JITTER)]
    told = [line for line in rates.get_lines() if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in told] == [len(JITTER.seeds)] * len(told)  # type: ignore[arg-type]
    np.testing.assert_allclose(sorted(told[0].get_ydata()), [2e-2 * 1.1**seed for seed in JITTER.seeds])  # type: ignore[arg-type]
    read, random = (np.asarray(container.lines[0].get_ydata()) for container in costs.containers)
    assert (random[:3] > 0).all()  # those of SGD are all stuck
    assert len(read) == len(random) == len(ramps.networks(JITTER))
