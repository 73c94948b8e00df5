"""Which runs train in lockstep."""

from collections.abc import Sequence
from itertools import pairwise

from warmuplab.record.identity import population_key
from warmuplab.record.run import Run


def pack(runs: Sequence[Run], largest: int) -> list[list[Run]]:
    """Runs that differ in seed and schedule only together, at most `largest` of them and evenly divided."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(population_key(run.config), []).append(run)
    populations = []
    for group in groups.values():
        parts = -(-len(group) // largest)
        bounds = [len(group) * part // parts for part in range(parts + 1)]
        populations += [group[low:high] for low, high in pairwise(bounds)]
    return populations
