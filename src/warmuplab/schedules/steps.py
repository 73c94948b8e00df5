"""What every schedule shares: steps in, float64 out; checked parameters."""

import functools
import math
import numbers
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from warmuplab.base.errors import ConfigError

Array = npt.NDArray[np.float64]
Self = TypeVar("Self")

# A quotient that is a whole number on paper can land one rounding below it. A few units in the last place mend that and
# are far too small to reach a step that belongs to the other side.
NUDGE = 2.0**-50

LARGEST_NUMBER = 3.4e38  # of a setting: what is larger is infinite in float32, in which the weights are


class Schedule(Protocol):
    """A learning rate as a function of the step: an int or an array of steps in, float64 of the same shape out."""

    def __call__(self, step: npt.ArrayLike, /) -> Array: ...


def on_steps(formula: Callable[[Self, Array], Array]) -> Callable[[Self, npt.ArrayLike], Array]:
    """Make a formula over a 1-D float64 array callable with a step or an array of steps of any shape.

    A single step goes through the same array code, so that it gives the same bits as the array does.
    Raises ValueError for a step that is not a number, negative or NaN.
    """

    @functools.wraps(formula)
    def call(self: Self, step: npt.ArrayLike) -> Array:
        steps = np.asarray(step)
        if steps.dtype.kind not in "iuf" or (steps.size and not steps.min() >= 0):
            raise ValueError(f"step={step!r}: steps are numbers from 0 on")
        flat = steps.astype(np.float64).reshape(-1)
        return formula(self, flat).reshape(steps.shape)[()]

    return call


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, above: float | None = None
) -> None:
    """Raise a ConfigError that names the parameter unless `value` is a finite number with low <= value <= high.

    `above` is an excluded lower bound.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ConfigError(name, value, "is not a number", f"give {_wanted(low, high, above)}")
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (above is not None and number <= above):
        raise ConfigError(name, value, "is out of range", f"give {_wanted(low, high, above)}")


def check_whole(name: str, value: Any, low: int) -> None:
    """Raise a ConfigError that names the parameter unless `value` is a whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ConfigError(name, value, "is not a whole number", f"give a whole number of at least {low}")
    if value < low:
        raise ConfigError(name, value, "is out of range", f"give a whole number of at least {low}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ConfigError that names the parameter and the choices unless `value` is one of them."""
    if value not in choices:
        raise ConfigError(name, value, "does not exist", f"choose one of {', '.join(choices)}")


def _wanted(low: float, high: float, above: float | None) -> str:
    if above is not None:
        return f"a finite number above {above:g}" + (f", at most {high:g}" if math.isfinite(high) else "")
    if math.isfinite(high):
        return f"a number from {low:g} to {high:g}"
    return f"a finite number of at least {low:g}" if math.isfinite(low) else "a finite number"
