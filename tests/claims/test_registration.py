"""What is registered of a claim stays as it is: a hash, its file, and the commits that runs were trained at."""

import dataclasses
import json
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.composing import ROOT
from warmuplab.claims import registration
from warmuplab.claims.arm import Arm, Measure, Not
from warmuplab.claims.claim import Claim, Comparison
from warmuplab.claims.forms import better, needs_more
from warmuplab.claims.registration import PLACE, entries, hash_of, hashes, problems, registered_at, used_before
from warmuplab.claims.registry import CLAIMS
from warmuplab.claims.studies.deviations import DEVIATIONS, Deviation
from warmuplab.claims.terms import SmallestSufficient, Value
from warmuplab.report.registration import done_otherwise, registration_section
from warmuplab.study import results

RESULTS = ROOT / "results"
WARM, NONE = (
    Arm(name, {"schedule.warmup.fraction": fraction, "model.width": Not(16)}, (4e-3,), tuple(range(10, 26)), study="s")
    for name, fraction in (("warmup", 0.1), ("none", 0.0))
)
MADE = Claim(
    "warmup-helps",
    "It helps.",
    "a test",
    "Final loss.",
    (
        better("against none", WARM, NONE),
        needs_more("more steps", SmallestSufficient((NONE, WARM), (0, 20)), SmallestSufficient((WARM,), (20,))),
    ),
    study="s",
    registry="confirm",
)
LATER = tuple(range(11, 27))


def changed(claim: Claim, **first: Any) -> Claim:
    """The claim with its first part changed."""
    return dataclasses.replace(
        claim, contrasts=(dataclasses.replace(claim.contrasts[0], **first), *claim.contrasts[1:])
    )


def measured(measure: Measure) -> tuple[Value, ...]:
    return (Value(NONE, measure),)


LOSS = MADE.contrasts[0].plus[0].measure  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "other",
    [
        changed(MADE, margin=0.01),
        changed(MADE, smallest_effect=0.06),
        changed(MADE, minus=MADE.contrasts[0].plus),
        changed(
            MADE,
            plus=(Value(dataclasses.replace(NONE, seeds=LATER), LOSS),),
            minus=(Value(dataclasses.replace(WARM, seeds=LATER), LOSS),),
        ),
        changed(MADE, minus=(Value(WARM.at(8e-3), LOSS),)),
        changed(MADE, minus=(Value(dataclasses.replace(WARM, where=WARM.where | {"model.norm": "pre"}), LOSS),)),
        changed(MADE, minus=(Value(dataclasses.replace(WARM, where=WARM.where | {"model.width": 16}), LOSS),)),
        changed(MADE, plus=measured(dataclasses.replace(LOSS, column="test/loss"))),
        changed(MADE, plus=measured(dataclasses.replace(LOSS, ceiling="worst"))),
        dataclasses.replace(MADE, contrasts=MADE.contrasts[:1]),
        dataclasses.replace(MADE, registry="another"),
    ],
)
def test_whatever_is_fixed_changes_the_hash(other: Claim) -> None:
    assert hash_of(other) != hash_of(MADE)
    assert re.fullmatch(r"[0-9a-f]{16}", hash_of(other))


def test_wording_and_what_is_only_described_do_not() -> None:
    beside: tuple[Comparison, ...] = (better("elsewhere", NONE, WARM),)
    other = dataclasses.replace(
        changed(MADE, name="in other words", short="other"),
        statement="It may help.",
        elsewhere=beside,
        caveats=("So.",),
    )
    renamed = changed(other, plus=measured(dataclasses.replace(LOSS, words="loss")))
    assert hash_of(renamed) == hash_of(MADE)


def test_the_committed_file_is_what_the_claims_say() -> None:
    """After a change of claims that have no runs yet: `python -m warmuplab.claims.registration`."""
    assert json.loads((ROOT / PLACE).read_text()) == json.loads(json.dumps(entries()))
    assert (ROOT / PLACE).resolve() == registration.FILE.resolve()


def test_only_claims_of_a_registry_are_registered() -> None:
    assert list(entries([MADE, dataclasses.replace(MADE, id="mine", registry="")])) == ["warmup-helps"]
    assert hashes("s", [MADE]) == {"warmup-helps": hash_of(MADE)}
    assert hashes("another", [MADE]) == {}


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_entry_is_looked_up_at_the_commit_of_the_runs(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commits = []
    for claims in ([], [MADE], [changed(MADE, margin=0.01)]):
        (tmp_path / PLACE).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / PLACE).write_text(json.dumps(entries(claims)))
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", "as it is", "--allow-empty")
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    before, then, after = commits
    assert registered_at(then, tmp_path) == {"warmup-helps": hash_of(MADE)}
    assert registered_at("0" * 40, tmp_path) is None

    def trained_at(commit: str, dirty: bool = False) -> dict[str, Any]:
        return {"registered": hashes("s", [MADE]), "commits": [{"commit": commit, "dirty": dirty, "runs": 3}]}

    assert problems(trained_at(then), tmp_path) == ([], [])
    assert problems(trained_at("0" * 40), tmp_path) == ([], ["0" * 40])
    (missing,), _ = problems(trained_at(before), tmp_path)
    assert missing == f"warmup-helps has no entry at {before}, where 3 runs were trained"
    (other,), _ = problems(trained_at(after), tmp_path)
    assert "another entry" in other
    (dirty,), _ = problems(trained_at(then, dirty=True), tmp_path)
    assert "changes that were not committed" in dirty


def collected() -> dict[str, results.Study]:
    return {path.parent.name: results.load(path.parent.name, RESULTS) for path in RESULTS.glob("*/runs.parquet")}


def test_runs_of_registered_claims_were_trained_at_commits_that_have_them() -> None:
    unknown = []
    for name, study in collected().items():
        if not hashes(name) and "registered" not in study.manifest:
            continue
        assert study.manifest["registered"] == hashes(name), name
        found, beyond = problems(study.manifest, ROOT)
        assert found == []
        unknown += beyond
    if unknown:
        pytest.skip(f"the history here is shallow and does not go back to {', '.join(unknown)}")


def test_confirmatory_seeds_were_used_by_no_earlier_study() -> None:
    """One that began when all of them were over may have the same seeds: nothing was chosen by it."""
    arms = [arm for claim in CLAIMS if claim.registry for arm in claim.arms]
    own, seeds = {arm.study for arm in arms}, sorted({seed for arm in arms for seed in arm.seeds})
    studies = collected()
    over = max(datetime.fromisoformat(studies[name].manifest["ended"]) for name in own & studies.keys())
    earlier = {name: study for name, study in studies.items() if study.manifest["started"] < over.isoformat()}
    runs = {name: study.runs["seed"].dropna().astype(int).tolist() for name, study in earlier.items()}
    assert len(runs) > len(own)
    assert used_before(seeds, runs, own) == {}
    assert used_before([3, 10], runs, ()).keys() >= {"claims-2026-11"}


def test_the_log_of_deviations_has_dates_and_claims_that_there_are() -> None:
    for one in DEVIATIONS:
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", one.date)
        assert one.claims
        assert set(one.claims) <= {claim.id for claim in CLAIMS}
        assert re.fullmatch(r"[A-Z].*\.", one.what)
        assert re.fullmatch(r"[A-Z].*\.", one.why)


def test_a_report_shows_hashes_and_what_was_done_otherwise() -> None:
    log = (Deviation("2026-12-01", ("warmup-helps",), "One seed fewer.", "It was lost."),)
    text = "\n".join(registration_section([MADE], log))
    assert f"warmup-helps `{hash_of(MADE)}`" in text
    assert "- 2026-12-01, `warmup-helps`: One seed fewer. Reason: It was lost." in text
    assert "otherwise: nothing." in "\n".join(registration_section([MADE], ()))
    assert registration_section([dataclasses.replace(MADE, registry="")], log) == []
    assert done_otherwise(MADE, log) == [
        "Done otherwise than registered: 2026-12-01: One seed fewer. Reason: It was lost."
    ]
    assert done_otherwise(MADE, ()) == ["Done otherwise than registered: nothing."]
    assert done_otherwise(dataclasses.replace(MADE, registry=""), log) == []


def test_a_manifest_carries_the_hashes(tmp_path: Path) -> None:
    from support.synthetic_study import leave
    from warmuplab.study import collect

    leave(tmp_path / "outputs", seed=0)
    study, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "results", hashes("s", [MADE]))
    assert study.manifest["registered"] == {"warmup-helps": hash_of(MADE)}
    plain, _ = collect.update("tiny", tmp_path / "outputs", tmp_path / "again")
    assert "registered" not in plain.manifest
    assert isinstance(plain.runs, pd.DataFrame)
