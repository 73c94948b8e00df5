"""Forms of comparison that claims of any study are made of, each arm at one rate unless a form says otherwise."""

from warmuplab.claims.arm import Arm, Measure
from warmuplab.claims.claim import Comparison
from warmuplab.claims.terms import FINAL_LOSS, TRAINED, LargestTrained, SmallestSufficient, Value


def better(
    name: str, arm: Arm, control: Arm, measure: Measure = FINAL_LOSS, smallest: float = 0.05, margin: float = 0.0
) -> Comparison:
    """How much better an arm does than its control; with a `margin`, by more than that (see `Comparison`)."""
    plus, minus = (control, arm) if measure.worse == "more" else (arm, control)
    terms = (Value(plus, measure),), (Value(minus, measure),)
    return Comparison(name, *terms, smallest, measure.unit, margin)


def within(name: str, arm: Arm, control: Arm, margin: float, measure: Measure = FINAL_LOSS) -> Comparison:
    """Whether an arm does worse than its control by less than `margin`, which is positive."""
    return better(name, arm, control, measure, 0.0, -margin)


def tolerated(name: str, arm: Arm, control: Arm, smallest: float = 0.5, trained: Measure = TRAINED) -> Comparison:
    """The largest rate of the grids of both at which a seed trains, in doublings."""
    terms = (LargestTrained(arm, trained),), (LargestTrained(control, trained),)
    return Comparison(name, *terms, smallest, "doublings")


def needs_more(
    name: str, more: SmallestSufficient, less: SmallestSufficient, smallest: float = 0.5, margin: float = 0.0
) -> Comparison:
    """By how many doublings the shortest warmup that suffices is longer on one ladder than on another."""
    return Comparison(name, (more,), (less,), smallest, "doublings", margin)


def gains_more(
    name: str, more: tuple[Arm, Arm], less: tuple[Arm, Arm], measure: Measure = FINAL_LOSS, smallest: float = 0.05
) -> Comparison:
    """By how much more the second arm of a pair is better than the first, in one pair than in another."""
    first, second, third, fourth = (Value(arm, measure) for arm in (*more, *less))
    plus, minus = ((first, fourth), (second, third))
    if measure.worse == "less":
        plus, minus = minus, plus
    return Comparison(name, plus, minus, smallest, measure.unit)
