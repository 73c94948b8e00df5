"""Run directories of a study: each read once, in one process or several, with what a plain reading finds."""

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from support.records import reseal
from support.synthetic_study import leave, replace_metrics, small_study
from warmuplab.bench.copies import multiply
from warmuplab.record import directory
from warmuplab.record.directory import look_through, recorded_episodes, recorded_spikes
from warmuplab.record.verifying import Contents
from warmuplab.series.thinning import kept_positions
from warmuplab.study import collect, reading
from warmuplab.study.compact import write_compactly
from warmuplab.study.tables import most_kept

EPISODE = {"start": 400, "peak": 405, "height": 5.0, "back_after": 21}
UNFINISHED = {"start": 300, "peak": 301, "height": 2.0, "back_after": None}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every outcome, short and long series, spikes, episodes, records without layers and one that lists no spikes."""
    folder = tmp_path_factory.mktemp("study")
    small_study(folder)
    leave(folder, seed=5, probes=False)
    for seed in (6, 7):
        run = leave(folder, seed=seed, training__steps=2000)
        metrics = pd.read_parquet(run.directory / "metrics.parquet")
        metrics.loc[1717:1730, "train/loss"] += np.linspace(20, 0, 14).astype("float32")
        replace_metrics(run, metrics)
        reseal(run.directory, (lambda summary: summary.update(episodes=[EPISODE, UNFINISHED])) if seed == 6 else older)
    return folder


def older(summary: dict[str, Any]) -> None:
    """Of a time when records listed no spikes."""
    del summary["spikes"]


def collected(outputs: Path, results: Path) -> dict[str, bytes]:
    collect.update("tiny", outputs, results)
    return {path.name: path.read_bytes() for path in sorted((results / "tiny").iterdir())}


def plainly(outputs: Path) -> dict[str, pd.DataFrame]:
    """The tables as pandas makes them of a frame per series."""
    runs = look_through(outputs / "tiny").runs
    curves, layers = [], []
    rises: dict[str, list[tuple[Any, ...]]] = {"episodes": [], "spikes": []}
    for run in runs:
        path = run.path / "metrics.parquet"
        metrics = pd.read_parquet(path) if path.exists() else pd.DataFrame({"step": []})
        found: dict[str, list[tuple[Any, ...]]] = {
            "probe/loss": [
                (e.start, e.peak, len(metrics) if e.back_after is None else e.start + e.back_after, e.height,
                 e.back_after is not None)
                for e in recorded_episodes(run.summary)
            ],
            "train/loss": [
                (s.start, s.peak, s.end, s.height, s.recovered) for s in recorded_spikes(run.summary, metrics)
            ],
        }  # fmt: skip
        for kind, name in (("episodes", "probe/loss"), ("spikes", "train/loss")):
            for start, peak, end, height, recovered in found[name]:
                row = (run.run_id, start, peak, end, height, float(metrics[name].iloc[peak]), recovered)
                rises[kind].append(row)
        for name in metrics.columns.drop(["step", "data/bucket"], errors="ignore"):
            measured = metrics.loc[metrics[name].notna(), ["step", name]]
            tips = [near for rise in found.get(name, ()) for near in (rise[0], rise[1] - 1, rise[1], rise[1] + 1)]
            marked = measured.index.isin(tips).nonzero()[0]
            part = measured.iloc[kept_positions(measured[name].to_numpy(), *most_kept(len(runs)), always=marked)]
            values = {"step": part["step"].to_numpy(), "value": part[name].to_numpy(dtype="float32").astype("float64")}
            curves.append(pd.DataFrame({"run_id": run.run_id, "metric": str(name)} | values))
        if (run.path / "layers.parquet").exists():
            layers.append(pd.read_parquet(run.path / "layers.parquet").assign(run_id=run.run_id))
    names = ["run_id", "start", "peak", "end", "height", "loss", "recovered"]
    of_layers = pd.concat(layers, ignore_index=True)
    first = ["run_id", "stack", "layer", "step"]
    return {
        "curves": pd.concat([part for part in curves if len(part)], ignore_index=True),
        **{kind: pd.DataFrame(rows, columns=names) for kind, rows in rises.items()},
        "layers": of_layers[first + [name for name in of_layers if name not in first]],
    }


def test_the_tables_are_those_of_a_plain_reading(outputs: Path, tmp_path: Path) -> None:
    """Types, order of rows and columns, and categories too: the bytes of committed results depend on them."""
    collect.update("tiny", outputs, tmp_path)
    kinds = {"run_id": "category", "metric": "category", "stack": "category", "step": "int32", "layer": "int16"}
    kinds |= dict.fromkeys(("start", "peak", "end"), "int32") | {"recovered": "bool"}
    for name, expected in plainly(outputs).items():
        assert len(expected) >= 2, name
        typed = expected.astype({column: kind for column, kind in kinds.items() if column in expected})
        path = tmp_path / "expected.parquet"
        write_compactly(typed, path)
        assert (tmp_path / "tiny" / f"{name}.parquet").read_bytes() == path.read_bytes(), name


def test_several_processes_read_the_same(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = collected(outputs, tmp_path / "alone")
    monkeypatch.setattr(reading, "PORTION", 4)
    assert collected(outputs, tmp_path / "portions") == alone
    monkeypatch.setattr(reading, "FEWEST_FOR_PROCESSES", 4)
    monkeypatch.setattr(reading, "_cores", lambda: 2)
    assert collected(outputs, tmp_path / "processes") == alone

    def broken(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(ProcessPoolExecutor, "map", broken)
    assert collected(outputs, tmp_path / "broken") == alone


def test_every_file_is_read_once(outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    really = Path.open

    def counted(path: Path, *arguments: Any, **named: Any) -> Any:
        opened[str(path.resolve())] += 1
        return really(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", counted)
    monkeypatch.setattr(Path, "read_bytes", lambda path: counted(path, "rb").read())
    collect.update("tiny", outputs, tmp_path)
    read = {name: times for name, times in opened.items() if str(outputs) in name}
    assert len(read) > 60
    assert set(read.values()) == {1}


def test_what_is_kept_of_a_series_follows_from_the_runs_that_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmuplab.study.tables.MOST_MEASUREMENTS", 9 * 300)
    run = leave(tmp_path / "all", training__steps=200)
    multiply(run.directory, 3)
    runs = sorted((tmp_path / "all" / "tiny").glob("*-s*"))
    for damaged in runs[:3]:
        (damaged / "metrics.parquet").write_bytes(b"")
    found, measured = reading.read(tmp_path / "all" / "tiny")
    assert len(found.damaged) == 3
    assert len(found.runs) == 1
    assert max(count for _, _, count in measured[0].series) == 200  # whole: of four runs 75 would be kept


def test_copies_of_a_run_are_whole_records_with_seeds_of_their_own(tmp_path: Path) -> None:
    run = leave(tmp_path)
    multiply(run.directory, 5, first_seed=10)
    found = look_through(tmp_path / "tiny")
    assert (len(found.runs), found.damaged) == (6, {})
    assert sorted(each.config["seed"] for each in found.runs) == [0, 10, 11, 12, 13, 14]
    assert all(each.config["seed"] == each.summary["seed"] for each in found.runs)


CONFIGURATIONS = [
    "seed: 1\nmodel:\n  norm: post\n  width: 64\noptimizer:\n  betas:\n  - 0.9\n  - 0.98\n  eps: 1e-9\n",
    "seed: 1\nseed: 2\n",
    "a: 'x\n\n  y'\nb: |\n  z\n  c: 3\n",
    'a: "x\nb: y"\n',
    "a: &x 1\nb: *x\n",
    "a: ${b}\nb: 3\n",
    "- 1\n- 2\n",
    "just text\n",
    "# a comment\na: 1\n",
    "---\na: 1\n",
    "a: 1\n...\n",
    "a: [1,\n2]\n",
    "a:\n- 1\n- 2\nb: null\n",
    "true: 1\n3: 2\n",
    "a: 1e-3\nb: 1_000\nc: 0o7\nd: yes\n",
    "a: {b: 1}\r\nc: 2\r\n",
    "a: 1\n b: 2\n",
    "a:1\n",
    "",
    "\n",
    "a: x\u2028b: y\n",
    "\ufeffa: 1\n",
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_that_is_read_group_by_group_is_the_whole_one(text: str, tmp_path: Path) -> None:
    def outcome(read: Any) -> Any:
        try:
            return json.dumps(read(), default=str)
        except directory.UNREADABLE as error:
            return type(error)

    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode())

    def whole() -> Any:
        loaded = OmegaConf.load(path)
        return OmegaConf.to_container(loaded) if OmegaConf.is_dict(loaded) else None

    assert outcome(lambda: directory._parsed(text)) == outcome(whole)


def test_groups_that_runs_share_are_parsed_once(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    really = directory._as_omegaconf_reads

    def counted(text: str) -> Any:
        parsed.append(text)
        return really(text)

    monkeypatch.setattr(directory, "_as_omegaconf_reads", counted)
    directory._group.cache_clear()
    folders = sorted((outputs / "tiny").glob("post_ln*-s*"))
    for folder in folders:
        directory.read_config(folder, Contents())
    assert len(parsed) == len(set(parsed)) < 4 * len(folders)
