"""What is kept of the series of a study: all of a small one, and a bounded number of measurements of a large one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from warmuplab.record.directory import RunDirectory
from warmuplab.series.thinning import KEPT, UNTHINNED
from warmuplab.study.tables import MOST_MEASUREMENTS, curves_table, measured_by, most_kept, rises_table


@pytest.mark.parametrize("runs", [1, 48, 66])
def test_a_small_study_keeps_its_series_as_one_run_does(runs: int) -> None:
    assert most_kept(runs) == (UNTHINNED, KEPT)


@pytest.mark.parametrize("runs", [200, 600, 800])
def test_a_large_study_stays_within_its_measurements(runs: int) -> None:
    unthinned, kept = most_kept(runs)
    assert kept * runs * 9 <= MOST_MEASUREMENTS
    assert unthinned == max(64, kept)
    assert kept >= 40


def test_whatever_is_thinned_keeps_its_extremes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmuplab.study.tables.MOST_MEASUREMENTS", 900)
    rng = np.random.default_rng(0)
    directories = []
    for run in range(2):
        folder = tmp_path / f"run{run}"
        folder.mkdir()
        loss = np.linspace(8, 3, 300) + rng.normal(0, 0.01, 300)
        loss[[100, 200]] = 12 + run, 1 - run
        pd.DataFrame({"step": np.arange(300), "train/loss": loss}).to_parquet(folder / "metrics.parquet")
        directories.append(RunDirectory(folder, {"status": "finished"}, {}))
    measured = measured_by([(run, Path.read_bytes) for run in directories], most_kept(len(directories)))
    curves, spikes = curves_table([measured]), rises_table(measured.spikes)
    assert len(spikes) >= 2
    for run, part in curves.groupby("run_id", observed=True):
        extremes = (1 - int(str(run)[-1]), 12 + int(str(run)[-1]))
        assert (part["value"].min(), part["value"].max()) == extremes
        assert 40 <= len(part) <= 60
        assert part["step"].tolist() == sorted(set(part["step"]))
