"""What to take away from the confirmatory claims: a few sentences that follow from verdicts, and lengths of warmup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from warmuplab.base.words import listed, number, plural, rate_label
from warmuplab.claims.claim import Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.claims.lengths.ladders import ENOUGH, Ladder, Situation, collected
from warmuplab.claims.lengths.rules import LONGEST, NO_WARMUP, Scored, best_of_families, simplest
from warmuplab.claims.parts import Part
from warmuplab.claims.planned.place import PILOT, Place
from warmuplab.report.tables import ResultTable

Say = Callable[[Judged], str]
WARMUP = "schedule.warmup.fraction"
MOST_WORDS = 120


@dataclass(frozen=True)
class Saying:
    """What a claim comes to in a sentence, by its verdict; of other verdicts the title and the verdict are said."""

    claim: str
    supported: Say | None = None
    refuted: Say | None = None


def decisive(one: Judged) -> list[tuple[Comparison, Part]]:
    """The parts that a verdict rests on, in the unit of the one whose p-value it has.

    All parts of a claim that is supported, those that are reversed of one that is refuted.
    """
    deciding = one.verdict.deciding.contrast
    return [
        (comparison, part)
        for comparison, part in zip(one.claim.contrasts, one.verdict.parts, strict=True)
        if comparison.name == deciding.name
        or (comparison.unit == deciding.unit and (one.verdict.verdict != "refuted" or part.standing == "reversed"))
    ]


def _amount(one: Judged, sign: float = 1.0) -> str:
    """`0.39 nats`; of several decisive parts, from the smallest to the largest."""
    effects = [sign * part.effect for _, part in decisive(one)]
    least, most = number(min(effects)), number(max(effects))
    return f"{least} nats" if least == most else f"{least} to {most} nats"


def _at(one: Judged) -> str:
    """` at 1.6e-2`, or at how many rates where several parts are decisive."""
    (first, _), *others = decisive(one)
    return f" at {1 + len(others)} rates" if others else _rates(first)


def _rates(comparison: Comparison) -> str:
    """` at 1.6e-2`, ` at 1.6e-2 against 8e-3 without`."""
    none, warm = (
        next((rate_label(arm.rates[0]) for arm in comparison.arms if (arm.where.get(WARMUP) == 0) is without), "")
        for without in (True, False)
    )
    return f" at {warm}" if none in ("", warm) else f" at {warm} against {none} without"


def _larger_rates(one: Judged) -> str:
    if one.verdict.deciding.contrast.unit == "doublings":
        return f"With it post-LN tolerates at least {2**one.verdict.deciding.effect:.1f} times the peak rate."
    return f"Warmup takes {_amount(one)} off post-LN's loss{_at(one)}."


def _too_short(one: Judged) -> str:
    runs = listed(comparison.name.partition(",")[0] for comparison, _ in decisive(one))
    return f"10 % is too short for {runs}{_at(one)}: 30 % ends {_amount(one, -1.0)} lower."


def _short_of(one: Judged) -> str:
    """`10 % of 3,200 steps`: the smaller share, and the run that it is enough for."""
    return one.claim.contrasts[0].name.partition(" against ")[0]


SAYINGS = (  # the most important ones first
    Saying(
        "warmup-helps",
        supported=lambda one: f"10 % of warmup takes {_amount(one)} off post-LN's loss{_at(one)}.",
    ),
    Saying("larger-rates", supported=_larger_rates),
    Saying(
        "ten-percent",
        supported=lambda one: "10 % is nearly as good as 30 %.",
        refuted=_too_short,
    ),
    Saying(
        "steps-not-fraction",
        supported=lambda one: f"Longer runs need a smaller share: {_short_of(one)} suffices.",
    ),
    Saying(
        "pre-ln-does-not",
        supported=lambda one: "Pre-LN trains as well without.",
        refuted=lambda one: f"Pre-LN gains {_amount(one, -1.0)}{_at(one)}.",
    ),
    Saying(
        "rate-must-fall",
        supported=lambda one: f"A final fall is worth {_amount(one)}.",
    ),
    Saying(
        "decoder-alone-is-best",
        supported=lambda one: f"Warming up post-LN's decoder alone beats warming up all by {_amount(one)}{_at(one)}.",
    ),
)


def takeaway_section(judged: Sequence[Judged], evidence: Evidence, place: Place | None) -> list[str]:
    """Heading, sentences and table; the table, and how long a warmup, only with a `place` that has ladders."""
    text = takeaway_text(judged, evidence, place)
    where, ladders = collected(evidence, place) if place else (PILOT, [])
    if not ladders:
        return ["## Takeaway", text]
    table = length_table(ladders, simplest(best_of_families(ladders)))
    return ["## Takeaway", text, table.markdown(), _about(where, ladders)]


def takeaway_text(judged: Sequence[Judged], evidence: Evidence, place: Place | None) -> str:
    """What follows from the verdicts, and with a `place` how long a warmup, as far as it fits into `MOST_WORDS`."""
    where, ladders = collected(evidence, place) if place else (PILOT, [])
    rule = [rule_sentence(simplest(best_of_families(ladders)), ladders, where)] if ladders else []
    return " ".join([*fitting(sentences(judged), MOST_WORDS - sum(len(text.split()) for text in rule)), *rule])


def fitting(said: Sequence[str], words: int) -> list[str]:
    """The first sentences, which are the most important ones, that have at most so many words together."""
    together = accumulate(len(text.split()) for text in said)
    return [text for text, so_far in zip(said, together, strict=True) if so_far <= words]


def sentences(judged: Sequence[Judged]) -> list[str]:
    """What is known of each of `SAYINGS`; of a claim that was not tested nothing."""
    by_id = {one.claim.id: one for one in judged}
    found = []
    for saying in SAYINGS:
        one = by_id.get(saying.claim)
        if one is None or one.verdict.verdict == "not tested":
            continue
        say = {"supported": saying.supported, "refuted": saying.refuted}.get(one.verdict.verdict)
        found.append(say(one) if say else f"{one.claim.title}: {one.verdict.verdict}.")
    return found


def rule_sentence(rule: Scored, ladders: Sequence[Ladder], where: Place) -> str:
    """The simplest rule that is as good as any, in how many settings and runs of which length, and what it costs."""
    steps = sorted(one.situation.steps for one in ladders)
    runs = f"{plural(len(ladders), 'setting')} of {steps[0]:,} to {steps[-1]:,} steps"
    words = rule.rule.words
    limit = "" if "%" in words else f", at most {100 * LONGEST:g} % of the run,"
    warmup = words if words == NO_WARMUP else f"warmup for {words}{limit}"
    seeds = f"{'pilot, ' if where == PILOT else ''}{len(ladders[0].losses_SxL)} seeds, not tested"
    return (
        f"In {runs} ({seeds}) {warmup} cost {number(rule.mean)} nats on average, {number(rule.most)} at worst,"
        f" against the best length tried, the longest in {_longest_best(ladders)}."
    )


def _longest_best(ladders: Sequence[Ladder]) -> int:
    """In how many the best length is the last one that was tried."""
    return sum(one.best == len(one.shares) - 1 for one in ladders)


def length_table(ladders: Sequence[Ladder], rule: Scored) -> ResultTable:
    """A row per situation: the best warmup that was tried, the shortest that is as good, and what they win."""
    lowest: dict[tuple[float, ...], list[float]] = {}
    for one in ladders:
        lowest.setdefault(_rest(one.situation), []).append(float(one.mean.min()))
    rows = []
    for one, regret in zip(ladders, rule.regrets, strict=True):
        at, least = one.situation, float(one.mean.min())
        rate = rate_label(at.peak_lr)
        rows.append(
            [
                f"{at.steps:,}",
                f"**{rate}**" if least == min(there := lowest[_rest(at)]) and len(there) > 1 else rate,
                f"{at.beta2:g}",
                str(at.batch_size),
                _length(one, one.best),
                _length(one, one.enough),
                number(least, 3),
                number(one.mean[0], 3) if one.shares[0] == 0 else "not run",
                number(float(regret), 3),
            ]
        )
    header = [
        "Run [steps]",
        "Peak rate",
        "beta2",
        "Batch",
        "Best warmup tried",
        f"Shortest within {ENOUGH:g} nats of it",
    ]
    return ResultTable([*header, "Loss, best warmup", "Loss, no warmup", f"Extra loss at {rule.rule.words}"], rows)


def lengths_section(evidence: Evidence, place: Place) -> list[str]:
    """The rules compared, and what the ladders cannot say."""
    where, ladders = collected(evidence, place)
    if not ladders:
        return []
    rows = []
    for one in best_of_families(ladders):
        worst = ladders[one.worst].situation
        rows.append([one.rule.words, number(one.mean, 3), number(one.most, 3), said_of(worst)])
    at_end = _longest_best(ladders)
    lines = [
        f"A rule says how many steps of warmup a run gets, at most {100 * LONGEST:g} % of it. Of rules that differ in"
        " one number that with the smallest mean regret is shown, chosen on these very situations.",
        "*Regret*: final loss above that of the best length tried, in nats, mean over seeds. Between lengths that were"
        " trained the loss is taken as straight over log(1 + steps).",
        f"In {at_end} of {plural(len(ladders), 'situation')} the longest warmup tried was the best: a longer one may be"
        " better still.",
    ]
    table = ResultTable(["Rule", "Mean regret", "Largest", "Where"], rows)
    return ["## How long a warmup", _about(where, ladders), table.markdown(), "\n".join(f"- {line}" for line in lines)]


def said_of(at: Situation) -> str:
    """`800 steps at 8e-3, batch 16, beta2 0.98`."""
    return f"{at.steps:,} steps at {rate_label(at.peak_lr)}, batch {at.batch_size}, beta2 {at.beta2:g}"


def _about(where: Place, ladders: Sequence[Ladder]) -> str:
    seeds = len(ladders[0].losses_SxL)
    kind = "the pilot's tuning seeds: the registered runs are not trained yet" if where == PILOT else "fresh seeds"
    split = "validation" if where == PILOT else "test"
    return (
        f"*Post-LN of width 32, Adam, linear decay, Multi30k; final loss on the {split} split, mean over"
        f" {plural(seeds, 'seed')} ({kind}). Bold: the better rate where two were tried. Losses between lengths that"
        " were trained are interpolated, as 30 % of 400 steps is; the rule is chosen on these very settings."
        " Described, not tested. For pre-LN no such ladder of lengths was planned.*"
    )


def _length(one: Ladder, place: int) -> str:
    share = one.shares[place]
    return f"{one.steps[place]:g} ({100 * share:g} %)" if share else "no warmup"


def _rest(at: Situation) -> tuple[float, ...]:
    """What two situations share that differ in the peak rate alone."""
    return at.steps, at.beta2, at.batch_size
