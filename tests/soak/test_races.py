"""Sweeps at once on the same outputs: each run is trained once, and every sweep ends well."""

import re
from pathlib import Path

import pytest

from support.sweeps import bytes_of, left_over, single, started, undisturbed_sweep, wait_for

SEEDS = 5


@pytest.mark.parametrize(
    ("cluster", "sweeps"),
    [
        ("local", 2),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in (("local", 3), ("debug", 2), ("debug", 3))),
    ],
)
def test_sweeps_at_once_share_the_runs(tmp_path: Path, cluster: str, sweeps: int) -> None:
    expected = undisturbed_sweep(tmp_path / "alone", SEEDS)
    outputs = tmp_path / "together"
    processes = [started(outputs, SEEDS, f"hydra.launcher.cluster={cluster}") for _ in range(sweeps)]
    ended = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0] * sweeps, ended
    assert [said for _, said in ended] == [""] * sweeps
    assert bytes_of(outputs) == expected
    assert left_over(outputs) == []
    trained = [text.read_text().count("trained, writing") for text in outputs.glob("single/populations/*.log")]
    if cluster == "local":
        assert trained == [1, 1]
    else:
        trainers = [name for printed, _ in ended for name in set(re.findall("([0-9a-f]{8}) step", printed))]
        assert sorted(trainers) == sorted(set(trainers)), "two sweeps trained one population"
        assert trainers


def test_a_single_run_waits_for_the_sweep_that_trains_it(tmp_path: Path) -> None:
    sweep = started(tmp_path, 1)
    wait_for(lambda: list(tmp_path.glob("single/populations/*.lease")))
    run = single(tmp_path, 0)
    printed, said = run.communicate(timeout=300)
    assert (run.returncode, said) == (0, "")
    assert "trains it; waiting for that" in printed
    assert "finished already, without its weights; overwrite=true" in printed.splitlines()[-1]  # a sweep keeps none
    assert sweep.communicate(timeout=300)[1] == ""
    assert left_over(tmp_path) == []
