"""What to take away from the confirmatory claims: a few sentences that follow from verdicts, and lengths of warmup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from warmuplab.base.words import number, plural, rate_label
from warmuplab.claims.claim import Comparison
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.claims.lengths.ladders import ENOUGH, Ladder, Situation, collected
from warmuplab.claims.lengths.rules import LONGEST, NO_WARMUP, Scored, best_of_families, simplest
from warmuplab.claims.parts import Part
from warmuplab.claims.planned.place import PILOT, Place
from warmuplab.report.tables import ResultTable

Say = Callable[[Judged], str]
MOST_WORDS = 120


@dataclass(frozen=True)
class Saying:
    """What a claim comes to in a sentence, by its verdict; of other verdicts the title and the verdict are said."""

    claim: str
    supported: Say | None = None
    refuted: Say | None = None


def quoted(one: Judged, preferred: int = 0) -> tuple[Comparison, Part]:
    """The part that a sentence quotes: the `preferred` one where the verdict rests on it, else the deciding one."""
    parts = list(zip(one.claim.contrasts, one.verdict.parts, strict=True))
    if one.verdict.verdict != "refuted" or parts[preferred][1].standing == "reversed":
        return parts[preferred]
    deciding = one.verdict.deciding.contrast.name
    return next((comparison, part) for comparison, part in parts if comparison.name == deciding)


def _nats(one: Judged, preferred: int = 0) -> str:
    return f"{number(abs(quoted(one, preferred)[1].effect))} nats"


def _at(one: Judged, preferred: int = 0) -> str:
    """` at 1.6e-2`."""
    return f" at {rate_label(quoted(one, preferred)[0].arms[0].rates[0])}"


def _larger_rates(one: Judged) -> str:
    _, part = quoted(one, 1)
    factor, low, high = (f"{2**doublings:.1f}" for doublings in (part.effect, *part.interval))
    return f"With it the largest rate that trains is {factor} times as high ({low} to {high})."


def _too_short(one: Judged) -> str:
    run = quoted(one)[0].name.partition(",")[0]
    return f"10 % is too short for {run}{_at(one)}: 30 % ends {_nats(one)} lower."


def _long_enough(one: Judged) -> str:
    """Of a part named `10 % of 3,200 steps against 30 %`."""
    comparison, part = quoted(one)
    share, _, rest = comparison.name.partition(" of ")
    run, _, other = rest.partition(" against ")
    return f"For {run} {share} ends {_nats(one)} {'above' if part.effect < 0 else 'below'} {other}."


SAYINGS = (  # the most important ones first
    Saying(
        "warmup-helps",
        supported=lambda one: (
            f"Warming up for 10 % of the steps takes {_nats(one)} off post-LN's final loss{_at(one)}."
        ),
    ),
    Saying("larger-rates", supported=_larger_rates),
    Saying("ten-percent", supported=lambda one: "10 % is nearly as good as 30 %.", refuted=_too_short),
    Saying("steps-not-fraction", supported=_long_enough),
    Saying(
        "pre-ln-does-not",
        supported=lambda one: "Pre-LN trains as well without.",
        refuted=lambda one: f"Pre-LN gains {_nats(one, 1)}, {quoted(one, 1)[0].name}.",
    ),
    Saying(
        "rate-must-fall",
        supported=lambda one: f"A final fall of the rate is worth {_nats(one)}{_at(one)}.",
    ),
    Saying("post-ln-decoder-needs-it", supported=lambda one: "Post-LN needs warmup in its decoder."),
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
    longest = _longest_best(ladders)
    return (
        f"Described{' on the pilot' if where == PILOT else ''}, not tested: in {runs} {warmup} ends"
        f" {number(rule.mean)} nats (at worst {number(rule.most)}) above the best length tried,"
        f" {'always the longest' if longest == len(ladders) else f'the longest in {longest}'}."
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
                f"{'' if is_tried(one, rule) else '~'}{number(float(regret), 3)}",
            ]
        )
    header = [
        "Run [steps]",
        "Peak rate",
        "beta2",
        "Batch [sentences]",
        "Best warmup tried",
        f"Shortest tried within {ENOUGH:g} nats of it",
    ]
    return ResultTable([*header, "Loss, best warmup", "Loss, no warmup", f"Extra loss at {rule.rule.words}"], rows)


def is_tried(one: Ladder, rule: Scored) -> bool:
    """Whether the length that a rule says was trained there; else its loss is interpolated."""
    return bool(np.isclose(one.steps, rule.rule.steps(one.situation)).any())


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
    kind = (
        "the pilot's tuning seeds: the registered runs are not trained yet"
        if where == PILOT
        else "none of them used before"
    )
    split = "validation" if where == PILOT else "test"
    return (
        f"*Post-LN of width 32, Adam, linear decay, Multi30k; final loss on the {split} split, mean over"
        f" {plural(seeds, 'seed')} ({kind}). Bold: the better rate where two were tried. Shortest tried: of a few"
        " lengths a row, it and all longer ones are that close. ~: not trained, interpolated between two lengths that"
        " were. The rule is chosen on these very settings."
        " Described, not tested. For pre-LN no such ladder of lengths was planned.*"
    )


def _length(one: Ladder, place: int) -> str:
    share = one.shares[place]
    return f"{one.steps[place]:g} ({100 * share:g} %)" if share else "no warmup"


def _rest(at: Situation) -> tuple[float, ...]:
    """What two situations share that differ in the peak rate alone."""
    return at.steps, at.beta2, at.batch_size
