"""Studies collected before there were some summary values: what follows from what they hold, and nothing else."""

import math

import numpy as np
import pandas as pd
import pytest

from support.composing import ROOT
from warmuplab.series.levels import LEVELS, name_of
from warmuplab.study import results
from warmuplab.study.later import with_later_values

CORPORA = [{"fingerprint": "a", "steps_per_epoch": 20}, {"fingerprint": "b", "steps_per_epoch": 50}]
RUNS = pd.DataFrame(
    {
        "run_id": ["in the window", "behind it", "never", "failed"],
        "corpus": ["a", "b", "a", None],
        "early_steps": pd.array([40, 40, 40, None], dtype="Int64"),
        "stability/kl_path": [math.e, 1.0, 0.0, math.nan],
        "probe/steps_to_1_below": [30.0, 100.0, 200.0, math.nan],
        "probe/reached_1_below": [1.0, 1.0, 0.0, math.nan],
        "stability/kl_path_to_1_below": [math.e**2, 5.0, math.nan, math.nan],
        "overfit/memorisation_at_1_below": [-0.1, -0.2, math.nan, math.nan],
    }
)


def test_logarithms_and_passes_follow_from_what_was_collected() -> None:
    found = with_later_values(RUNS, CORPORA)
    assert found["stability/log_kl_path"].tolist() == pytest.approx([1, 0, math.nan, math.nan], nan_ok=True)
    assert found["stability/log_kl_path_to_1_below"].tolist()[0] == pytest.approx(2)
    assert found["stability/log_kl_path_to_1_below"][1:].isna().all()  # estimated behind the early window, or never
    assert found["overfit/passes_at_1_below"].tolist() == pytest.approx([1.5, 2, math.nan, math.nan], nan_ok=True)
    assert len(set(found)) == len(set(RUNS)) + 3
    pd.testing.assert_frame_equal(found[RUNS.columns.tolist()], RUNS)


def test_what_was_measured_stays() -> None:
    measured = RUNS.assign(**{"stability/log_kl_path": 7.0, "overfit/passes_at_1_below": 3.0})
    found = with_later_values(measured, CORPORA)
    assert found["stability/log_kl_path"].eq(7).all()
    assert found["overfit/passes_at_1_below"].eq(3).all()


def test_passes_are_not_guessed_where_one_corpus_has_two_lengths() -> None:
    found = with_later_values(RUNS, [*CORPORA, {"fingerprint": "a", "steps_per_epoch": 40}])
    assert not any(name.startswith("overfit/passes") for name in found)


def test_runs_without_probes_gain_nothing() -> None:
    bare = RUNS[["run_id", "corpus", "early_steps"]]
    assert list(with_later_values(bare, CORPORA)) == list(bare)


@pytest.mark.parametrize("study", ["quick", "claims-2026-11", "schedules-2026-11"])
def test_committed_studies_are_read_with_them(study: str) -> None:
    written = pd.read_parquet(ROOT / "results" / study / "runs.parquet")
    loaded = results.load(study, ROOT / "results").runs
    pd.testing.assert_frame_equal(loaded[written.columns.tolist()], written)
    if "stability/kl_path" not in written:
        return
    np.testing.assert_allclose(np.exp(loaded["stability/log_kl_path"]), written["stability/kl_path"])
    for name in map(name_of, LEVELS):
        early = written[f"probe/steps_to_{name}"] <= written["early_steps"]
        early = early.fillna(False).astype(bool) & written[f"stability/kl_path_to_{name}"].notna()
        assert early.any() or name != "0.25_below"
        assert (loaded[f"stability/log_kl_path_to_{name}"].notna() == early).all()
