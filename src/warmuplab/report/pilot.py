"""What the report of the pilot says before its tables: every choice with its numbers, and what each claim needs."""

import math
from collections.abc import Sequence

from warmuplab.base.words import MISSING, listed, number
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.pilot.choices import PilotChoices, choose
from warmuplab.claims.pilot.needs import SEED_COUNTS, Need, PartNeed, standing
from warmuplab.claims.pilot.rates import Choice
from warmuplab.claims.planned.chosen import ON_A_CLIFF, SMALL, SMALLER
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.planned.place import STUDY
from warmuplab.claims.power import CONFIDENCE, WANTED
from warmuplab.claims.registry import CLAIMS
from warmuplab.report.tables import ResultTable
from warmuplab.study.results import Study

MARGINS = (
    f"Smallest effects of interest: of a final loss {SMALLER:g} nats where 32 seeds can see so little, and {SMALL:g}"
    f" elsewhere, which is a tenth of the perplexity; {ON_A_CLIFF:g} nat where runs get stuck, about half of what lies"
    " between one that is and one that is not. Of what differs by factors a quarter to a factor of 2, and a factor of"
    " 10 at the first step; the table has them one by one. A margin that a claim states (*less than so much worse*)"
    " is its smallest effect."
)
LEGEND = (
    f"*Spread*: standard deviation of the paired differences over the seeds, and its upper {100 * CONFIDENCE:g} %"
    " bound. *Effect*: the smallest of interest, from the bound that is tested. *At the ceiling*: seeds with a run"
    f" that hides a difference. *Seeds*: the fewest of {listed(SEED_COUNTS)} with a power of {WANTED:g}, or the most"
    " of them, and the *power* with these, at the level of the claim that has to pass first. Showing *no difference*"
    " needs no more. *Registered*: the seeds that the claim was registered with, and its power with them."
)


def is_pilot(study: Study) -> bool:
    """Whether choices are made from a study."""
    return study.name == STUDY


def pilot_sections(study: Study, figures: Sequence[str]) -> list[str]:
    """The paragraphs, with the `figures` as Markdown."""
    made = choose(Evidence({STUDY: study}))
    return [
        "## Choices",
        "What the confirmatory studies are registered with, by the rules of `claims/pilot/`. A choice that is *refused*"
        " must not be registered as it is.",
        *_choices(made.choices),
        *figures,
        "## What each claim needs",
        standing(made.needs),
        MARGINS,
        LEGEND,
        claim_table(made).markdown(),
        *_lacking(made.needs),
    ]


def claim_table(made: PilotChoices) -> ResultTable:
    """A row per part of every planned claim."""
    header = ["Claim", "Expected", "Contrast", "Mean", "Spread (bound)", "Effect", "At the ceiling", "Seeds", "Power"]
    header += ["Registered"]
    rows = []
    for need in made.needs:
        for place, part in enumerate(need.parts):
            first = place == 0
            rows.append([need.planned.id if first else "", need.planned.expected if first else "", *_part(part)])
            rows[-1] += _seeds(need) if first else [""] * 3
    return ResultTable(header, rows)


def _part(part: PartNeed) -> list[str]:
    unit = part.comparison.unit
    mean = MISSING if part.missing and math.isnan(part.spread) else number(part.differences.mean(), 3)
    spread = MISSING if math.isnan(part.spread) else number(part.spread, 3)
    bound = "" if math.isnan(part.upper) else f" ({number(part.upper, 3)})"
    return [part.comparison.name, mean, f"{spread}{bound}", f"{number(part.distance, 3)} {unit}", str(part.at_ceiling)]


def _seeds(need: Need) -> list[str]:
    seeds = registered_seeds().get(need.planned.id)
    registered = MISSING if seeds is None else f"{seeds} ({number(need.power_with(seeds))})"
    return [MISSING if need.seeds is None else str(need.seeds), number(need.power), registered]


def registered_seeds() -> dict[str, int]:
    """How many seeds each confirmatory claim has, by id."""
    return {claim.id: len(claim.arms[0].seeds) for claim in CLAIMS if claim.registry == REGISTRY}


def _lacking(needs: Sequence[Need]) -> list[str]:
    lines = [f"- `{need.planned.id}`: {need.lacks}." for need in needs if need.lacks]
    return ["What these claims lack:", "\n".join(lines)] if lines else []


def _choices(choices: Sequence[Choice]) -> list[str]:
    """A list for each kind of choice, in the order in which they come first."""
    parts = []
    for name in dict.fromkeys(choice.name for choice in choices):
        lines = [f"- {choice.sentence}{_refusal(choice)}" for choice in choices if choice.name == name]
        parts += [f"**{name[0].upper()}{name[1:]}**", "\n".join(lines)]
    return parts


def _refusal(choice: Choice) -> str:
    return f" *Refused*: {choice.refused}." if choice.refused else ""
