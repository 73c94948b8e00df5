"""What is committed of the confirmatory studies, and their differences from the tables anew."""

import json
from functools import cache
from typing import Any

from support.claims_again import Tables
from support.composing import ROOT
from warmuplab.claims.judge import studies_of
from warmuplab.claims.planned.claims import REGISTRY
from warmuplab.claims.registry import CLAIMS

RESULTS = ROOT / "results"
REGISTERED = [claim for claim in CLAIMS if claim.registry == REGISTRY]
STUDIES = [study for study in studies_of(REGISTERED) if (RESULTS / study / "claims.json").exists()]
P = ("p_for", "p_against", "p_equivalent")


@cache
def runs_of_all() -> Tables:
    """The runs of all studies that are collected."""
    return Tables.of(RESULTS, STUDIES)


@cache
def differences_again() -> dict[str, list[list[float]]]:
    """The differences of every part of the claims that have all their runs, by claim."""
    tables = runs_of_all()
    whole = [claim for claim in REGISTERED if all(tables.complete(part) for part in claim.contrasts)]
    return {claim.id: [tables.difference(part) for part in claim.contrasts] for claim in whole}


@cache
def told(place: str) -> dict[str, Any]:
    """What `claims.json` of a study or of the registry says, by claim."""
    claims = json.loads((RESULTS / place / "claims.json").read_text())["claims"]
    return {claim["id"]: claim for claim in claims}
