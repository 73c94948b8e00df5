"""Forms of comparison that claims of any study are made of."""

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.terms import Best, LargestTrained, Mean

MARGIN = 0.1  # nats above the best that still count as good


def at_best(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Final loss, each arm at its own best peak rate."""
    return Comparison(name, (Best((control,)),), (Best((better,)),), smallest)


def within(name: str, arm: Arm, controls: tuple[Arm, ...], margin: float = MARGIN) -> Comparison:
    """Final loss at most `margin` above that of the best of the controls, each at its own best peak rate."""
    return Comparison(name, (Best(controls),), (Best((arm,)),), 0.0, margin=margin)


def sensitivity(name: str, better: Arm, control: Arm, smallest: float = 0.05) -> Comparison:
    """Learning-rate sensitivity of the control minus that of the arm (Wortsman et al. 2023, section 2.2).

    The mean over the grid of min(final loss, unigram entropy) minus the loss at the best rate.
    """
    return Comparison(name, (Mean(control), Best((better,))), (Best((control,)), Mean(better)), smallest)


def tolerated(name: str, better: Arm, control: Arm) -> Comparison:
    """The largest rate at which a seed trains, in doublings."""
    return Comparison(name, (LargestTrained(better),), (LargestTrained(control),), 0.5, "doublings")
