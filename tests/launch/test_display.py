"""What people see of a sweep: a line in a pipe, a table of at most 80 columns in a terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from support.composing import QUICK, composed
from warmuplab.base.words import duration
from warmuplab.launch import display, queue
from warmuplab.launch.queue import DONE, FAILED, TRAINING, QueuedPopulation, Sweep
from warmuplab.record.progress import Progress
from warmuplab.worker import prepare, write_population


def a_sweep(folder: Path) -> Sweep:
    """Four populations of two runs of six steps: one done, one failed, one in training, one waiting."""
    populations = []
    for peak in (1, 2, 3, 4):
        runs = [
            prepare(composed(*QUICK, f"outputs={folder}", f"schedule.peak_lr={peak}e-3", f"seed={seed}"))
            for seed in (0, 1)
        ]
        populations.append(QueuedPopulation(runs, write_population(runs)))
    for population, state in zip(populations, (DONE, FAILED, TRAINING), strict=False):
        population.state = state
    populations[2].progress = Progress(
        step=3, steps=6, loss=4.25, diverged=1, members=2, spiking=1, seconds=6.0, work=0.75
    )  # fmt: skip
    return Sweep(populations)


def test_the_line_says_how_far_it_is_and_what_is_wrong(tmp_path: Path) -> None:
    said = display.line(a_sweep(tmp_path))
    for part in ("2/4 populations done", "1 failed", "step 3/6", "loss 4.25", "1 diverged", "1 spiking", "left"):
        assert part in said
    assert "\n" not in said


def test_time_left_follows_from_the_pace_of_all_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = a_sweep(tmp_path)
    monkeypatch.setattr(queue.time, "monotonic", lambda: half.began + 60.0)
    assert sum(population.member_steps for population in half.populations) == 48
    assert half.member_steps_per_second == pytest.approx((12 + 6) / 60)
    done = 12 + 0.75 * 12  # the early half of the third takes three quarters of its time; the second failed at once
    assert half.seconds_left == pytest.approx(60 * (0.25 * 12 + 12) / done)
    third = half.populations[2].progress
    assert third is not None
    assert third.seconds_left == pytest.approx(2.0)


def test_what_was_trained_before_says_nothing_about_the_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four equal populations one goes on from 80 %, and others have trained one: a minute for 0.3 of the work."""
    now = 1000.0
    monkeypatch.setattr(queue.time, "monotonic", lambda: now)
    sweep = a_sweep(tmp_path)
    sweep.began = now - 3600.0  # jobs waited for an hour
    theirs, resumed, new, waiting = sweep.populations
    theirs.by_others, resumed.before = True, Progress(4, 6, 4.0, 0, 2, 0, 90.0, 0.7)
    resumed.state = new.state = TRAINING
    new.progress = None
    assert sweep.seconds_left is None
    resumed.hear(Progress(5, 6, 4.0, 0, 2, 0, 95.0, 0.8))  # its checkpoint was further than it had said
    new.hear(Progress(1, 6, 4.0, 0, 2, 0, 0.0, 0.0))
    now += 60.0
    resumed.hear(Progress(6, 6, 4.0, 0, 2, 0, 155.0, 0.9))
    new.hear(Progress(2, 6, 4.0, 0, 2, 0, 60.0, 0.2))
    assert sweep.member_steps_per_second == pytest.approx((1 + 2) * 2 / 60)
    assert sweep.seconds_left == pytest.approx(60 * (0.1 + 0.8 + 1) / (0.1 + 0.2))
    waiting.state = DONE
    waiting.by_others = True
    assert sweep.seconds_left == pytest.approx(240.0)  # the pace of the new one: it ends last


def test_the_table_fits_80_columns(tmp_path: Path) -> None:
    written = io.StringIO()
    Console(file=written, width=80).print(display.table(a_sweep(tmp_path)))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["population", "members", "step", "loss", "diverged", "spiking", "steps/s", "left"]
    assert lines[1].split()[1:] == ["2", "3/6", "4.250", "1", "1", "1.0", "0:02"]
    assert "2/4 populations done, 1 failed" in lines[2]


def test_lines_come_at_events_and_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    watched = a_sweep(tmp_path)
    with display.shown(watched) as show:
        for seconds, lines in ((0, 1), (1, 0), (4, 1), (1, 0)):
            now += seconds
            show(watched)
            assert capsys.readouterr().out.count("\n") == lines
        watched.populations[2].state = DONE
        show(watched)
        assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01")])
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
