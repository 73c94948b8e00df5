"""What to take away from the confirmatory claims: a few sentences that follow from verdicts, and lengths of warmup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmuplab.base.words import number, plural, rate_label
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged
from warmuplab.claims.lengths.ladders import ENOUGH, Ladder, Situation, collected
from warmuplab.claims.lengths.rules import LONGEST, NO_WARMUP, Scored, best_of_families, simplest
from warmuplab.claims.planned.place import PILOT, Place
from warmuplab.report.tables import ResultTable

Say = Callable[[Judged], str]


@dataclass(frozen=True)
class Saying:
    """What a claim comes to in a sentence, by its verdict; of other verdicts the title and the verdict are said."""

    claim: str
    supported: Say | None = None
    refuted: Say | None = None


def _nats(part: int, sign: float = 1.0) -> Callable[[Judged], str]:
    return lambda one: f"{number(sign * one.verdict.parts[part].effect)} nats"


def _times(part: int) -> Callable[[Judged], str]:
    """A number of doublings as a factor."""
    return lambda one: f"{2 ** one.verdict.parts[part].effect:.1f} times"


def _rate(one: Judged) -> str:
    """The peak rate of the first part."""
    return rate_label(one.claim.contrasts[0].arms[0].rates[0])


SAYINGS = (
    Saying(
        "warmup-helps",
        supported=lambda one: f"At {_rate(one)}, 10 % of warmup takes {_nats(0)(one)} off post-LN's loss.",
    ),
    Saying(
        "larger-rates",
        supported=lambda one: f"Post-LN trains at {_times(1)(one)} the peak rate, or more.",
    ),
    Saying(
        "pre-ln-does-not",
        supported=lambda one: "Pre-LN trains as well without.",
        refuted=lambda one: f"Pre-LN gains {_nats(0, -1.0)(one)} at {_rate(one)}.",
    ),
    Saying(
        "decoder-alone-is-best",
        supported=lambda one: (
            f"At large rates warming up post-LN's decoder alone beats warming up everything by {_nats(0)(one)}."
        ),
    ),
    Saying(
        "pre-ln-encoder-needs-it",
        supported=lambda one: "Pre-LN has all its gain from warmup of its encoder.",
    ),
    Saying(
        "rate-must-fall",
        supported=lambda one: f"Let the rate fall at the end: it is worth {_nats(0)(one)}.",
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
    """What follows from the verdicts, and with a `place` how long a warmup: at most 120 words."""
    where, ladders = collected(evidence, place) if place else (PILOT, [])
    rule = [rule_sentence(simplest(best_of_families(ladders)), ladders, where)] if ladders else []
    return " ".join([*sentences(judged), *rule])


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
    warmup = words if words == NO_WARMUP else f"a warmup of {words}{limit}"
    seeds = f"{'pilot, ' if where == PILOT else ''}{len(ladders[0].losses_SxL)} seeds, not tested"
    return (
        f"In {runs} ({seeds}) {warmup} cost {number(rule.mean)} nats on average, and {number(rule.most)} at worst,"
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
        " Described, not tested.*"
    )


def _length(one: Ladder, place: int) -> str:
    share = one.shares[place]
    return f"{one.steps[place]:g} ({100 * share:g} %)" if share else "no warmup"


def _rest(at: Situation) -> tuple[float, ...]:
    """What two situations share that differ in the peak rate alone."""
    return at.steps, at.beta2, at.batch_size
