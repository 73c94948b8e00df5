"""How many runs a sweep has, counted before they are listed: a mistyped range could fill the memory."""

import math
from collections.abc import Sequence
from itertools import islice

from hydra.core.override_parser.types import Override, RangeSweep

from warmuplab.base.errors import ConfigError

MOST_RUNS = 100_000
LONGEST_SHOWN = 60  # characters of a value in an error message


def check(products: Sequence[Sequence[Override]]) -> None:
    """Raise `ConfigError` for a key without values, and where all products together have more than `MOST_RUNS` runs.

    Each of `products` is the overrides of one grid, whose runs are the Cartesian product of their values.
    """
    counts = [{override.get_key_element(): _count(override) for override in product} for product in products]
    overrides = [override for product in products for override in product]
    for override in overrides:
        if _count(override) == 0:
            raise ConfigError(override.get_key_element(), _value(override), "no values", "give at least one value")
    if sum(math.prod(product.values()) for product in counts) > MOST_RUNS:
        longest = max(overrides, key=_count)
        problem = f"too many values: the sweep would have more than {MOST_RUNS:,} runs"
        remedy = "give fewer values, or split the sweep into several"
        raise ConfigError(longest.get_key_element(), _value(longest), problem, remedy)


def _count(override: Override) -> int:
    """The number of values, counted no further than `MOST_RUNS` + 1."""
    if not override.is_discrete_sweep():
        return 1
    value = override.value()
    if isinstance(value, RangeSweep):  # `sweep_iterator` would list a shuffled range as a whole
        return sum(1 for _ in islice(value.range(), MOST_RUNS + 1)) if value.step else 0
    return sum(1 for _ in islice(override.sweep_iterator(), MOST_RUNS + 1))


def _value(override: Override) -> str:
    """The value as it is typed, shortened where it is long."""
    typed = (override.input_line or "").partition("=")[2]
    return typed if len(typed) <= LONGEST_SHOWN else f"{typed[:LONGEST_SHOWN]}..."
