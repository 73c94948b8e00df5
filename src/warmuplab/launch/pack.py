"""Which runs train in lockstep."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from warmuplab.record.identity import population_key
from warmuplab.record.run import Run


def pack(runs: Sequence[Run], largest: Callable[[Run], int]) -> list[list[Run]]:
    """Runs that differ in seed and schedule only together, evenly divided, at most `largest` of their kind."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(population_key(run.config), []).append(run)
    populations = []
    for group in groups.values():
        parts = -(-len(group) // largest(group[0]))
        bounds = [len(group) * part // parts for part in range(parts + 1)]
        populations += [group[low:high] for low, high in pairwise(bounds)]
    return populations
