"""What a sweep will take is said before it begins, from a pace that is measured once."""

import itertools
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.composing import QUICK, composed
from warmuplab import worker
from warmuplab.base import words
from warmuplab.commands import plan as command
from warmuplab.launch import cost, launch, pace, planning
from warmuplab.launch.launch import LauncherConfig
from warmuplab.launch.pace import Pace, pace_of
from warmuplab.record.run import Run

DEBUG = LauncherConfig("debug", workers=None, members=None)
KNOWN = Pace(seconds_per_operation=1e-9, start_up=2.0)


def run_of(folder: Path, *overrides: str) -> Run:
    return worker.prepare(composed(*QUICK, f"outputs={folder}", *overrides))


@pytest.fixture
def known_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "WORTH_MEASURING", 0)
    monkeypatch.setattr(planning, "pace_of", lambda *_, **__: KNOWN)


def test_the_longest_first_end_at_most_a_third_after_the_best_order() -> None:
    """Against all ways to share out six populations over three workers."""
    drawn = random.Random(0)
    for _ in range(20):
        seconds = [drawn.uniform(1, 10) for _ in range(6)]
        best = min(
            max(sum(s for s, at in zip(seconds, places, strict=True) if at == one) for one in range(3))
            for places in itertools.product(range(3), repeat=6)
        )
        assert best <= planning.makespan(seconds, 3) + 1e-9 <= 4 / 3 * best + 1e-9
    assert planning.makespan([3, 1, 2], 1) == 6
    assert planning.makespan([3, 1, 2], 3) == 3


def test_a_plan_counts_what_the_runs_are(tmp_path: Path, known_pace: None) -> None:
    wide = [run_of(tmp_path, "model.width=32", f"seed={seed}", "training.steps=12") for seed in (0, 1, 2)]
    narrow = [run_of(tmp_path, f"seed={seed}") for seed in (0, 1)]
    plan = planning.make([narrow, wide[:2], wide[2:]], 2)
    assert (plan.runs, plan.populations) == (5, 3)
    assert [kind.config.model.width for kind in plan.kinds] == [32, 16]
    train = worker.load_corpus(narrow[0].config).train
    per_sentence = (train.source_lengths_N.sum() + train.target_lengths_N.sum()) / len(train)
    assert plan.tokens == pytest.approx(8 * per_sentence * (3 * 12 + 2 * 6))
    each = [2.0 + 1e-9 * cost.of_population(runs) for runs in (narrow, wide[:2], wide[2:])]
    assert plan.seconds == pytest.approx(planning.makespan(each, 2))
    assert plan.memory == max(kind.memory for kind in plan.kinds) > planning.fitting.PROCESS_BYTES
    said = planning.in_lines(plan, 8 * 2**30)
    assert any("2 workers at 1.0 billion operations/s, 2.0 s to start one" in line for line in said)
    assert any("8.0 GiB are free" in line for line in said)
    on_three = replace(plan, workers=3)
    memory = [planning.in_lines(on_three, 8 * 2**30, gpus)[2] for gpus in (0, 1, 2)]
    three, two = words.amount(3 * plan.memory), words.amount(2 * plan.memory)
    assert memory[0] == memory[1]
    assert f"a worker, {three} in all; 8.0 GiB are free" in memory[1]
    assert f"a worker, {two} on each of 2 GPUs; 8.0 GiB are free on the fullest" in memory[2]
    assert any("post-LN, width 32, depth 1, adam, batch 8, 12 steps: 3 runs in 2 populations" in line for line in said)


def test_a_kind_that_was_not_measured_is_as_fast_as_the_most_similar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "WORTH_MEASURING", 0)
    asked: list[int] = []

    def by_width(runs: list[Run], *_: object, **__: object) -> Pace:
        asked.append(runs[0].config.model.width)
        return Pace(1.0 / runs[0].config.model.width, 0.0)

    monkeypatch.setattr(planning, "pace_of", by_width)
    # The costliest are the long ones; of the other two the one is like the narrow ones, the other like the wide ones.
    sizes = ((64, 60), (8, 4000), (48, 6), (12, 6))
    populations = [
        [run_of(tmp_path, f"model.width={width}", f"training.steps={steps}", "probes=none")] for width, steps in sizes
    ]
    plan = planning.make(populations, 1, most_measured=2)
    assert sorted(asked) == [8, 64]
    of_width = {kind.config.model.width: kind.pace for kind in plan.kinds}
    assert of_width[48] == of_width[64] != of_width[8] == of_width[12]


@pytest.mark.parametrize("probes", ["none", "default"])
def test_the_disk_that_a_record_takes_is_about_what_is_planned(tmp_path: Path, probes: str) -> None:
    (run,) = launch.launch([composed(*QUICK, f"outputs={tmp_path}", f"probes={probes}", "training.steps=120")], DEBUG)
    written = sum(path.stat().st_size for path in run.directory.iterdir())
    assert planning.record_bytes(run.config) / 1.6 < written < planning.record_bytes(run.config) * 1.6


def test_the_pace_is_measured_once_for_a_machine_and_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        run_of(tmp_path, f"seed={seed}", "schedule.warmup.fraction=null", "schedule.warmup.steps=3") for seed in (0, 1)
    ]
    first = pace_of(runs)
    assert first is not None
    assert first.seconds_per_operation > 0
    assert 0 < first.start_up < 60
    started: list[object] = []

    def none_started(*_: object, **__: object) -> None:
        started.append(None)
        raise OSError

    monkeypatch.setattr(pace.subprocess, "run", none_started)
    assert (
        pace_of([run_of(tmp_path, f"seed={seed}", "schedule=cosine", "training.steps=50") for seed in (3, 4)]) == first
    )
    assert not started
    assert pace_of(runs, again=True) is None
    assert pace_of([run_of(tmp_path, "model.width=32")]) is None
    monkeypatch.setattr(pace.environment, "code", lambda: "other")
    assert pace_of(runs) is None
    assert len(started) == 3
    (path,) = (tmp_path / ".cache" / "pace").glob("*.json")
    monkeypatch.undo()
    monkeypatch.setattr(pace, "_measured", lambda *_: KNOWN)
    for damaged in ("", "{}", "[]", json.dumps({"code": pace.environment.code(), "start_up": "x"})):
        path.write_text(damaged)
        assert pace_of(runs) == KNOWN


def test_a_pace_can_be_measured_again_with_about_the_same_result(tmp_path: Path) -> None:
    """In processor time: other programs on the machine slow it down by sharing caches alone."""
    config = pace._bare(composed(*QUICK, f"outputs={tmp_path}", "model.width=64", "training.batch_size=32"))
    one, other = (pace.measure(config, 2).seconds_per_operation for _ in range(2))
    assert 0.5 < one / other < 2


def test_the_measuring_process_keeps_nothing_and_publishes_nothing(tmp_path: Path) -> None:
    told = {"run": worker.to_mapping(pace._bare(composed(*QUICK, f"outputs={tmp_path}"))), "members": 1}
    ended = subprocess.run(
        [sys.executable, "-m", "warmuplab.launch.pace"],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Pace(**json.loads(ended.stdout)).start_up > 0
    assert [path.name for path in tmp_path.iterdir()] == [".cache"]


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["warmuplab plan", *arguments])
    return command.main()


def test_the_command_says_what_a_study_takes_and_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], known_pace: None
) -> None:
    overrides = [*QUICK, f"outputs={tmp_path}", "hydra.launcher.workers=2", "hydra.launcher.members=4"]
    assert typed(monkeypatch, "quick", *overrides) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "48 runs, 0 of them finished."
    assert said[1] == "To train: 48 runs in 12 populations, 2 at a time."
    assert [line.split()[0] for line in said[2:6]] == ["tokens", "time", "memory", "disk"]
    assert [path.name for path in tmp_path.iterdir()] == [".cache"]


def test_the_command_refuses_what_a_sweep_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, said in ((("nosuch",), "study=nosuch: "), (("quick", "seed=-1"), "seed=-1"), ((), "study")):
        with pytest.raises(SystemExit) as ended:
            typed(monkeypatch, *arguments)
        heard = capsys.readouterr()
        assert (ended.value.code, heard.out, heard.err.count("\n")) == (2, "", 1)
        assert said in heard.err


def test_finished_runs_are_not_planned_and_a_sweep_says_its_plan_first(tmp_path: Path, known_pace: None) -> None:
    configs = [composed(*QUICK, f"outputs={tmp_path}", f"seed={seed}") for seed in (0, 1)]
    said: list[str] = []
    launch.launch(configs[:1], DEBUG, said.append, plan_command="make plan STUDY=quick ARGS=seed=0")
    assert said[0].startswith("Planned: about 0:0")
    assert "tokens, up to" in said[0]
    assert said[0].endswith("; `make plan STUDY=quick ARGS=seed=0` says more.")
    assert said[1].startswith("Training 1 run in 1 population")
    said.clear()
    assert launch.plan(configs, DEBUG, said.append) == []
    assert said[:2] == ["2 runs, 1 of them finished.", "To train: 1 run in 1 population, 1 at a time."]
    launch.launch(configs, DEBUG, said.append)
    said.clear()
    launch.plan(configs, DEBUG, said.append)
    assert said == ["2 runs, 2 of them finished."]


def test_a_short_sweep_is_not_worth_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "pace_of", lambda *_, **__: pytest.fail("measured"))
    plan = planning.make([[run_of(tmp_path)]], 1)
    assert plan.seconds is None
    assert "too short to be worth measuring" in "\n".join(planning.in_lines(plan, None))
    assert "about" not in planning.in_one_line(plan, "quick").partition("tokens")[0]
