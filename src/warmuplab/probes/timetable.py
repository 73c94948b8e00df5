"""Which probe is due at which step, and what that may cost.

The budget of the default probes is 35 % of the training time. In units of a training step a forward pass over a batch
costs about 0.4 and one over the probe batch, whose sentences are alike in length, about 0.3.

* *every step of the early window, then every `probes.every`-th, and the last*: the probe batch after the step (at
  consecutive steps that is also the one before the next), the training batch after the step, and the quarter-size
  held-out batch of its bucket before and after it: 1.0 of a step over a fifth of the steps, 1.3 over a sixteenth;
* *memorisation*, twice as many sentences as the probe batch: every `probes.every`-th step, twice as often in the early
  window, and the first step at which it is defined: 0.5 of a step;
* *snapshots* of all layers, at `SNAPSHOTS` of the steps above, log-spaced: some norms and small products, 0.1
  of a step;
* *the drift of all layers from before training*, at the snapshots and `DRIFTS` more of the steps above, spaced evenly
  within the early window and evenly behind it, so that it can be read at a held-out loss that is reached anywhere:
  small products, 0.05 of a step.

Curvature (`probes=full`) is measured at the snapshots and at step 1, the first that has a second moment behind it. It
costs about `CURVATURE_COST` steps each time, which no budget holds.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from warmuplab.config.schema import ProbesConfig
from warmuplab.probes import memorisation

SNAPSHOTS = 12  # about: log-spaced ones that fall on the same step are one
DRIFTS = 48  # at most, beside the snapshots; a loss is crossed between two of them, a few steps apart in a short run
DUE_COST, MEMORISATION_COST, CURVATURE_COST = 1.4, 1.0, 40.0  # steps that they take as long as, for estimates of time


class Due(NamedTuple):
    """What is measured around one step; on batches of one shape, steps with the same one take the same operations."""

    first: bool = False
    """The step is the first of all, which makes what the others carry."""
    around: bool = False
    """What is measured at every step of the early window and every so often afterwards."""
    carried: bool = False
    """What the step starts from was observed when the step before it ended."""
    carries: bool = False
    """What it leaves is what the next step starts from and measures."""
    snapshot: bool = False
    drift: bool = False
    drift_next: bool = False
    memorisation: bool = False


@dataclass(frozen=True)
class Timetable:
    """Steps, 0-based, at which to measure with the weights that the step starts from (and around it)."""

    due: frozenset[int]
    """For what is measured at every step of the early window and every so often afterwards."""
    snapshots: frozenset[int]
    """For the layers, log-spaced; all of them are due."""
    drifts: frozenset[int]
    """For the drift of the layers from before training: the snapshots, and evenly spaced steps that are due."""
    curvature: frozenset[int]
    """Steps 0 and 1, and the snapshots."""
    memorisation: frozenset[int]

    def at(self, step: int) -> Due:
        """What is measured around `step`."""
        around = step in self.due
        return Due(
            first=step == 0,
            around=around,
            carried=around and step - 1 in self.due,
            carries=around and step + 1 in self.due,
            snapshot=step in self.snapshots,
            drift=step in self.drifts,
            drift_next=around and step + 1 in self.drifts,
            memorisation=step in self.memorisation,
        )

    def cost(self, steps: int, curvature: bool) -> NDArray[np.float64]:
        """About how many steps without probes each of `steps` takes as long as, `[steps]`."""
        cost_T = np.ones(steps)
        cost_T[list(self.due)] += DUE_COST
        cost_T[list(self.memorisation)] += MEMORISATION_COST
        cost_T[list(self.curvature)] += CURVATURE_COST if curvature else 0.0
        return cost_T


def make_timetable(probes: ProbesConfig, steps: int, early_steps: int) -> Timetable:
    """The timetable of a run of `steps`."""
    last = steps - 1
    due = {step for step in range(steps) if step < early_steps or step % probes.every == 0} | {last}
    first = memorisation.first_step(steps)
    often = max(1, probes.every // 2)
    remembered = {step for step in range(first, steps) if step % (often if step < early_steps else probes.every) == 0}
    snapshots = frozenset(snapshot_steps(sorted(due)))
    return Timetable(
        frozenset(due),
        snapshots,
        snapshots | frozenset(drift_steps(sorted(due), early_steps)),
        snapshots | frozenset(range(min(2, steps))),
        frozenset(step for step in remembered | {first, last} if first <= step <= last),
    )


def snapshot_steps(due: list[int]) -> list[int]:
    """Step 0, the last one, and between them about `SNAPSHOTS` log-spaced ones, each moved to the nearest in `due`."""
    targets = np.concatenate([[0], np.geomspace(1, max(1, due[-1]), SNAPSHOTS)])
    steps = np.array(due)
    nearest: list[int] = np.unique(steps[np.abs(steps - targets[:, None]).argmin(axis=1)]).tolist()
    return nearest


def drift_steps(due: list[int], early_steps: int) -> list[int]:
    """At most `DRIFTS` of `due`: every n-th of the early window and every m-th behind it.

    What is behind it gets half of them at most, and the early window the rest: there a layer drifts fastest.
    """
    early, late = ([step for step in due if (step < early_steps) == inside] for inside in (True, False))
    late = _every(late, DRIFTS // 2 if early else DRIFTS)
    return _every(early, DRIFTS - len(late)) + late


def _every(steps: list[int], most: int) -> list[int]:
    """Every n-th of `steps` from the first on, with the smallest n that leaves `most` at most."""
    return steps[:: -(-len(steps) // most)] if steps else []
