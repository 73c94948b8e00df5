"""Tables are written smaller, and read back as they were."""

from pathlib import Path

import numpy as np
import pandas as pd

from support.composing import ROOT
from warmuplab.study.compact import write_compactly


def test_every_value_and_kind_comes_back(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "run_id": pd.Series(["a", "b", "a", None], dtype="category"),
            "error": pd.Series([None, "x", None, "y"], dtype="str"),
            "step": np.array([0, 1, -5, 2**30], dtype="int32"),
            "layer": np.array([0, 1, 2, 3], dtype="int16"),
            "value": [0.1, np.nan, -np.inf, 5e-324],
            "weights": pd.Series([1, None, 3, 2**40], dtype="Int64"),
            "trained": pd.Series([True, None, False, True], dtype="boolean"),
            "dirty": [True, False, True, False],
        }
    )
    write_compactly(table, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)


def test_committed_curves_are_smaller_than_pandas_makes_them_and_the_same(tmp_path: Path) -> None:
    committed = ROOT / "results" / "quick" / "curves.parquet"
    curves = pd.read_parquet(committed)
    curves.to_parquet(tmp_path / "plain.parquet", compression="zstd", index=False)
    write_compactly(curves, tmp_path / "curves.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "curves.parquet"), curves)
    plain = (tmp_path / "plain.parquet").stat().st_size
    assert (tmp_path / "curves.parquet").stat().st_size < 0.75 * plain
    assert committed.stat().st_size < 0.75 * plain
