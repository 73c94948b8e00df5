"""Collected studies to open in a browser: a small one with everything in it, a hostile one, a large one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from support.synthetic_study import ENTROPY, keys_of, leave, replace_metrics, small_study
from warmuplab.config.keys import WHERE_IT_LIES, is_among
from warmuplab.series.spikes import find_spikes
from warmuplab.series.thinning import KEPT, UNTHINNED, kept_positions
from warmuplab.study import collect
from warmuplab.study.results import Study

CLAIMS = [
    {"id": "less-overfitting", "statement": "Warmup overfits less.", "verdict": "supported", "effect": -0.21,
     "interval": [-0.3, -0.12], "unit": "nats", "seeds": 10},
    {"id": "jitter", "statement": "Warmup delays jitter.", "verdict": "not tested", "effect": None, "interval": None},
]  # fmt: skip
HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>{{data}}&lt;b&gt;\u2028\' \\'

PROBED = ("probe/loss", "overfit/gap", "overfit/self_drop", "overfit/held_drop", "stability/kl", "stability/entropy")
PROBED += ("stability/distance_uniform", "stability/distance_unigram", "stability/log_z", "stability/attention_logit")
PROBED += ("overfit/memorisation", "overfit/early_loss", "overfit/unseen_loss", "overfit/generalisation_gap")
EVERY_STEP = ("train/loss", "grad/norm", "update/relative", "stability/jitter")
LARGE_RUNS, LARGE_STEPS = 500, 2000
PLANTED = (3, 1234, 37.5)  # which run of the large study, at which step, how high


def small(folder: Path) -> Study:
    """Sixteen runs with every outcome, layers and claims."""
    small_study(folder / "outputs")
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    (study.folder / "claims.json").write_text(json.dumps({"claims": CLAIMS}))
    return study


def spiking(folder: Path) -> Study:
    """Two runs of 3,000 steps: a one-step spike planted in the first, at step 1717 to 40 nats."""
    runs = [leave(folder / "outputs", seed=seed, training__steps=3000) for seed in (0, 1)]
    metrics = pd.read_parquet(runs[0].directory / "metrics.parquet")
    metrics.loc[1717, "train/loss"] = 40.0
    replace_metrics(runs[0], metrics)
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    return study


def hostile(folder: Path) -> Study:
    """Markup wherever a study has text."""
    for seed, rate in enumerate((1e-3, 2e-3)):
        leave(folder / "outputs", seed=seed, schedule__peak_lr=rate, optimizer__name=f"{rate}")
    leave(folder / "outputs", "failed", seed=2)
    study, _ = collect.update("tiny", folder / "outputs", folder / "results")
    claim = {"id": HOSTILE, "statement": HOSTILE, "verdict": HOSTILE, "effect": HOSTILE, "interval": {HOSTILE: HOSTILE}}
    (study.folder / "claims.json").write_text(json.dumps({"claims": [claim]}))
    renamed = {run_id: HOSTILE + str(run_id) for run_id in study.runs["run_id"]}
    study.runs["run_id"] = study.runs["run_id"].map(renamed)
    study.runs["error"] = HOSTILE
    for key in ("optimizer.name", "model.norm", "schedule.decay.name"):
        study.runs[key] = HOSTILE + study.runs["seed"].astype(str)
        study.manifest["varying"][key] = list(study.runs[key])
    study.runs[HOSTILE + "/value"] = 1.0
    study.curves["run_id"] = study.curves["run_id"].astype(str).map(renamed).astype("category")
    extra = study.curves[study.curves["metric"] == "lr"].assign(metric=HOSTILE)
    curves = pd.concat([study.curves.astype({"metric": str}), extra]).astype({"metric": "category"})
    layers = pd.read_parquet(study.folder / "layers.parquet").astype({"run_id": str, "stack": str})
    layers = layers.assign(run_id=layers["run_id"].map(renamed), stack=HOSTILE).rename(
        columns={"stability/cka_drift": HOSTILE}
    )
    layers.to_parquet(study.folder / "layers.parquet")
    study.manifest["corpora"][0]["name"] = HOSTILE
    study.manifest["configuration"]["data.name"] = HOSTILE
    study.manifest["command"] = HOSTILE
    return Study(HOSTILE, study.folder, study.runs, curves, study.manifest)


def large(folder: Path, runs: int = LARGE_RUNS, steps: int = LARGE_STEPS) -> Study:
    """As collected from a sweep of this size with the default probes, in which one spike is planted."""
    base = leave(folder / "outputs")
    template, _ = collect.update("tiny", folder / "outputs", folder / "results")
    random = np.random.default_rng(0)
    rows, curves, spikes = [], [], []
    warmups, rates = (0.0, 0.05, 0.1, 0.2, 0.4), (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
    for i in range(runs):
        norm, warmup = ("post", "pre")[i % 2], warmups[i // 2 % 5]
        rate, seed = rates[i // 10 % 5], i // 50
        run_id = f"{norm}_ln-linear-w{warmup:g}-lr{rate:g}-s{seed}-{i:08x}"
        series = _long_series(random, steps, rate, warmup, i)
        found = find_spikes(series["train/loss"][1]) if i < 50 else []  # of the others it would only take time
        spikes += [(run_id, s.start, s.peak, s.end, s.height, series["train/loss"][1][s.peak], True) for s in found]
        for metric, (at, values) in series.items():
            thinned = metric == "train/loss" or len(values) <= UNTHINNED
            kept = kept_positions(values) if thinned else np.sort(random.choice(len(values), KEPT, replace=False))
            curves.append((run_id, metric, at[kept], values[kept]))
        own = {"model.norm": norm, "schedule.peak_lr": rate, "schedule.warmup.fraction": warmup, "seed": seed}
        rows.append({"run_id": run_id, "status": "finished", **own})
    table = template.runs.iloc[[0] * runs].reset_index(drop=True).drop(columns=["run_id", "status", "seed"])
    values = [name for name in table if "/" in name]
    table[values] = random.uniform(0, 5, (runs, len(values)))
    (template.folder / "layers.parquet").unlink()
    _long_layers(random, [row["run_id"] for row in rows]).to_parquet(template.folder / "layers.parquet")
    names = ["run_id", "start", "peak", "end", "height", "loss", "recovered"]
    pd.DataFrame(spikes, columns=names).to_parquet(template.folder / "spikes.parquet")
    manifest = template.manifest | {
        "varying": {key: sorted({row[key] for row in rows}) for key in rows[0] if key not in ("run_id", "status")},
        "steps": [steps],
        "configuration": {key: value for key, value in keys_of(base.config).items() if not is_among(key, WHERE_IT_LIES)}
        | {"training.steps": steps},
    }
    return Study("large", template.folder, pd.concat([pd.DataFrame(rows), table], axis=1), _curves(curves), manifest)


def _curves(parts: list[tuple[str, str, np.ndarray, np.ndarray]]) -> pd.DataFrame:
    counts = [len(at) for _, _, at, _ in parts]
    run_ids, metrics = (pd.Categorical([part[column] for part in parts]) for column in (0, 1))
    return pd.DataFrame(
        {
            "run_id": run_ids.take(np.repeat(np.arange(len(parts)), counts)),
            "metric": metrics.take(np.repeat(np.arange(len(parts)), counts)),
            "step": np.concatenate([part[2] for part in parts]).astype("int32"),
            "value": np.concatenate([part[3] for part in parts]),
        }
    )


def _long_series(
    random: np.random.Generator, steps: int, rate: float, warmup: float, place: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    every = np.arange(steps)
    probed = np.unique(np.concatenate([every[: steps // 5], every[::16], [steps - 1]]))
    ramp = np.minimum(1.0, every / max(1.0, warmup * steps))
    series = {"lr": (every, rate * ramp * (1 - every / steps))}
    trend = ENTROPY - 3 * rate**0.1 + 3 * np.exp(-every / 150)
    for name in (*EVERY_STEP, *PROBED):
        at = every if name in EVERY_STEP else probed
        values = trend[at] * np.exp(random.normal(0, 0.06, len(at)))
        series[name] = (at, values.astype("float32").astype(float))
    if place == PLANTED[0]:
        series["train/loss"][1][PLANTED[1]] = PLANTED[2]
    validated = every[49::50]
    series["val/loss"] = (validated, trend[validated])
    return series


def _long_layers(random: np.random.Generator, run_ids: list[str]) -> pd.DataFrame:
    where = [(step, stack, layer) for step in np.unique(np.geomspace(1, LARGE_STEPS, 13).astype(int) - 1)
             for stack in ("encoder", "decoder") for layer in range(4)]  # fmt: skip
    table = pd.DataFrame(where * len(run_ids), columns=["step", "stack", "layer"])
    table["run_id"] = np.repeat(run_ids, len(where))
    for name in ("cka_drift", "weight_change", "grad_norm", "update_to_weight", "attention_logit"):
        table[f"stability/{name}"] = random.uniform(1e-3, 1, len(table)).astype("float32")
    return table
