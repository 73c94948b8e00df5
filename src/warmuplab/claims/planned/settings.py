"""The main claims in other settings: narrower and wider networks, and the embedded corpus. Described, not tested."""

from collections.abc import Iterator
from dataclasses import replace

from warmuplab.claims.arm import Arm
from warmuplab.claims.claim import Comparison
from warmuplab.claims.forms import better, gains_more, within
from warmuplab.claims.planned.chosen import A_QUARTER, DRIFT, FACTOR_OF_2, FEW, ON_A_CLIFF, PATH, SMALL, SMALLER, Chosen
from warmuplab.claims.planned.early import QUICK_RATE
from warmuplab.claims.planned.grids import WIDTHS
from warmuplab.claims.planned.measures import LARGEST_RISE, drift, gap_until, kl_path
from warmuplab.claims.planned.place import NONE, QUICK, WARM, Keys, Place, of_width
from warmuplab.claims.terms import FINAL_LOSS

PRE_BEST = {16: 1.6e-2, 64: 8e-3, 128: 4e-3}  # of pre-LN: lower by as much as the network is wider
CLIFF = {16: 3.2e-2, 64: 8e-3}  # of post-LN: where runs get stuck
EMBEDDED = "embedded corpus"
SETTINGS = (*(f"width {width}" for width in WIDTHS), EMBEDDED)
"""What the main claims are asked in besides, as `Comparison.short` names it."""
Settings = dict[str, tuple[Comparison, ...]]


def settings(widths: Place, early: Place, at: Chosen) -> Settings:
    """By claim, the comparisons in other settings, each with the name of its setting in `short`."""
    found: Settings = {}
    for width in WIDTHS:
        for claim, comparison in _of_width(widths, at, width):
            told = replace(comparison, name=f"width {width}, {comparison.name}", short=f"width {width}")
            found[claim] = (*found.get(claim, ()), told)
    warm, none = (early.arm(name, QUICK, keys, rates=(QUICK_RATE,)) for name, keys in _TWO)
    found["warmup-helps"] += (replace(better(EMBEDDED, warm, none, FINAL_LOSS, SMALL), short=EMBEDDED),)
    return found


_TWO = (("10 % warmup", WARM), ("no warmup", NONE))


def _of_width(place: Place, at: Chosen, width: int) -> Iterator[tuple[str, Comparison]]:
    network = of_width(width)
    best, best_warm = getattr(at, f"best_{width}"), getattr(at, f"best_{width}_warm")
    arms = {name: place.arm(name, network, keys, rates=(best,), seeds=FEW) for name, keys in _TWO}
    warm, none = arms.values()
    tuned, loss = warm.at(best_warm), place.loss
    yield "warmup-helps", better("each at its best rate", tuned, none, loss, SMALL)
    if width not in CLIFF:  # the widest takes as long as all others together
        return
    falling, level = (
        place.arm(name, network, WARM, {"schedule.decay.name": name}, rates=(best_warm,), seeds=FEW)
        for name in ("trapezoid", "constant")
    )
    yield "rate-must-fall", better("a fall over 40 % against none", falling, level, loss, SMALLER)
    yield "distribution-stability", better("against none", warm, none, kl_path(at.level), PATH)
    yield "deep-layers", better("decoder, against none", warm, none, drift("decoder", at.level), DRIFT)
    yield "early-overfitting", better("gap against none, post-LN", warm, none, gap_until(at.level), A_QUARTER)
    yield "larger-rates", better("at twice the best rate", warm.at(2 * best), none.at(2 * best), loss, ON_A_CLIFF)
    yield from _of_pre_ln(place, width, (none, tuned))
    cliff = {name: _part(place, network, name, CLIFF[width]) for name in ("all", "decoder", "encoder")}
    yield "decoder-alone-is-best", better("decoder against all", cliff["decoder"], cliff["all"], loss, ON_A_CLIFF)
    yield (
        "post-ln-decoder-needs-it",
        better("decoder against encoder", cliff["decoder"], cliff["encoder"], loss, ON_A_CLIFF),
    )


def _of_pre_ln(place: Place, width: int, post: tuple[Arm, Arm]) -> Iterator[tuple[str, Comparison]]:
    network = of_width(width) | {"model.norm": "pre"}
    rate = PRE_BEST[width]
    arms = {name: place.arm(name, network, keys, rates=(rate,), seeds=FEW) for name, keys in _TWO}
    warm, none = arms.values()
    yield "pre-ln-does-not", within("both at one rate", none, warm, SMALLER, place.loss)
    yield "post-ln-needs-it", gains_more("gain minus pre-LN's, at best rates", post, (none, warm), place.loss, SMALL)
    yield "loss-spikes", better("largest rise", warm.at(2 * rate), none.at(2 * rate), LARGEST_RISE, FACTOR_OF_2)


def _part(place: Place, network: Keys, layers: str, rate: float) -> Arm:
    return place.arm(layers, network, WARM, {"schedule.warmup.layers": layers}, rates=(rate,), seeds=FEW)
