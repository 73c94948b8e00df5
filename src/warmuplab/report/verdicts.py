"""The claims in a study's report: a table of verdicts first, then what each follows from."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from warmuplab.base.words import MISSING, listed, plural
from warmuplab.claims.families import ALPHA, EQUIVALENT
from warmuplab.claims.judge import Judged, counted, says_the_same, told, where
from warmuplab.claims.wording import p_value as in_digits
from warmuplab.config.rerun import again
from warmuplab.report.registration import done_otherwise
from warmuplab.report.tables import ResultTable

FIGURES = "figures"  # the folder beside a report
MARKS = {"holds": "yes", "is not shown": "not shown", "is reversed": "reversed", "lacks runs": "runs missing"}


def verdict_table(judged: Sequence[Judged]) -> ResultTable:
    """A row per claim: verdict with the p behind it, effect with its 95 % interval, seeds, where it holds and not."""
    header = ["Claim", "Verdict", "p", "Effect (95 % interval)", "Seeds", "Where it holds, and where not"]
    rows = []
    for one in judged:
        shown = one.verdict.deciding
        seeds = int((shown.contrast.differences == shown.contrast.differences).sum())
        effect = with_interval(shown.effect, shown.interval, shown.contrast.unit)
        link = f"[{one.claim.id}](#{one.claim.id})"
        rows.append([link, f"**{one.verdict.verdict}**", p_value(one.verdict.p), effect, str(seeds), where(one)])
    return ResultTable(header, rows)


def verdict_section(judged: Sequence[Judged]) -> list[str]:
    """The table, how to read it, and what is missing."""
    count = ", ".join(f"{number} {name}" for name, number in counted(judged).items())
    return [
        "## Verdicts",
        f"{plural(len(judged), 'claim')}: {count}.",
        verdict_table(judged).markdown(),
        "\n".join(f"- {line}" for line in reading()),
        *missing_runs(judged),
    ]


def reading() -> list[str]:
    """How to read the table."""
    return [
        "*Verdict*: by the rules of `src/warmuplab/claims/verdicts.py` and `families.py`, stated beforehand. A claim"
        " may have several parts, and all must hold. Exact sign-flip tests of differences paired by seed. *Supported*:"
        f" every part is shown, at {ALPHA:g} after Holm's correction over all claims; *refuted*: a part is shown to be"
        f" the other way round, at {ALPHA:g} of its own; so any false *supported* or *refuted* among all claims has a"
        f" chance of at most {2 * ALPHA:g}. *Supported in part*: some parts are shown. *No difference*: every part lies"
        f" within its smallest effect of interest, at {EQUIVALENT:g} for each claim.",
        "*p*: of the test behind the verdict, adjusted for all tests of its family; where nothing is shown, of the test"
        " for the claim.",
        "*Effect*: of the part that the verdict hangs on, oriented so that more supports the claim; its interval is for"
        " this part alone.",
        "*Where*: every part by its tests; then other settings and measures, which are described and not tested: each"
        " holds, or is reversed, by its own 95 % interval and an effect of interest.",
        "Inference is over seeds, for networks and runs of this size. Diverged and stuck runs count, a loss at most as"
        " the unigram entropy.",
    ]


def claim_sections(judged: Sequence[Judged], drawn: Mapping[str, str]) -> list[str]:
    """A section per claim; `drawn` are the figures there are, by name, with their places seen from the report."""
    parts = ["## The claims one by one"]
    shown: set[str] = set()
    for one in judged:
        parts += _claim(one, drawn, shown)
    return parts


def figure_names(one: Judged) -> list[str]:
    """The figures that show a claim: what it has of its own, and the differences of every seed."""
    return [*([one.claim.figure] if one.claim.figure else []), f"differences_{one.claim.id}"]


def figures_of_studies(judged: Sequence[Judged], folder: Path) -> dict[str, str]:
    """Where the figures of claims are that the reports of their own studies have drawn: by name, seen from `folder`."""
    places = {name: f"../{one.claim.study}/{FIGURES}/{name}.png" for one in judged for name in figure_names(one)}
    return {name: place for name, place in places.items() if (folder / place).resolve().exists()}


def figures_elsewhere(judged: Sequence[Judged], study: str, folder: Path) -> dict[str, str]:
    """Where the figures of other studies' claims are, if their own reports say the same of them and have drawn them."""
    reports = {other: told(folder.parent / other) for other in {one.claim.study for one in judged} - {study}}
    there = [one for one in judged if says_the_same(one, reports.get(one.claim.study, {}).get(one.claim.id))]
    drawn_here = {name for one in judged if one not in there for name in figure_names(one)}
    return {name: place for name, place in figures_of_studies(there, folder).items() if name not in drawn_here}


def _claim(one: Judged, drawn: Mapping[str, str], shown: set[str]) -> list[str]:
    claim, verdict = one.claim, one.verdict
    parts = [
        f"### {claim.id}",
        f"> {claim.statement}\n\nSource: {claim.source}.",
        f"**{verdict.verdict[0].upper()}{verdict.verdict[1:]}.** {verdict.reason}",
        f"Measured: {claim.measure}",
    ]
    for name in figure_names(one):
        if name not in drawn:
            continue
        first = name not in shown
        shown.add(name)
        parts.append(f"![{claim.statement}]({drawn[name]})" if first else f"Figure: [above]({drawn[name]}).")
    parts += [_parts(one).markdown(), "In brackets: adjusted for all tests of the family.", _arms(one).markdown()]
    if one.asides:
        parts += ["Elsewhere, described and not tested:", _asides(one).markdown()]
    if claim.caveats:
        parts.append("Caveats:\n\n" + "\n".join(f"- {caveat}" for caveat in claim.caveats))
    return [*parts, *done_otherwise(claim)]


def _parts(one: Judged) -> ResultTable:
    """A row per part: what is tested, and the p-value of each test by itself and adjusted."""
    header = ["Part", "Effect (95 % interval)", "Tested against", "Smallest of interest", "Seeds for"]
    header += ["p for", "p against", "p no difference", "Standing"]
    rows = []
    for part in one.verdict.parts:
        contrast = part.contrast
        there = contrast.differences[contrast.differences == contrast.differences]
        rows.append(
            [
                contrast.name,
                with_interval(part.effect, part.interval, contrast.unit),
                f"{contrast.margin:g}",
                f"{contrast.smallest_effect:g}" if contrast.smallest_effect else MISSING,
                f"{int((there > contrast.margin).sum())} of {len(there)}",
                _adjusted(part.p_for, part.adjusted_p_for),
                _adjusted(part.p_against, part.adjusted_p_against),
                _adjusted(part.p_equivalent, part.adjusted_p_equivalent) if contrast.smallest_effect else MISSING,
                part.standing,
            ]
        )
    return ResultTable(header, rows)


def _adjusted(p: float, adjusted: float) -> str:
    return MISSING if math.isnan(p) else f"{p_value(p)} ({p_value(adjusted)})"


def _arms(one: Judged) -> ResultTable:
    by_rate = any(arm.all_train for arm in one.arms)
    header = ["Arm", "Peak lr", "Mean (smallest to largest)", "At its ceiling", "Runs"]
    header += ["All seeds train up to"] if by_rate else []
    rows = []
    for arm in one.arms:
        spread = f"{value(arm.mean)} ({value(arm.low)} to {value(arm.high)})" if arm.runs else MISSING
        runs = f"{arm.runs} of {len(arm.arm.seeds) * max(1, len(arm.arm.rates))}"
        rows.append([arm.arm.name, arm.rate, spread, str(arm.at_ceiling), runs, *([arm.all_train] * by_rate)])
    return ResultTable(header, rows)


def _asides(one: Judged) -> ResultTable:
    rows = [
        [
            aside.comparison.name,
            with_interval(aside.effect, aside.interval, aside.comparison.unit),
            MARKS[aside.standing],
        ]
        for aside in one.asides
    ]
    return ResultTable(["Comparison", "Effect (95 % interval)", "Holds"], rows)


def missing_runs(judged: Sequence[Judged]) -> list[str]:
    """Which claims lack runs and how many of which arms, with the commands that train them; nothing where none does."""
    lines = []
    for one in judged:
        lacking = sum(len(absent.runs) for absent in one.missing)
        if lacking:
            arms = listed(f"{absent.arm.name} ({len(absent.runs)})" for absent in one.missing)
            lines.append(f"- `{one.claim.id}`: {lacking} of {plural(one.planned, 'planned run')}, in {arms}.")
    commands = listed(dict.fromkeys(f"`{again('sweep', a.arm.study)}`" for one in judged for a in one.missing))
    return ["### Missing runs", "\n".join(lines), f"{commands} trains them."] if lines else []


def with_interval(effect: float, interval: tuple[float, float], unit: str) -> str:
    """`+0.21 nats (+0.15 to +0.27)`."""
    if math.isnan(effect):
        return MISSING
    return f"{value(effect, '+')} {unit} ({value(interval[0], '+')} to {value(interval[1], '+')})"


def value(number: float, sign: str = "") -> str:
    """Three digits, no exponent for what a reader would not write with one."""
    if math.isnan(number):
        return MISSING
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if abs(number) >= 100:
        return f"{number:{sign}.0f}"
    if number == 0:
        return "0"
    return f"{number:{sign}#.3g}" if abs(number) >= 1e-3 else f"{number:{sign}.1e}"


def p_value(p: float) -> str:
    """`0.001`, a dash where there is none."""
    return MISSING if math.isnan(p) else in_digits(p)


def terminal_lines(judged: Sequence[Judged]) -> list[str]:
    """The verdicts for a terminal, a line each."""
    width = max((len(one.claim.id) for one in judged), default=0)
    lines = []
    for one in judged:
        shown = one.verdict.deciding
        effect = with_interval(shown.effect, shown.interval, shown.contrast.unit)
        lines.append(f"{one.claim.id:<{width}}  {one.verdict.verdict:<17}  {effect}")
    return lines
