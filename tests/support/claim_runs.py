"""Made-up runs of the arms of claims, with known losses and series: what figures of claims are tested with."""

import json
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from warmuplab.claims.arm import Arm, Not
from warmuplab.claims.evidence import Evidence
from warmuplab.study.results import LAYERS, SPIKES, Study

ENTROPY = 5.5
SEEDS = (0, 1, 2, 3)
BASE = {"model.width": 32, "training.batch_size": 16}  # where an arm says only what it is not
PAST = 17  # steps between measurements of a synthetic series


def configured(arm: Arm, seed: int, rate: float | None) -> dict[str, Any]:
    """The configuration of a run, as the columns of `runs.parquet`."""
    keys = {key: BASE[key] if isinstance(value, Not) else value for key, value in arm.where.items()}
    if arm.where["schedule.decay.name"] == "piecewise":
        return keys | {"seed": seed, "schedule.decay.values": json.dumps([rate, (rate or 0) / 2])}
    return keys | {"seed": seed, "schedule.peak_lr": rate}


def final_loss(run: dict[str, Any]) -> float:
    """Best at a rate of 8e-3, better with warmup, and stuck without it at the largest rate."""
    rate, warm = run.get("schedule.peak_lr") or 4e-3, run.get("schedule.warmup.fraction") or 0.0
    if rate > 3e-2 and not warm:
        return ENTROPY + 0.1
    return 3.0 + 0.5 * abs(math.log2(rate / 8e-3)) - warm + 0.04 * run["seed"]


def series_of(run: dict[str, Any]) -> dict[str, Any]:
    """Steps and every metric at them; the loss falls evenly to the final one."""
    length = int(run["training.steps"])
    steps = np.unique([*range(0, length, max(1, length // PAST)), length - 1])
    progress = steps / (length - 1)
    loss = 7.0 + (final_loss(run) - 7.0) * progress
    lr = (run.get("schedule.peak_lr") or 4e-3) * np.minimum(1.0, 2 * (1 - progress))
    sharp = 1e4 * (1 + run["seed"]) * np.exp(-2 * progress)
    metrics = {
        "train/loss": loss,
        "probe/loss": loss,
        "lr": lr,
        "overfit/memorisation": -0.1 * progress * (1 + run["seed"]),
        "stability/kl": np.full(len(steps), 0.01 * (1 + run["seed"])),
        "curvature/preconditioned_sharpness": sharp,
        "curvature/preconditioned_edge": sharp * lr / 38,
    }
    return {"step": steps} | metrics


def studies(
    folder: Path,
    arms: Sequence[Arm],
    seeds: Sequence[int] = SEEDS,
    losses: Callable[[dict[str, Any]], float] | None = None,
) -> Evidence:
    """Evidence of the runs of some arms, with spikes and layers on disk as a study has them.

    `losses` gives the final loss of a configuration; without, `final_loss` does.
    """
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for arm in arms:
        for seed in (seed for seed in arm.seeds if seed in seeds):
            for rate in arm.rates or (None,):
                run = configured(arm, seed, rate)
                name = f"{zlib.crc32(json.dumps(run, sort_keys=True).encode()):08x}"
                made.setdefault(arm.study, {})[name] = run
    return Evidence({study: _study(study, folder / study, runs, losses or final_loss) for study, runs in made.items()})


def _study(
    name: str, folder: Path, made: dict[str, dict[str, Any]], losses: Callable[[dict[str, Any]], float]
) -> Study:
    rows, curves, spikes, layers = [], [], [], []
    for run_id, run in made.items():
        loss = losses(run)
        values = {
            "val/loss": loss,
            "test/loss": loss,
            "train/loss": loss - 0.1,
            "spike/max_rise": 1.0 + run["seed"],
            "trained": loss < ENTROPY - 0.2,
            "unigram_entropy": ENTROPY,
            "early_steps": 40,
        }
        levels = {
            "probe/steps_to_1.5_below": 300.0 + 10 * run["seed"],
            "probe/reached_1.5_below": 1.0,
            "ramp/jitter_lr": 2e-2 * 1.1 ** run["seed"],
        }
        rows.append({"run_id": run_id, "status": "finished", "commit": "1234567"} | run | values | levels)
        measured = series_of(run)
        for metric in (metric for metric in measured if metric != "step"):
            columns = {"step": measured["step"], "value": measured[metric]}
            curves.append(pd.DataFrame({"run_id": run_id, "metric": metric} | columns))
        height = 1.0 + 0.1 * run["seed"] + (run.get("schedule.peak_lr") or 0.0)
        spikes.append({"run_id": run_id, "start": 4, "peak": 5, "end": 9, "height": height, "loss": 8.0})
        for stack in ("encoder", "decoder"):
            for layer in range(4):
                for step in (0, 10, 30, 90):
                    drift = math.nan if step == 0 else 5.0 if step == 90 else 0.1 * layer + 0.02 * run["seed"]
                    row = {"run_id": run_id, "stack": stack, "layer": layer, "step": step}
                    layers.append(row | {"stability/cka_drift": drift})
    folder.mkdir(parents=True)
    pd.DataFrame(spikes).to_parquet(folder / SPIKES)
    pd.DataFrame(layers).to_parquet(folder / LAYERS)
    runs = pd.DataFrame(rows)
    varying: dict[str, list[Any]] = {key: [] for key in runs if "." in key and not key.startswith(("probe", "ramp"))}
    commits = [{"commit": "1234567890", "dirty": False}]
    manifest = {"configuration": {}, "varying": {"seed": []} | varying, "commits": commits}
    return Study(name, folder, runs, pd.concat(curves, ignore_index=True), manifest)
