"""The rules for held-out levels and for the length of a run."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from warmuplab.base.words import listed, number, plural
from warmuplab.claims.pilot.rates import Choice
from warmuplab.claims.statistics import Floats

BY = 0.6  # of the run: by then every run compared must be at a level
LEARNED = 1.5  # nats below the unigram entropy that a run must end at, to be more than word frequencies


def common_level(of: str, steps_to: Mapping[float, Floats], run_steps: int, by: float = BY) -> Choice:
    """The deepest level, in nats below the unigram entropy, that every run compared reaches by a share of its steps.

    `steps_to` has for each level the step at which each run [run] reaches it, the length of the run where it never
    does, null where the run is missing. `by` is that share: less than 60 % where not every step is measured as long.
    """
    missing = max((int(np.isnan(steps_n).sum()) for steps_n in steps_to.values()), default=0)
    if missing or not steps_to:
        said = f"{of}: no level, {plural(missing, 'run')} missing."
        return Choice("level", of, None, "nats", said, "runs are missing")
    last = {level: float(steps_n.max()) for level, steps_n in sorted(steps_to.items())}
    reached = [level for level, step in last.items() if step <= by * run_steps]
    if not reached:
        lowest, step = next(iter(last.items()))
        said = f"{of}: the last run gets to {lowest:g} nats below the unigram entropy at step {step:.0f}."
        return Choice("level", of, None, "nats", said, f"no level is reached by step {by * run_steps:.0f}")
    level = reached[-1]
    runs = plural(len(steps_to[level]), "run")
    deeper = [f"{number(step, 0)} for {next_level:g}" for next_level, step in last.items() if next_level > level][:1]
    said = (
        f"{of}: {level:g} nats below the unigram entropy, where the last of {runs} is at step {last[level]:.0f} of"
        f" {run_steps}" + (f" ({deeper[0]})" if deeper else "") + "."
    )
    return Choice("level", of, level, "nats", said)


def first_level(of: str, steps_to: Mapping[float, Floats], run_steps: int, by: float) -> Choice:
    """The lowest level, which every run compared must reach by a share of its steps: what happens before it is early.

    The arguments are those of `common_level`.
    """
    lowest = min(steps_to)
    deepest = common_level(of, {lowest: steps_to[lowest]}, run_steps, by)
    return replace(deepest, sentence=deepest.sentence[:-1] + ", the lowest there is.")


def run_length(of: str, loss_of: Mapping[int, Floats], unigram_entropy: float) -> Choice:
    """The shortest run that ends `LEARNED` nats below the unigram entropy with every seed.

    `loss_of` has for each length in steps the final loss of every seed, null where a run is missing.
    """
    if not loss_of or any(np.isnan(loss_S).any() for loss_S in loss_of.values()):
        return Choice("run length", of, None, "steps", f"{of}: no run length, runs are missing.", "runs are missing")
    below = {steps: unigram_entropy - float(loss_S.max()) for steps, loss_S in sorted(loss_of.items())}
    told = listed(f"{number(nats)} after {steps:,} steps" for steps, nats in below.items())
    said = f"{of}: the worst seed ends below the unigram entropy, in nats, by {told}"
    long_enough = [steps for steps, nats in below.items() if nats >= LEARNED]
    if not long_enough:
        return Choice("run length", of, None, "steps", f"{said}.", f"no length gets {LEARNED:g} nats below it")
    said = f"{said}; {long_enough[0]:,} steps are the fewest with {LEARNED:g} or more."
    return Choice("run length", of, long_enough[0], "steps", said)
