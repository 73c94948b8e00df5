"""The sentences of verdicts: what was tested, and no more than that."""

from collections.abc import Sequence

from warmuplab.base.words import listed, plural
from warmuplab.claims.parts import Contrast, Part

SEEDS_WORTH_SAYING = 1000


def supported(parts: Sequence[Part], hardest: Part, over: str) -> str:
    """Every part is shown; the one with the largest p in numbers."""
    start = "" if len(parts) == 1 else f"All {len(parts)} parts are shown; the hardest: "
    said = f"{_effect(hardest)}, {above(hardest.contrast)} (p = {p_value(hardest.adjusted_p_for)}, {over})"
    return f"{_upper(start + said)}.{_stuck(parts)}"


def refuted(parts: Sequence[Part], worst: Part, over: str) -> str:
    """A part is the other way round; others that are too, and those that are shown, by name."""
    said = f"{_effect(worst)}, {below(worst.contrast)} (p = {p_value(worst.adjusted_p_against)}, {over})"
    also = [part for part in parts if part is not worst and part.standing == "reversed"]
    shown = [part for part in parts if part.standing == "shown"]
    more = f" Reversed too: {_names(also)}." if also else ""
    more += f" Shown as claimed: {_names(shown)}." if shown else ""
    return f"{_upper(said)}.{more}{_stuck(parts)}"


def in_part(parts: Sequence[Part], over: str) -> str:
    """Which parts are shown and which are not."""
    groups = {standing: [part for part in parts if part.standing == standing] for standing in ("shown", "open")}
    without = [part for part in parts if part.standing == "no difference"]
    shown = listed(f"{part.contrast.name} (p = {p_value(part.adjusted_p_for)})" for part in groups["shown"])
    said = f"Shown, {over}: {shown}." if groups["shown"] else ""
    said += f" Not shown: {_names(groups['open'])}." if groups["open"] else ""
    said += f" Too small to matter: {_names(without)}." if without else ""
    return f"{said.strip()}{_stuck(parts)}"


def no_difference(parts: Sequence[Part], widest: Part) -> str:
    """Every part lies within its smallest effect of interest."""
    start = "" if len(parts) == 1 else f"All {len(parts)} parts are too small to matter; the least clear: "
    c = widest.contrast
    within = f"less than {amount(c.smallest_effect, c.unit)} either way (p = {p_value(widest.p_equivalent)})"
    return f"{_upper(f'{start}{_effect(widest)}, {within}')}."


def inconclusive(parts: Sequence[Part], part: Part, needed: int | None, over: str) -> str:
    """What stands in the way, and how many seeds would decide it."""
    c = part.contrast
    said = f"{_effect(part)}, not shown to lie {_bound(c)} (p = {p_value(part.adjusted_p_for)}, {over})"
    if c.smallest_effect:
        said += _not_small(part)
    without = [other for other in parts if other.standing == "no difference"]
    small = f" Too small to matter: {_names(without)}." if without else ""
    return f"{_upper(said)}.{small}{_needed(c, needed)}{_hidden(c)}{_stuck([part])}"


def _not_small(part: Part) -> str:
    c = part.contrast
    if any(c.at_ceiling):
        return ""  # that test is not made
    return f" nor to be less than {amount(c.smallest_effect, c.unit)} either way (p = {p_value(part.p_equivalent)})"


def _hidden(contrast: Contrast) -> str:
    """Why a small effect with runs at a ceiling is not called no difference, and what would decide."""
    if not contrast.smallest_effect or not any(contrast.at_ceiling):
        return ""
    seeds = plural(sum(contrast.at_ceiling), "seed")
    return (
        f" Whether it is too small to matter is not tested: in {seeds} a run is at its ceiling, which hides"
        " differences. Runs that all stay below it would decide."
    )


def above(contrast: Contrast) -> str:
    """What a test for a part shows: `above 0`."""
    if contrast.margin > 0:
        return f"more than the {amount(contrast.margin, contrast.unit)} claimed"
    return f"above the margin of {amount(contrast.margin, contrast.unit)}" if contrast.margin else "above 0"


def below(contrast: Contrast) -> str:
    """What a test against it shows."""
    return f"below the margin of {amount(contrast.margin, contrast.unit)}" if contrast.margin < 0 else "below 0"


def amount(value: float, unit: str) -> str:
    """`0.5 nats`, `1 nat`."""
    return f"{value:g} {unit.removesuffix('s') if abs(value) == 1 else unit}".rstrip()


def p_value(p: float) -> str:
    """Two digits."""
    return f"{p:.2g}"


def _effect(part: Part) -> str:
    low, high = part.interval
    unit = f" {part.contrast.unit}" if part.contrast.unit else ""
    interval = f"95 % interval {low:+.3g} to {high:+.3g}"
    return f'the effect is {part.effect:+.3g}{unit} ({interval}) for "{part.contrast.name}"'


def _bound(contrast: Contrast) -> str:
    return f"above {contrast.margin:g}{f' {contrast.unit}' if contrast.margin else ''}"


def _needed(contrast: Contrast, needed: int | None) -> str:
    if not contrast.matters:
        return ""
    spread = f" With the spread of these seeds, {contrast.spread:.2g} {contrast.unit},"
    effect = amount(contrast.matters, contrast.unit)
    beyond = " beyond the margin" if contrast.margin else ""
    there = len(contrast.differences)
    if needed is None or needed > SEEDS_WORTH_SAYING:
        return f"{spread} more than {SEEDS_WORTH_SAYING:,} seeds would be needed to find an effect of {effect}{beyond}."
    if needed <= there:
        found = f"{plural(needed, 'seed')} would find an effect of {effect}{beyond} nine times in ten"
        return f"{spread} {found}, and there are {there}: what is open is a smaller one."
    return f"{spread} {plural(needed, 'seed')} would find an effect of {effect}{beyond} nine times in ten."


def _stuck(parts: Sequence[Part]) -> str:
    """A warning where runs are at their ceiling in one arm only: differences are then skewed."""
    skewed = [part for part in parts if sum(map(bool, part.contrast.at_ceiling)) == 1]
    if not skewed:
        return ""
    said = listed(f"{part.contrast.name} ({plural(sum(part.contrast.at_ceiling), 'seed')})" for part in skewed)
    return (
        f" Runs of one side only are at their ceiling in {said}: differences are skewed, and that side is not found to"
        " be the better one."
    )


def _names(parts: Sequence[Part]) -> str:
    return listed(part.contrast.name for part in parts)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
