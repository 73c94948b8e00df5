"""The pilot as it would be collected, of runs that were never trained: every run of its file, with invented values."""

import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from support.study_runs import configs_of, runs_by_grid
from support.synthetic_study import FACTS
from warmuplab.base.files import write_json
from warmuplab.config.keys import WHERE_IT_LIES, is_among
from warmuplab.config.mapping import to_mapping
from warmuplab.config.overrides import flat
from warmuplab.record.directory import RunDirectory
from warmuplab.series.levels import LEVELS, name_of
from warmuplab.study import collect, manifest
from warmuplab.study.results import CURVES, MANIFEST, RUNS

ENTROPY = 5.46
CLIFF = {"post": 8e-3, "pre": 2.26e-2}  # without warmup; with it one doubling higher


@cache
def directories() -> tuple[RunDirectory, ...]:
    """A record of every run of the pilot."""
    found = []
    for run in (run for grid in runs_by_grid("pilot") for run in grid):
        told = flat(to_mapping(run.config))
        config = {key: value for key, value in told.items() if not is_among(key, WHERE_IT_LIES)}
        summary = {"run_id": run.run_id, "status": "finished", "early_steps": 80, "values": _values(config)}
        summary |= {"trained": summary["values"]["val/loss"] < ENTROPY - 0.2, "population": {"name": "p"}}
        timings = {"started": "2026-11-26T06:00:00+00:00", "seconds": 30.0}
        facts = FACTS | {"corpus": FACTS["corpus"] | {"unigram_entropy": ENTROPY, "name": config["data.name"]}}
        found.append(RunDirectory(Path(run.run_id), summary | {"timings": timings} | facts, config))
    assert len(found) == len(configs_of("pilot"))
    return tuple(found)


@cache
def _tables() -> tuple[pd.DataFrame, dict[str, Any]]:
    records = directories()
    varying = collect.varying_keys(record.config for record in records)
    runs = collect.runs_table(records, varying)
    return runs, manifest.describe("pilot", records, runs, varying, {})


def write(results: Path, leave_out: int = 0) -> Path:
    """Write `results/pilot` of all records, or of all but some that are drawn; the folder."""
    folder = results / "pilot"
    folder.mkdir(parents=True, exist_ok=True)
    runs, told = _tables()
    gone = random.Random(0).sample(range(len(runs)), leave_out)
    runs.drop(index=gone).reset_index(drop=True).to_parquet(folder / RUNS)
    pd.DataFrame({"run_id": ["none"], "metric": ["lr"], "step": [0], "value": [0.0]}).to_parquet(folder / CURVES)
    write_json(folder / MANIFEST, told)
    return folder


def _values(config: dict[str, Any]) -> dict[str, float]:
    """Invented, but the same for the same run; a run beyond its cliff is stuck, and warmup moves the cliff."""
    drawn = random.Random(repr(sorted(config.items())))
    warm = bool(config["schedule.warmup.fraction"] or config["schedule.warmup.steps"])
    rate = config["schedule.peak_lr"] or 8e-3
    sgd = config["optimizer.name"] == "sgd"
    cliff = (0.8 if sgd else CLIFF[config["model.norm"]]) * (2 if warm else 1)
    if config["data.name"] == "jupyterlab":
        cliff = 4e-2
    stuck = rate > cliff * 1.01
    best = cliff / 2
    loss = 3.0 + 0.2 * math.log2(rate / best) ** 2 - 0.1 * warm + drawn.gauss(0, 0.02)
    loss += 1.2 * (config["training.steps"] == 200) - 0.5 * (config["training.steps"] == 3200)
    steps = config["training.steps"]
    values = {"val/loss": ENTROPY if stuck else loss, "ramp/jitter_lr": best * drawn.uniform(0.7, 1.4)}
    values |= {"spike/max_rise": drawn.uniform(0.5, 1) * (1 if warm else 5), "spike/lost": drawn.uniform(5, 9)}
    for name in ("curvature/preconditioned_sharpness_mean", "curvature/preconditioned_edge_first"):
        values[name] = drawn.uniform(1, 2)
    for level in LEVELS:
        at = 60 * level * (1 + 0.3 * warm) * drawn.uniform(0.9, 1.1) * (steps / 400) ** 0.5
        there = not stuck and level <= ENTROPY - loss and at < steps
        name = name_of(level)
        values |= {f"probe/steps_to_{name}": at if there else steps, f"probe/reached_{name}": float(there)}
        for measure in ("stability/log_kl_path_to", "overfit/gap_sum_to", "overfit/memorisation_at"):
            if there:
                values[f"{measure}_{name}"] = drawn.gauss(1 - 0.3 * warm, 0.1)
        for stack in ("encoder", "decoder"):
            if there:
                values[f"stability/{stack}_log_drift_last_minus_first_at_{name}"] = drawn.gauss(0.2, 0.05)
    return values
