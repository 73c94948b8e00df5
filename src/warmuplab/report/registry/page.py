"""`results/<registry>/`: the verdicts on all claims of a registry at once, from the collected studies alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from warmuplab.base.files import write_text
from warmuplab.base.words import listed, plural
from warmuplab.claims.claim import Claim
from warmuplab.claims.evidence import Evidence
from warmuplab.claims.judge import Judged, collected, counted, judge_all, studies_of, write_claims
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.planned.confirm import LENGTH
from warmuplab.claims.registry import CLAIMS
from warmuplab.config.rerun import again
from warmuplab.record.environment import describe_hardware
from warmuplab.report import verdicts
from warmuplab.report.escaping import without_html
from warmuplab.report.registration import registration_section
from warmuplab.report.registry.abstract import abstract
from warmuplab.report.registry.literature import literature_section
from warmuplab.report.registry.settings import in_all, settings_table
from warmuplab.report.registry.takeaway import lengths_section, takeaway_section
from warmuplab.report.verdicts import FIGURES

REPORT = "report.md"


def judged_registry(name: str, results: Path) -> tuple[list[Judged], Evidence]:
    """The claims of a registry with their verdicts, in the order of its studies, on what is collected of them."""
    claims = [claim for claim in CLAIMS if claim.registry == name]
    evidence = collected([*studies_of(claims), "pilot"], results)
    return judge_all(_ordered(claims), evidence), evidence


def write_registry(name: str, judged: Sequence[Judged], evidence: Evidence, results: Path) -> list[Path]:
    """Write the report of a registry, `claims.json` and the forest plot; the files, the report first."""
    folder = results / name
    drawn = draw_registry(judged, folder)
    write_text(folder / REPORT, without_html(compose_registry(name, judged, evidence, results, drawn)))
    return [folder / REPORT, write_claims(judged, folder), *drawn]


def draw_registry(judged: Sequence[Judged], folder: Path) -> list[Path]:
    """Draw the forest plot into `folder`/figures; the PNG file, none where nothing is tested."""
    from warmuplab.figures.files import draw_of_registry

    return draw_of_registry(judged, folder / FIGURES)


def compose_registry(
    name: str, judged: Sequence[Judged], evidence: Evidence, results: Path, drawn: Sequence[Path]
) -> str:
    """The text of the report; `drawn` are the figures of its own."""
    from warmuplab.figures.index import FOREST  # a second of imports that only a report needs

    caption = FOREST.caption
    parts = [
        f"# The registry `{name}`",
        _obtained(judged, evidence),
        *takeaway_section(judged, evidence, LENGTH if name == REGISTRY else None),
        "## All claims at a glance",
        f"![{caption}]({FIGURES}/{FOREST.file}.png)\n\n*{caption}*" if drawn else "Nothing has been tested yet.",
        "## Verdicts",
        f"{plural(len(judged), 'claim')}: {', '.join(f'{n} {verdict}' for verdict, n in counted(judged).items())}.",
        settings_table(judged).markdown(),
        *in_all(judged),
        "- *Width 16* and so on: *yes*, *reversed* or *not shown*, by the 95 % interval there and an effect of"
        " interest, with the effect in the claim's unit; a dash where runs are missing, nothing where not asked.",
        "\n".join(f"- {line}" for line in verdicts.reading()),
        *verdicts.missing_runs(judged),
        *(lengths_section(evidence, LENGTH) if name == REGISTRY else []),
        *(literature_section(judged) if name == REGISTRY else []),
        *verdicts.claim_sections(judged, verdicts.figures_of_studies(judged, results / name)),
        *registration_section([one.claim for one in judged]),
        *(["## Abstract", abstract(judged, evidence, LENGTH)] if name == REGISTRY else []),
        "## How to reproduce it",
        _reproduction(name, judged, evidence),
    ]
    return "\n\n".join(parts) + "\n"


def _ordered(claims: Sequence[Claim]) -> list[Claim]:
    """By study as they are planned, those of one study together."""
    from warmuplab.claims.planned.plan import GROUPS

    planned = [f"confirm_{group}" for group in GROUPS]
    places = {study: place for place, study in enumerate([*planned, *studies_of(claims)][::-1])}
    return sorted(claims, key=lambda claim: -places.get(claim.study, 0))


def _obtained(judged: Sequence[Judged], evidence: Evidence) -> str:
    manifests = _manifests(judged, evidence)
    if not manifests:
        return "None of its studies is collected here."
    runs = sum(manifest["runs"]["total"] for manifest in manifests.values())
    hardware = [facts for manifest in manifests.values() for facts in manifest["hardware"]]
    machines = listed(dict.fromkeys(map(describe_hardware, hardware)))
    planned = studies_of([one.claim for one in judged])
    lacking = [f"`{study}`" for study in planned if study not in manifests]
    missing = f" Not trained yet: {listed(lacking)}." if lacking else ""
    tested = sum(one.verdict.verdict != "not tested" for one in judged)
    studies = "one study" if len(manifests) == 1 else f"{len(manifests)} studies"
    return (
        f"{plural(len(judged), 'claim')}, registered before their runs, {tested} of them tested, on"
        f" {plural(runs, 'run')} of {studies} on {machines}.{missing}"
    )


def _manifests(judged: Sequence[Judged], evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    planned = studies_of([one.claim for one in judged])
    return {study: evidence.studies[study].manifest for study in planned if study in evidence.studies}


def _reproduction(name: str, judged: Sequence[Judged], evidence: Evidence) -> str:
    studies = studies_of([one.claim for one in judged])
    trains = "\n".join(again("sweep", study) for study in studies)
    commits = dict.fromkeys(
        str(entry["commit"]) for manifest in _manifests(judged, evidence).values() for entry in manifest["commits"]
    )
    at = f"The runs were trained at {listed(commits)}.\n\n" if commits else ""
    return (
        f"```\n{trains}\n```\n\n{at}This page comes from what is collected in `results/`: `{again('report', name)}`."
        " What each study took is in its own report."
    )
