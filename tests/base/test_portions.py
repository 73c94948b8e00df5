"""A fraction of a run in steps is rounded by one rule: as the fraction is written, a half up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.composing import QUICK, composed
from warmuplab import schedules
from warmuplab.base.portions import portion, whole_portion, whole_portion_up
from warmuplab.training import early_steps


@given(st.integers(0, 10_000), st.integers(0, 100_000))
def test_every_fraction_of_four_digits_rounds_as_on_paper(ten_thousandths: int, steps: int) -> None:
    fraction, exact = ten_thousandths / 10_000, Fraction(ten_thousandths, 10_000) * steps
    assert whole_portion(fraction, steps) == int(exact + Fraction(1, 2))
    assert whole_portion_up(fraction, steps) == -int(-exact // 1)
    assert portion(fraction, steps) == pytest.approx(float(exact), rel=1e-14)


def test_a_half_that_floats_miss_is_rounded_up() -> None:
    assert 0.29 * 50 < 14.5  # what a product of floats would round down
    assert whole_portion(0.29, 50) == 15


def test_warmup_and_early_window_of_the_same_fraction_have_the_same_length() -> None:
    for fraction, steps in ((0.29, 50), (0.07, 50), (0.145, 100), (0.5, 7), (0.2, 200)):
        run = composed(*QUICK, f"training.steps={steps}", f"schedule.warmup.fraction={fraction}")
        assert schedules.warmup_steps(run.schedule, steps) == early_steps(fraction, steps)
