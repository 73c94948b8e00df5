"""How a run's directory is written: configuration first, then metrics, and `summary.json` last and in one piece.

So a run that was killed at any moment has no summary and is trained again.
"""

import shutil
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from warmuplab.base.files import replace_atomically, write_json, write_text
from warmuplab.config.mapping import to_mapping
from warmuplab.record.run import Run


def begin(run: Run) -> None:
    """Make the directory ready for a training that starts now; an earlier attempt is removed, its summary first."""
    (run.directory / "summary.json").unlink(missing_ok=True)
    if run.directory.exists():
        shutil.rmtree(run.directory)
    write_text(run.directory / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(to_mapping(run.config))))


def finish(run: Run, metrics: pd.DataFrame, summary: dict[str, Any], layers: pd.DataFrame | None = None) -> None:
    """Write the result of a run: its metrics (a row per step), those of its layers if measured, then its summary."""
    for name, table in (("metrics", metrics), ("layers", layers)):
        if table is not None:
            with replace_atomically(run.directory / f"{name}.parquet") as temporary:
                table.to_parquet(temporary, index=False)
    write_json(run.directory / "summary.json", {"run_id": run.run_id} | summary)


def fail(run: Run, error: str, trace: str | None = None) -> None:
    """Record that a run failed: one line in its summary, the traceback in `error.txt`."""
    if trace is not None:
        write_text(run.directory / "error.txt", trace)
    summary = {
        "run_id": run.run_id,
        "study": run.config.study,
        "seed": run.config.seed,
        "status": "failed",
        "error": error,
    }
    write_json(run.directory / "summary.json", summary)
