"""Tiny runs that were really trained and kept their weights."""

from pathlib import Path

from support.composing import QUICK, composed
from warmuplab import worker
from warmuplab.record.run import Run


def trained(outputs: Path, corpus: Path, *overrides: str) -> Run:
    """The finished run of `QUICK` and these overrides on the line-aligned files in `corpus`."""
    shared = (*QUICK, "hardware=cpu", "probes=none", "data=multi30k", f"data.path={corpus}", f"outputs={outputs}")
    run = worker.prepare(composed(*shared, "keep_weights=true", *overrides))
    worker.train_population([run], run.run_id, lambda _: None)
    return run
