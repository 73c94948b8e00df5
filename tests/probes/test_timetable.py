"""Probes are due at every early step, then now and then, and the last step is never missed."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warmuplab.config.schema import ProbesConfig
from warmuplab.probes import memorisation
from warmuplab.probes.timetable import DRIFTS, SNAPSHOTS, Timetable, make_timetable, snapshot_steps
from warmuplab.training import early_steps

steps_st, fraction_st, every_st = st.integers(1, 600), st.floats(0, 1), st.integers(1, 700)


def timetable(steps: int, fraction: float, every: int) -> Timetable:
    return make_timetable(
        ProbesConfig(True, fraction, every, 8, curvature=False, loss_only=False), steps, early_steps(fraction, steps)
    )


@settings(max_examples=150, deadline=None)
@given(steps=steps_st, fraction=fraction_st, every=every_st)
@example(steps=1, fraction=0.0, every=16)
@example(steps=1, fraction=1.0, every=16)
@example(steps=200, fraction=0.0, every=1000)
@example(steps=200, fraction=1.0, every=1)
def test_due_early_then_now_and_then_and_at_both_ends(steps: int, fraction: float, every: int) -> None:
    due = timetable(steps, fraction, every).due
    for step in range(steps):
        expected = step < early_steps(fraction, steps) or step % every == 0 or step == steps - 1
        assert (step in due) == expected
    assert due <= set(range(steps))
    assert {0, steps - 1} <= due


@settings(max_examples=150, deadline=None)
@given(steps=steps_st, fraction=fraction_st, every=every_st)
@example(steps=1, fraction=1.0, every=16)
@example(steps=2, fraction=0.0, every=1000)
def test_snapshots_are_a_few_of_the_steps_that_are_due_with_both_ends(steps: int, fraction: float, every: int) -> None:
    table = timetable(steps, fraction, every)
    assert {0, steps - 1} <= table.snapshots <= table.due
    assert len(table.snapshots) <= SNAPSHOTS + 1
    for target in (0.0, *spaced(steps - 1)):  # none that is due lies nearer to it
        nearest = min(abs(step - target) for step in table.due)
        assert min(abs(step - target) for step in table.snapshots) == pytest.approx(nearest, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(steps=steps_st, fraction=fraction_st, every=every_st)
@example(steps=1, fraction=1.0, every=16)
@example(steps=2, fraction=0.0, every=1000)
@example(steps=600, fraction=0.0, every=1)
def test_drift_is_measured_at_the_snapshots_and_evenly_between(steps: int, fraction: float, every: int) -> None:
    table, early = timetable(steps, fraction, every), early_steps(fraction, steps)
    assert table.snapshots <= table.drifts <= table.due
    assert len(table.drifts) <= DRIFTS + SNAPSHOTS + 1
    for inside in (True, False):
        due = sorted(step for step in table.due if (step < early) == inside)
        missed = [sum(low < step < high for step in due) for low, high in pairwise(sorted(table.drifts & {*due}))]
        most = -(-len(due) // (DRIFTS // 2))  # the stride where the half of them are there
        assert max(missed, default=0) < max(1, most)


@settings(max_examples=150, deadline=None)
@given(steps=steps_st, fraction=fraction_st, every=every_st)
@example(steps=1, fraction=1.0, every=16)
@example(steps=20, fraction=0.0, every=16)
def test_curvature_is_measured_at_the_snapshots_and_the_first_two_steps(
    steps: int, fraction: float, every: int
) -> None:
    table = timetable(steps, fraction, every)
    assert table.curvature == table.snapshots | ({0, 1} & set(range(steps)))


def test_the_times_of_the_default_probes() -> None:
    """In the study `quick`: what is committed per run, and how far apart two snapshots of the drift are."""
    table = timetable(200, 0.2, 16)
    drifts = sorted(table.drifts)
    assert len(drifts) == 36
    assert len(table.curvature) == len(table.snapshots) == 13
    assert max(high - low for low, high in pairwise(drifts) if high < 40) == 2
    assert max(high - low for low, high in pairwise(drifts)) == 16


def test_snapshots_are_log_spaced() -> None:
    snapshots = snapshot_steps(list(range(2049)))
    assert len(snapshots) >= SNAPSHOTS - 2
    ratios = [late / early for early, late in pairwise(snapshots[3:])]
    assert max(ratios) < 1.3 * 2  # 2048 ** (1 / 11) is 2
    assert min(ratios) > 2 / 1.3
    due = sorted(timetable(200, 0.2, 16).due)
    assert snapshot_steps(due) == sorted({min(due, key=lambda d: abs(d - t)) for t in (0, *spaced(199))})


def spaced(last: int) -> list[float]:
    """`SNAPSHOTS` steps from 1 to `last`, each as many times the one before."""
    return [max(1, last) ** (i / (SNAPSHOTS - 1)) for i in range(SNAPSHOTS)]


@settings(max_examples=150, deadline=None)
@given(steps=steps_st, fraction=fraction_st, every=every_st)
@example(steps=1, fraction=1.0, every=16)
@example(steps=2, fraction=0.0, every=1000)
@example(steps=20, fraction=1.0, every=1)
def test_memorisation_begins_behind_the_early_batches_and_goes_on_to_the_end(
    steps: int, fraction: float, every: int
) -> None:
    remembered = timetable(steps, fraction, every).memorisation
    first, early = memorisation.first_step(steps), early_steps(fraction, steps)
    if first > steps - 1:
        assert steps == 1  # nothing comes behind the early batches
        assert not remembered
        return
    assert min(remembered) == first
    assert max(remembered) == steps - 1
    for step in range(first + 1, steps - 1):
        apart = max(1, every // 2) if step < early else every
        assert (step in remembered) == (step % apart == 0)


@settings(max_examples=200, deadline=None)
@given(steps=steps_st, fraction=fraction_st)
def test_the_early_window_is_the_fraction_rounded_half_up(steps: int, fraction: float) -> None:
    early = early_steps(fraction, steps)
    assert 0 <= early <= steps
    assert -0.5 <= fraction * steps - early <= 0.5
    assert early_steps(0.0, steps) == 0
    assert early_steps(1.0, steps) == steps
    assert early_steps(0.5, 5) == 3


@pytest.mark.parametrize("curvature", [False, True])
def test_measured_steps_cost_more_and_no_step_less_than_one(curvature: bool) -> None:
    times = timetable(200, 0.2, 16)
    cost_T = times.cost(200, curvature)
    assert cost_T.shape == (200,)
    measured = times.due | times.memorisation | (times.curvature if curvature else frozenset())
    assert all((cost_T[step] > 1) == (step in measured) for step in range(200))
    assert cost_T.min() == 1
    assert (cost_T[sorted(times.curvature)].min() > cost_T[sorted(times.due - times.curvature)].max()) == curvature
