"""How the project says things: numbers, counts, lists, durations, learning rates, warmups."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

MISSING = "–"
NO_WARMUP, OWN_RATE = "none", "its own"


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


def rate_label(rate: float | None) -> str:
    """4e-3 for 0.004; schedules that state their own rate have none."""
    if rate is None or math.isnan(rate):
        return OWN_RATE
    mantissa, exponent = f"{rate:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
