"""Verdicts with a column per setting: what was tested, and what other networks and texts say of the same question."""

from collections.abc import Sequence

from warmuplab.base.words import MISSING, plural
from warmuplab.claims.judge import Judged
from warmuplab.claims.planned.settings import SETTINGS
from warmuplab.report.tables import ResultTable
from warmuplab.report.verdicts import MARKS, p_value, value, with_interval


def settings_table(judged: Sequence[Judged]) -> ResultTable:
    """A row per claim: verdict with p and effect, then how it stands in every other setting, by its interval alone."""
    rows = []
    for one in judged:
        deciding = one.verdict.deciding
        effect = with_interval(deciding.effect, deciding.interval, deciding.contrast.unit)
        link = f"[{one.claim.title or one.claim.id}](#{one.claim.id})"
        verdict = f"**{one.verdict.verdict}**"
        rows.append([link, verdict, p_value(one.verdict.p), effect, *(_cell(one, setting) for setting in SETTINGS)])
    return ResultTable(["Claim", "Verdict", "p", "Effect (95 % interval)", *map(_upper, SETTINGS)], rows)


def in_all(judged: Sequence[Judged]) -> list[str]:
    """How many claims hold in every setting that they were asked in: a paragraph, none where there is one setting."""
    asked = _asked(judged)
    if not asked:
        return []
    supported, everywhere = _supported_and_everywhere(asked)
    so_far = " and are trained so far" if any(_lacks(one) for one in judged) else ""
    named = "; ".join(one.claim.title or one.claim.id for one in everywhere)
    return [
        f"{plural(len(asked), 'claim')} were asked in other settings too, on fewer seeds: described there by intervals,"
        f" not tested. Of the {len(supported)} that are supported, {len(everywhere)} hold in all settings they were"
        f" asked in{so_far}{f': {named}' if named else ''}."
    ]


def elsewhere(judged: Sequence[Judged]) -> str:
    """How many of the supported claims hold in all other settings they were asked in, in a sentence; else nothing."""
    supported, everywhere = _supported_and_everywhere(_asked(judged))
    if not supported:
        return ""
    return (
        f"Of the {len(supported)} supported claims that were also asked of other widths or another text, on fewer"
        f" seeds, {len(everywhere)} hold in all of them."
    )


def _asked(judged: Sequence[Judged]) -> list[Judged]:
    """Those that have runs in other settings."""
    return [one for one in judged if any(_standings(one).values())]


def _supported_and_everywhere(asked: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    """Those that are supported, and those of them that hold in all settings they were asked in."""
    supported = [one for one in asked if one.verdict.verdict == "supported"]
    return supported, [one for one in supported if all(standing == "holds" for standing in _standings(one).values())]


def _standings(one: Judged) -> dict[str, str]:
    """How a claim stands in the other settings that it has runs of."""
    found = {aside.comparison.short: aside.standing for aside in one.asides if aside.comparison.short in SETTINGS}
    return {setting: standing for setting, standing in found.items() if standing != "lacks runs"}


def _lacks(one: Judged) -> bool:
    return any(aside.comparison.short in SETTINGS and aside.standing == "lacks runs" for aside in one.asides)


def _cell(one: Judged, setting: str) -> str:
    for aside in one.asides:
        if aside.comparison.short == setting:
            return (
                MISSING if aside.standing == "lacks runs" else f"{MARKS[aside.standing]} ({value(aside.effect, '+')})"
            )
    return ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
