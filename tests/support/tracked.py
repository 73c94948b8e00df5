"""Invented records of runs to publish, and what W&B holds of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from support.composing import QUICK, composed
from support.wandb_reader import entries_of
from warmuplab.record import writing
from warmuplab.record.run import Run

STEPS = 7


def series(seed: int = 0) -> pd.DataFrame:
    """Invented metrics with gaps, numbers of all sizes and a column that is null throughout."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame({"step": np.arange(STEPS), "lr": np.linspace(0, 4e-3, STEPS)})
    table["train/loss"] = generator.normal(5, 1, STEPS).astype(np.float32)
    table["grad/norm"] = (10.0 ** generator.uniform(-12, 12, STEPS)).astype(np.float32)
    table["val/loss"] = [None, None, 6.25, None, None, 6.5, None]
    table["overfit/gap"] = np.full(STEPS, np.nan)
    return table.astype({"val/loss": float})


def summary(started: str = "2026-11-01T10:00:00+00:00") -> dict[str, Any]:
    values = {"train/loss": 5.125, "val/loss": None, "val/loss_min": 6.25, "spike/count": 2, "overfit/gap_sum": None}
    return {
        "study": "single",
        "seed": 0,
        "status": "diverged",
        "diverged_at": 6,
        "trained": False,
        "early_steps": 2,
        "values": values,
        "corpus": {"name": "jupyterlab", "fingerprint": "0123456789abcdef"},
        "timings": {"started": started, "seconds": 1.5},
        "commit": "c0ffee",
        "dirty": False,
        "hardware": {"device": "cpu", "cpu": "some processor"},
    }


def begun(folder: Path, *overrides: str, name: str = "some-run") -> Run:
    run = Run(composed(*QUICK, "tracker=wandb", f"outputs={folder}", *overrides), name)
    writing.begin(run)
    return run


def recorded(folder: Path, *overrides: str, name: str = "some-run") -> Run:
    run = begun(folder, *overrides, name=name)
    writing.finish(run, series(), summary())
    return run


def logged(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """What W&B's file in a run directory holds, by kind of entry."""
    return entries_of(directory / "wandb")


def measured(table: pd.DataFrame) -> list[dict[str, float]]:
    """The rows of a table without their nulls."""
    return [{name: value for name, value in row.items() if pd.notna(value)} for row in table.to_dict("records")]


def own(row: dict[str, Any]) -> dict[str, Any]:
    """A row or summary without what W&B adds."""
    return {name: value for name, value in row.items() if not name.startswith("_")}


def merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was logged in several rows of one step, together."""
    together: dict[int, dict[str, Any]] = {}
    for row in rows:
        assert not together.get(row["step"], {}).keys() & own(row).keys() - {"step"}, "a value came twice"
        together.setdefault(row["step"], {}).update(own(row))
    return list(together.values())
