"""A fraction of a run in steps: the one rule by which the whole project rounds.

A fraction is taken as it is written: 0.29 of 50 steps is 14.5 and rounds to 15, though the nearest binary number to
0.29 is a little less.
"""

import math
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal


def portion(fraction: float, steps: int) -> float:
    """`fraction * steps` as meant: 0.29 of 100 is 29, not 28.999999999999996, and 7 / 11 of 11 is 7."""
    product = float(_exact(fraction, steps))
    whole = round(product)
    return float(whole) if math.isclose(product, whole, rel_tol=1e-14) else product


def whole_portion(fraction: float, steps: int) -> int:
    """`fraction * steps` in whole steps, a half rounded up."""
    return int(_exact(fraction, steps).to_integral_value(ROUND_HALF_UP))


def whole_portion_up(fraction: float, steps: int) -> int:
    """`fraction * steps` in whole steps, every rest rounded up: 0.07 of 100 is 7, not 8."""
    return int(_exact(fraction, steps).to_integral_value(ROUND_CEILING))


def _exact(fraction: float, steps: int) -> Decimal:
    return Decimal(repr(float(fraction))) * steps
