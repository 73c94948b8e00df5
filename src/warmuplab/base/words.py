"""How the project says things: numbers, counts, lists, durations, learning rates, warmups."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "–"
NO_WARMUP, OWN_RATE, NO_LAYERS = "none", "its own", "no layers"
EQUAL_AREA = "equal early area"
_NORMS = {"post": "post-LN", "pre": "pre-LN"}


def number(value: Any, digits: int = 2) -> str:
    """A measured value, or a dash where nothing was measured."""
    if value is None or str(value) in ("nan", "<NA>"):  # NaN, and what pandas has for it
        return MISSING
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def listed(items: Iterable[object]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    texts: Sequence[str] = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "nothing"


def plural(count: int, thing: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def amount(number: float) -> str:
    """Bytes in the unit that is read most easily: `35 KiB`, `1.2 GiB`."""
    units = ["KiB", "MiB", "GiB", "TiB"]
    number /= 1024
    while number >= 999.5 and len(units) > 1:
        number /= 1024
        del units[0]
    return f"{number:,.0f} {units[0]}" if number >= 10 else f"{number:.1f} {units[0]}"


def rate_label(rate: float | None) -> str:
    """4e-3 for 0.004; schedules that state their own rate have none."""
    if rate is None or math.isnan(rate):
        return OWN_RATE
    mantissa, exponent = f"{rate:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def norm_label(place: object) -> str:
    """`post-LN`, `pre-LN`."""
    return _NORMS.get(str(place), str(place))


def warmup_label(
    shape: str | None = None,
    fraction: float | None = None,
    steps: float | None = None,
    layers: str | Sequence[str] | None = None,
    window: float | None = None,
) -> str:
    """A warmup in a column of that name: `none`, `10 %`, `400 steps`, `10 % cosine`, `equal early area (10 %)`.

    The shape is named unless it is linear; where a warmup has no length of its own, the shape is its name. The part of
    the network that follows it comes last: `10 % (decoder)`, `equal early area (10 %, decoder)`. `window` is the
    fraction of the steps over which areas are equal, told where it tells arms apart: `equal early area (10 %), over
    5 %`.
    """
    if shape == "none" or fraction == 0 or steps == 0:
        return NO_WARMUP
    length = f"{100 * fraction:g} %" if fraction is not None else f"{steps:g} steps" if steps is not None else ""
    if shape == "equal_area":
        over = f", over {100 * window:g} %" if window is not None else ""
        return _with_details(EQUAL_AREA, length, layers_label(layers)) + over
    named = shape if shape and not (length and shape == "linear") else ""
    return _with_details(" ".join(filter(None, [length, named])), layers_label(layers))


def layers_label(layers: str | Sequence[str] | None) -> str:
    """The part of the network that follows a warmup: `decoder`, `decoder.*.cross, encoder`; empty for all of it.

    A list is taken as text too, as tables hold it: `[decoder.*.cross,encoder]`.
    """
    if layers is None or layers == "all":
        return ""
    patterns = layers.strip("[]").split(",") if isinstance(layers, str) else layers
    return NO_LAYERS if layers == "none" else ", ".join(patterns)


def _with_details(label: str, *details: str) -> str:
    inside = ", ".join(filter(None, details))
    return f"{label} ({inside})".lstrip() if inside else label


def warmup_phrase(label: str) -> str:
    """A label of a warmup where nothing else says what it is: `no warmup`, `10 % warmup`, `10 % warmup (decoder)`."""
    if label == NO_WARMUP:
        return "no warmup"
    if label.startswith(EQUAL_AREA):
        return f"no warmup, {label}"
    length, opened, details = label.partition(" (")
    return f"{length} warmup{opened}{details}"


def with_warmup(label: str) -> str:
    """A label of a warmup as the end of a phrase: `without warmup`, `with 10 % warmup`."""
    phrase = warmup_phrase(label)
    return f"without {phrase.removeprefix('no ')}" if phrase.startswith("no ") else f"with {phrase}"
