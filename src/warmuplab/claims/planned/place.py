"""Where planned contrasts find their runs: the pilot here, the confirmatory studies when they are registered.

An arm is put together from mappings of configuration keys, which say no more than picks its runs.
"""

from dataclasses import dataclass
from typing import Any

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.terms import FINAL_LOSS

STUDY, SEEDS = "pilot", (100, 101, 102, 103)
Keys = dict[str, Any]
WIDTH = "model.width"

ADAM: Keys = {"optimizer.name": "adam", "optimizer.betas": [0.9, 0.98]}
SGD: Keys = {"optimizer.name": "sgd", "optimizer.betas": None}
LINEAR: Keys = {"schedule.decay.name": "linear", "schedule.warmup.layers": "all"}
_ALL = ADAM | LINEAR | {"data.name": "multi30k", "training.batch_size": 16, "training.steps": 800}
POST: Keys = {"model.norm": "post", WIDTH: 32} | _ALL
PRE: Keys = {"model.norm": "pre", WIDTH: 32} | _ALL
QUICK: Keys = PRE | {
    "data.name": "jupyterlab",
    WIDTH: 64,
    "training.batch_size": 64,
    "training.steps": 200,
}
"""The network of the study `quick`."""


def lasting(fraction: float) -> Keys:
    """A linear warmup of so much of the run; 0 for none."""
    return {
        "schedule.warmup.shape": "linear",
        "schedule.warmup.fraction": fraction,
        "schedule.warmup.steps": None,
    }


def steps_long(steps: int) -> Keys:
    """A linear warmup of so many steps."""
    return {"schedule.warmup.shape": "linear", "schedule.warmup.fraction": None, "schedule.warmup.steps": steps}


def equal_area(window: float) -> Keys:
    """No warmup, and over the first `window` of the steps as much rate as with a warmup of 10 %."""
    return {
        "schedule.warmup.shape": "equal_area",
        "schedule.warmup.fraction": 0.1,
        "schedule.warmup.window": window,
    }


def of_width(width: int) -> Keys:
    """The post-LN network of another width, which trains for 400 steps."""
    return POST | {WIDTH: width, "training.steps": 400}


NONE, WARM = lasting(0), lasting(0.1)


@dataclass(frozen=True)
class Place:
    """The study, the seeds and the final loss that contrasts are read at."""

    study: str = STUDY
    seeds: tuple[int, ...] = SEEDS
    loss: Measure = FINAL_LOSS
    several_widths: bool = True
    """Whether the width picks an arm; where all its runs share one it does not, so that it can be another."""

    def arm(self, name: str, *keys: Keys, rates: tuple[float, ...] = (), seeds: int | None = None) -> Arm:
        """The arm that all `keys` together pick, later ones before earlier; of the first `seeds` alone if given."""
        where = {key: value for one in keys for key, value in one.items()}
        if not self.several_widths:
            where.pop(WIDTH, None)
        return Arm(name, where, rates, self.seeds[:seeds], study=self.study)


PILOT = Place()
