"""The abstract of the confirmatory study, from its verdicts: what `CITATION.cff` carries."""

from collections.abc import Sequence

from warmuplab.base.words import listed, plural
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged, counted
from warmuplab.claims.planned.place import PILOT, Place
from warmuplab.report.registry.takeaway import takeaway_text

ABOUT = (
    "warmuplab tests what is said about learning-rate warmup with real training runs: small transformers on translation"
    " corpora, in sweeps over schedules, warmup lengths, peak rates and seeds, with loss spikes and early overfitting"
    " measured on the way."
)


def abstract(judged: Sequence[Judged], evidence: Evidence, place: Place) -> str:
    """What was asked and how, how many claims came to which verdict, then the takeaway."""
    tested = [one for one in judged if one.verdict.verdict != "not tested"]
    if not tested:
        return ABOUT
    came_to = listed(f"{count} {verdict}" for verdict, count in counted(tested).items())
    rest = len(judged) - len(tested)
    return (
        f"{ABOUT} {plural(len(judged), 'claim')} were registered before their runs, with arms and rates that a"
        f" pilot chose, on fresh seeds; of {len(tested)} tested on {plural(runs_of(evidence), 'run')}, {came_to}"
        f"{f' ({rest} are still to be trained)' if rest else ''}. {takeaway_text(judged, evidence, place)} All of this"
        " is for networks of about 150,000 weights; nothing is said of large models."
    )


def runs_of(evidence: Evidence) -> int:
    """How many runs the claims rest on: those of the pilot chose what is tested, and are not among them."""
    return sum(study.manifest["runs"]["total"] for study in evidence.studies.values() if study.name != PILOT.study)
