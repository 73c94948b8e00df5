"""The opening of the README and the abstract in `CITATION.cff`: what came out, as the registry's report says it."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from warmuplab.base.arguments import usable_folder
from warmuplab.base.errors import ConfigError
from warmuplab.base.files import write_text
from warmuplab.base.words import listed, plural
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged, counted
from warmuplab.claims.planned.place import Place
from warmuplab.report.registry.abstract import abstract, corpora_of, runs_of, sizes_of
from warmuplab.report.registry.settings import elsewhere
from warmuplab.report.registry.takeaway import takeaway_section

README, CITATION = "README.md", "CITATION.cff"
BEGINS = "<!-- opening: written by `make report STUDY=confirmatory ARGS=--opening` -->"
ENDS = "<!-- end of the opening -->"
WIDTH = 120
VERDICTS = ("supported", "supported in part", "refuted", "no difference", "inconclusive", "not tested")


def write_opening(
    judged: Sequence[Judged], evidence: Evidence, place: Place, report: str, checkout: Path
) -> list[Path]:
    """Write both into the files of a checkout; `report` is the folder of the registry's, as seen from there.

    Raises `ConfigError` where a file lacks the place for it, and then writes neither.
    """
    texts = {
        checkout / README: _between_marks(checkout / README, opening(judged, evidence, place, report)),
        checkout / CITATION: _with_abstract(checkout / CITATION, abstract(judged, evidence, place)),
    }
    with usable_folder("--opening", checkout, "the folder of the checkout"):
        for path, text in texts.items():
            write_text(path, text)
    return list(texts)


def opening(judged: Sequence[Judged], evidence: Evidence, place: Place, report: str) -> str:
    """What stands between the marks: the takeaway, what it rests on, the forest plot and how long to warm up."""
    _, takeaway, *lengths = takeaway_section(judged, evidence, place)
    count = counted(judged)
    came_to = [f"{count[verdict]} {verdict}" for verdict in VERDICTS if verdict in count]
    yet = " yet" if "not tested" in count else ""
    about = (
        f"*Small transformers of 4+4 layers ({sizes_of(evidence)}) on translation ({corpora_of(evidence)}),"
        f" {plural(runs_of(evidence), 'run')} besides the pilot. {plural(len(judged), 'claim')} were written down, with"
        f" their smallest effects of interest, before any of these runs: {listed(came_to)}{yet}."
        f"{_spaced(_seeds(judged))}{_spaced(elsewhere(judged))}"
        " For all claims together, the chance that any is falsely called supported or refuted is at most 5 %; called"
        " no difference, 5 % for each. Rates are learning rates. Nothing is said of large models."
        f" [Every claim with its numbers]({report}/report.md).*"
    )
    shows = "The effect of every claim in units of its smallest effect of interest, with 95 % intervals and the verdict"
    parts = [
        _wrapped(f"**What people say about learning-rate warmup, tested with real training runs.** {takeaway}"),
        _wrapped(about),
        f"![{shows}]({report}/figures/forest.png)",
    ]
    if lengths:
        table, note = lengths
        parts += ["**How long to warm up**", table, _wrapped(note)]
    return "\n\n".join(parts)


def _spaced(sentence: str) -> str:
    """After another one."""
    return f" {sentence}" if sentence else ""


def _seeds(judged: Sequence[Judged]) -> str:
    """How many seeds a tested claim rests on."""
    counts = [one.seeds for one in judged if one.verdict.verdict != "not tested"]
    return f"Each was tested on {min(counts)} to {max(counts)} seeds." if counts else ""


def _between_marks(path: Path, text: str) -> str:
    """The file with `text` between the marks."""
    before, begins, rest = _read(path).partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ConfigError("--opening", path, "it has no place for the opening", f"put the lines {BEGINS} and {ENDS} in")
    return f"{before}{begins}\n{text}\n{ends}{after}"


def _with_abstract(path: Path, text: str) -> str:
    """The file with another abstract, folded as YAML has it."""
    before, key, rest = _read(path).partition("abstract: >-\n")
    if not key:
        raise ConfigError("--opening", path, "it has no abstract", "put the line `abstract: >-` in, an abstract below")
    after = re.sub(r"\A(?:[ \t][^\n]*\n|\n)*", "", rest)
    return f"{before}{key}{textwrap.indent(_wrapped(text, WIDTH - 2), '  ')}\n{after}"


def _read(path: Path) -> str:
    with usable_folder("--opening", path.parent, "the folder of the checkout"):
        return path.read_text()


def _wrapped(text: str, width: int = WIDTH) -> str:
    """In lines, of which none begins as an item of a list: `9.`."""
    kept = re.sub(r" (?=\d+\.(?: |$))", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.fill(kept, width, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")
