"""The abstract of the confirmatory study, from its verdicts: what `CITATION.cff` carries."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

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
        f" is for networks of {sizes_of(evidence)}; nothing is said of large models."
    )


def runs_of(evidence: Evidence) -> int:
    """How many runs the claims rest on: those of the pilot chose what is tested, and are not among them."""
    return sum(study.manifest["runs"]["total"] for study in evidence.studies.values() if study.name != PILOT.study)


def sizes_of(evidence: Evidence) -> str:
    """How many weights most runs have, and the range of all: `about 150,000 weights, a few of 47,000 to 600,000`."""
    found = [study.runs["weights"].dropna() for study in evidence.studies.values() if study.name != PILOT.study]
    weights = pd.concat(found).astype(int) if found else pd.Series(dtype=int)
    if weights.empty:
        return "few weights"
    most, least, largest = (_rounded(value) for value in (weights.mode()[0], weights.min(), weights.max()))
    return f"about {most} weights" + (f", a few of {least} to {largest}" if least != largest else "")


def _rounded(count: int) -> str:
    """To two digits: `150,000`."""
    return f"{int(float(f'{count:.1e}')):,}"


def corpora_of(evidence: Evidence) -> str:
    """The corpora by their names, and how many runs those have that are not on the one of most: `multi30k`."""
    runs: Counter[str] = Counter()
    for study in evidence.studies.values():
        if study.name != PILOT.study:
            for corpus in study.manifest["corpora"]:
                runs[corpus["name"]] += corpus["runs"]
    (first, _), *others = runs.most_common() or [("none", 0)]
    return "; ".join([f"`{first}`", *(f"{plural(count, 'run')} on `{name}`" for name, count in others)])
