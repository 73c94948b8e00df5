"""Registered claims: what of a claim was fixed before its runs, as a hash, and how that can be looked up afterwards.

A claim with a `registry` is confirmatory. `claims/studies/registered.json` holds what is fixed of each: the keys that
pick its arms, their rates and seeds, the measure, the terms of each part with margin and smallest effect; wording is
not among it. The file is written by `python -m warmuplab.claims.registration` and committed before the runs begin; each
run records the commit it was trained at, and there the file must have the very same hash.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from warmuplab.base.files import read_json, write_json
from warmuplab.claims.arm import Not
from warmuplab.claims.claim import Claim
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.studies import deviations

PLACE = "src/warmuplab/claims/studies/registered.json"
FILE = Path(deviations.__file__).with_name("registered.json")
WORDING = {"Arm": {"name"}, "Measure": {"words", "unit"}, "Comparison": {"name", "short", "unit"}}


def fixed(claim: Claim) -> dict[str, Any]:
    """What the hash of a claim is of, as plain data."""
    return {"registry": claim.registry, "study": claim.study, "parts": [_plain(part) for part in claim.contrasts]}


def hash_of(claim: Claim) -> str:
    """Sixteen hexadecimal digits that change with anything that is fixed of a claim."""
    text = json.dumps(fixed(claim), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def entries(claims: Iterable[Claim] = CLAIMS) -> dict[str, dict[str, Any]]:
    """The content of the file: hash and what is fixed of every claim that has a registry, by id."""
    return {claim.id: {"hash": hash_of(claim), **fixed(claim)} for claim in claims if claim.registry}


def hashes(study: str, claims: Iterable[Claim] = CLAIMS) -> dict[str, str]:
    """The hashes of the registered claims that need runs of a study, by id: what its manifest carries."""
    needing = (claim for claim in claims if claim.registry and study in {arm.study for arm in claim.arms})
    return {claim.id: hash_of(claim) for claim in needing}


def registered_at(commit: str, root: Path) -> dict[str, str] | None:
    """The hashes that the file has at a commit, by claim; None where the history here does not go back to it."""
    if _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        return None
    text = _git(root, "show", f"{commit}:{PLACE}")
    return {name: entry["hash"] for name, entry in json.loads(text).items()} if text else {}


def problems(manifest: Mapping[str, Any], root: Path) -> tuple[list[str], list[str]]:
    """What speaks against the registration of a study's claims, and which commits cannot be looked up here."""
    found, unknown = [], []
    for entry in manifest["commits"]:
        there = registered_at(entry["commit"], root)
        if entry["dirty"]:
            found.append(f"{entry['runs']} runs were trained at {entry['commit']} with changes that were not committed")
        if there is None:
            unknown.append(entry["commit"])
            continue
        for claim, hashed in manifest.get("registered", {}).items():
            if there.get(claim) != hashed:
                said = "another" if claim in there else "no"
                found.append(f"{claim} has {said} entry at {entry['commit']}, where {entry['runs']} runs were trained")
    return found, unknown


def used_before(seeds: Sequence[int], runs: Mapping[str, Iterable[int]], own: Iterable[str]) -> dict[str, list[int]]:
    """Which of the `seeds` occur in studies other than a registry's `own`: `runs` has the seeds of each study."""
    others = {study: sorted(set(seeds) & set(there)) for study, there in runs.items() if study not in set(own)}
    return {study: shared for study, shared in others.items() if shared}


def _plain(value: Any) -> Any:
    if isinstance(value, Not):
        return {"not": _plain(value.value)}
    if is_dataclass(value):
        kind = type(value).__name__
        told = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        return {"kind": kind} | {name: told[name] for name in told if name not in WORDING.get(kind, ())}
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in sorted(value.items())}
    return [_plain(member) for member in value] if isinstance(value, list | tuple) else value


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it refuses."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def main() -> int:
    """Write the file anew where a claim changed, and say which did; the exit status."""
    before: Any = read_json(FILE) or {}
    now = entries()
    changed = sorted({claim for claim in {*before, *now} if before.get(claim) != now.get(claim)})
    write_json(FILE, now)
    print(f"{FILE}: {len(now)} claims" + (f"; changed: {', '.join(changed)}" if changed else ", none changed"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
