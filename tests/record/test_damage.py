"""Every kind of damage to the directory of a run: seen when it is skipped and collected, reported in one line."""

import errno
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.records import reseal
from support.synthetic_study import leave
from warmuplab.commands import report
from warmuplab.commands.verify import verify
from warmuplab.record.run import Run

FILES = ("config.yaml", "metrics.parquet", "layers.parquet", "summary.json")
Damage = Callable[[Run, Run], object]


def path(run: Run, name: str) -> Path:
    return run.directory / name


def flip(path: Path, seed: int) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 1 << seed % 8
    path.write_bytes(bytes(content))


def replace(path: Path, **with_what: str) -> None:
    path.unlink()
    if "folder" in with_what:
        path.mkdir()
    else:
        path.symlink_to(with_what["link"])


def say(path: Path, key: str, value: Any) -> None:
    """Let a summary without a checksum say something else."""
    summary = json.loads(path.read_text())
    for name in ("checksum", "files"):
        summary.pop(name, None)
    *groups, last = key.split(".")
    place = summary
    for group in groups:
        place = place[group]
    place[last] = value
    path.write_text(json.dumps(summary))


def of_files() -> dict[str, Damage]:
    found: dict[str, Damage] = {}
    for name in FILES:
        found |= {
            f"{name} empty": lambda run, _, name=name: path(run, name).write_bytes(b""),
            f"{name} cut": lambda run, _, name=name: os.truncate(path(run, name), path(run, name).stat().st_size // 2),
            f"{name} without its end": lambda run, _, name=name: os.truncate(
                path(run, name), path(run, name).stat().st_size - 3
            ),
            f"{name} zeros": lambda run, _, name=name: path(run, name).write_bytes(
                bytes(path(run, name).stat().st_size)
            ),
            f"{name} noise": lambda run, _, name=name: path(run, name).write_bytes(random.Random(1).randbytes(999)),
            f"{name} text": lambda run, _, name=name: path(run, name).write_text("<html>\n\t- [ {"),
            f"{name} a folder": lambda run, _, name=name: replace(path(run, name), folder=""),
            f"{name} a dead link": lambda run, _, name=name: replace(path(run, name), link="nowhere"),
            f"{name} a link to itself": lambda run, _, name=name: replace(path(run, name), link=name),
            f"{name} of another run": lambda run, other, name=name: shutil.copy(path(other, name), path(run, name)),
        }
        for seed in range(3):
            found[f"{name} bit {seed}"] = lambda run, _, name=name, seed=seed: flip(path(run, name), seed)
        if name != "summary.json":
            found[f"{name} gone"] = lambda run, _, name=name: path(run, name).unlink()
    return found


SAID = {
    "status": "done", "values": [], "values.train/loss": "2.5", "values.val/loss": True, "spikes": {}, "episodes": [3],
    "spikes.": None, "timings": 7, "population": "x", "corpus": [], "corpus.unigram_entropy": "high", "seed": "0",
    "run_id": "another", "trained": "yes", "early_steps": None, "weights": 1.5, "error": [],
}  # fmt: skip


def of_summaries() -> dict[str, Damage]:
    """Of summaries as they were before they carried checksums."""
    found: dict[str, Damage] = {
        f"says {key}={value}": lambda run, _, key=key, value=value: say(path(run, "summary.json"), key, value)
        for key, value in SAID.items()
        if not key.endswith(".")
    }
    texts = ("[]", "null", "7", '"finished"', '{"status": "finished"}', '{"status": {}}', "[" * 100_000, "{" * 9)
    found |= {
        f"summary {text[:20]}": lambda run, _, text=text: path(run, "summary.json").write_text(text) for text in texts
    }
    return found


DAMAGES = of_files() | of_summaries()


def test_there_are_fifty_kinds() -> None:
    assert len(DAMAGES) >= 50


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_record_is_seen(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "outputs"
    run, *others = (leave(outputs, seed=seed) for seed in range(3))
    assert run.is_complete
    DAMAGES[kind](run, others[0])
    assert not run.is_complete
    assert run.damage is not None
    assert "\n" not in run.damage
    assert all(other.is_complete for other in others)
    assert verify("tiny", outputs, tmp_path / "results") == 1
    assert f"damaged: {run.directory}: {run.damage}\n" in capsys.readouterr().out


@pytest.mark.parametrize("kind", random.Random(7).sample(sorted(DAMAGES), 5))
def test_a_report_leaves_it_out_and_says_so(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "outputs"
    run, *others = (leave(outputs, seed=seed) for seed in range(3))
    DAMAGES[kind](run, others[0])
    report.report("tiny", outputs, tmp_path / "results")
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert f"damaged: 1 run, first {run.directory}" in note
    collected = pd.read_parquet(tmp_path / "results" / "tiny" / "runs.parquet")
    assert set(collected["run_id"]) == {other.run_id for other in others}


def test_a_record_of_before_the_checksums_is_whole(tmp_path: Path) -> None:
    run = leave(tmp_path / "outputs")
    say(path(run, "summary.json"), "weights", 7)
    assert run.is_complete
    assert verify("tiny", tmp_path / "outputs", tmp_path / "results") == 0


def test_what_is_changed_and_sealed_is_whole(tmp_path: Path) -> None:
    run = leave(tmp_path / "outputs")
    reseal(run.directory, lambda summary: summary["values"].update({"val/loss": 1.0}))
    assert run.is_complete


def test_what_a_user_keeps_beside_a_record_is_no_part_of_it(tmp_path: Path) -> None:
    run = leave(tmp_path / "outputs")
    path(run, "notes.txt").write_text("seen while it trained")
    reseal(run.directory)
    path(run, "notes.txt").unlink()
    assert run.is_complete


def test_a_verdict_holds_while_the_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,290 runs are asked again and again while a sweep goes on: what did not change is not read again."""
    from warmuplab.record import verifying

    run = leave(tmp_path / "outputs")
    assert run.is_complete
    monkeypatch.setattr(verifying, "_checksum_of_file", lambda *_: pytest.fail("read again"))
    assert run.is_complete


def test_what_the_system_cannot_read_now_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a good record would be trained again because of a network that was away for a moment."""
    from warmuplab.record import verifying

    run = leave(tmp_path / "outputs")

    def refuse(path: Path, _: object) -> str:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(verifying, "_checksum_of_file", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            _ = run.is_complete
        assert verify("tiny", tmp_path / "outputs", tmp_path / "results") == 1
        assert "Input/output error" in capsys.readouterr().out
    assert run.is_complete
