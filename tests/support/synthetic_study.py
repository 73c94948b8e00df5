"""Run directories as a training leaves them, without training."""

import copy
import zlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from support.composing import composed
from warmuplab.config.mapping import to_mapping
from warmuplab.config.overrides import flat
from warmuplab.config.schema import RunConfig
from warmuplab.record import summary as summaries
from warmuplab.record import writing
from warmuplab.record.identity import identify
from warmuplab.record.run import Run
from warmuplab.series.spikes import find_spikes

ENTROPY = 6.0
FACTS: dict[str, Any] = {
    "corpus": {
        "name": "jupyterlab",
        "licence": "BSD-3-Clause",
        "revision": None,
        "fingerprint": "0123456789abcdef",
        "test_fingerprint": "fedcba9876543210",
        "unigram_entropy": ENTROPY,
        "sentences": 2808,
        "vocabulary_size": 2000,
        "steps_per_epoch": 43,
    },
    "weights": 594944,
    "commit": "1234567890abcdef1234567890abcdef12345678",
    "dirty": False,
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "hardware": {"device": "cpu", "cpu": "Test Processor", "cores": 2, "threads": 1},
}


@cache
def _base() -> RunConfig:
    return composed()


def configured(outputs: Path, study: str, overrides: dict[str, Any]) -> Run:
    """A run with the default configuration but for `overrides`, by dotted keys."""
    config = copy.deepcopy(_base())
    config.outputs, config.study = str(outputs), study
    for key, value in overrides.items():
        node: Any = config
        *path, last = key.split(".")
        for name in path:
            node = node[name] if isinstance(node, dict) else getattr(node, name)
        if isinstance(node, dict):
            node[last] = value
        else:
            setattr(node, last, value)
    return identify(config, FACTS["corpus"]["fingerprint"])


def metrics_of(run: Run, outcome: str, probes: bool = True) -> pd.DataFrame:
    """Invented but reproducible series that end as `outcome` says."""
    steps = run.config.training.steps
    random = np.random.default_rng(zlib.crc32(run.run_id.encode()))
    end = {"trained": random.uniform(2, 5), "stuck": random.uniform(5.9, 6.2), "diverged": 7.0}[outcome]
    loss = np.linspace(8, end, steps) + random.normal(0, 0.05, steps)
    table = pd.DataFrame({"step": np.arange(steps), "lr": np.full(steps, run.config.schedule.peak_lr or 1e-3)})
    table["train/loss"] = loss.astype("float32")
    table["grad/norm"] = random.uniform(0.1, 2, steps).astype("float32")
    table["update/relative"] = random.uniform(0.001, 0.1, steps).astype("float32")
    if probes:
        for name in ("overfit/self_drop", "overfit/held_drop", "overfit/gap"):
            table[name] = random.normal(0.1, 0.05, steps).astype("float32")
        table["probe/loss"] = (loss + 0.1).astype("float32")
        table["stability/kl"] = random.lognormal(-4, 1, steps).astype("float32")
        remembered = np.arange(steps) % 4 == 0
        table["overfit/unseen_loss"] = np.where(remembered, loss, np.nan).astype("float32")
        table["overfit/memorisation"] = np.where(remembered, random.normal(-0.1, 0.05, steps), np.nan).astype("float32")
    table["val/loss"] = np.where(np.arange(steps) == steps - 1, end, np.nan).astype("float32")
    if outcome == "diverged":
        table.loc[steps // 2 :, [name for name in table if name not in ("step", "lr")]] = np.nan
    return table


def layers_of(run: Run) -> pd.DataFrame:
    """Invented metrics of the layers at a few steps; the first has nothing to compare with."""
    random = np.random.default_rng(zlib.crc32(run.run_id.encode()))
    steps = np.unique(np.geomspace(1, run.config.training.steps, 5).astype(int) - 1)
    where = [(step, stack, layer) for step in steps for stack in ("encoder", "decoder") for layer in range(2)]
    table = pd.DataFrame(where, columns=["step", "stack", "layer"])
    for name in ("cka_drift", "weight_change", "grad_norm", "update_to_weight", "attention_logit"):
        table[f"stability/{name}"] = random.uniform(0.01, 1, len(table)).astype("float32")
    table.loc[table["step"] == 0, ["stability/cka_drift", "stability/weight_change"]] = np.nan
    return table


def leave(
    outputs: Path,
    outcome: str = "trained",
    study: str = "tiny",
    probes: bool = True,
    facts: Any = None,
    **overrides: Any,
) -> Run:
    """Write the directory of a run that ended as `outcome` says; dots of a key are written as two underscores."""
    defaults = {"seed": 0, "training.steps": 20}
    run = configured(outputs, study, defaults | {key.replace("__", "."): value for key, value in overrides.items()})
    writing.begin(run)
    if outcome == "failed":
        writing.fail(run, "RuntimeError: <b>boom</b> | with `ticks`\nand a second line", "Traceback ...")
        return run
    table = summaries.with_derived(metrics_of(run, outcome, probes))
    steps = len(table)
    summary = summaries.summarise(
        table,
        max(1, steps // 5),
        steps // 2 if outcome == "diverged" else None,
        ENTROPY,
        steps_per_epoch=FACTS["corpus"]["steps_per_epoch"],
    )
    population = {"name": run.config.model.norm, "members": [run.run_id]}
    timings = {"started": "2026-11-22T20:00:00+00:00", "seconds": 30.0, "seconds_per_member_step": 0.01}
    if run.config.model.norm == "pre":
        timings["started"] = "2026-11-22T20:01:00+00:00"
    writing.finish(
        run,
        table,
        {"study": study, "seed": run.config.seed}
        | summary
        | {"population": population, "timings": timings}
        | FACTS
        | (facts or {}),
        layers_of(run) if probes else None,
    )
    return run


def replace_metrics(run: Run, metrics: pd.DataFrame) -> None:
    """Record other metrics of a run that was left, with the spikes that these have."""
    summary = dict(run.summary or {})
    summary["spikes"] = [asdict(spike) for spike in find_spikes(metrics["train/loss"])]
    writing.finish(run, metrics, summary)


def small_study(outputs: Path, study: str = "tiny") -> list[Run]:
    """Two normalisations, two rates, two warmups, two seeds; every outcome occurs."""
    runs = []
    for norm in ("post", "pre"):
        for rate in (1e-3, 1.6e-2):
            for fraction in (0.0, 0.1):
                for seed in (0, 1):
                    high = rate > 1e-2
                    outcome = "trained"
                    if norm == "post" and high:
                        outcome = "diverged" if fraction == 0 and seed else "stuck"
                    if norm == "pre" and high and fraction == 0 and seed:
                        outcome = "failed"
                    keys = {"model__norm": norm, "schedule__peak_lr": rate, "schedule__warmup__fraction": fraction}
                    runs.append(leave(outputs, outcome, study, seed=seed, **keys))
    return runs


def keys_of(config: RunConfig) -> dict[str, Any]:
    """The configuration by dotted keys."""
    return flat(to_mapping(config))
