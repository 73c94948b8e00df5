"""What the page of a study shows, as plain data: roles and values of every run, series, spikes, layers, claims."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from warmuplab.base.files import read_json
from warmuplab.base.words import MISSING, listed
from warmuplab.config import rerun
from warmuplab.dashboard import labels
from warmuplab.dashboard.sample import sampled
from warmuplab.dashboard.series import Packer, kept_of
from warmuplab.figures import style
from warmuplab.record.directory import LOSS, PROBE_LOSS
from warmuplab.record.environment import describe_hardware
from warmuplab.study import roles
from warmuplab.study.frozen import frozen
from warmuplab.study.results import EPISODES, LAYER_COLUMNS, LAYERS, MEMBER, SPIKE_COLUMNS, SPIKES, Study, read_table
from warmuplab.study.roles import Arms

CLAIMS = "claims.json"
RISES = {PROBE_LOSS: "episodes", LOSS: "spikes"}  # what is marked on a series

# The palette on a dark ground: the same hues, light enough to be told from it and from each other.
DARK = {style.BLUE: "#3D97D3", style.VERMILION: "#F0793A", style.GREEN: "#2BBF94", style.SKY: "#9AD4F7"}
DARK |= {style.BLACK: "#E8EAED", style.ORANGE: "#F0B23E", style.PURPLE: "#DB9ABD"}

Plain = dict[str, Any]


def assemble(study: Study) -> tuple[Plain, str]:
    """The data of the page, ready for JSON, and the blob that its series are read from."""
    arms = roles.arrange(study)
    study, said = sampled(study, arms)
    layers = _layers(study)
    metrics = [str(name) for name in study.curves["metric"].unique()]
    packer = Packer(kept_of(_lengths(study.curves, layers)))
    values = labels.summary_values(study.runs)
    runs = _runs(study, arms, list(values))
    place = {run["id"]: i for i, run in enumerate(runs)}
    data: Plain = {
        "study": study.name,
        "facts": [*([said] if said else []), *facts(study)],
        "command": study.manifest.get("command"),
        "roles": {"setting": arms.settings, "rate": arms.rates, "warmup": arms.warmups},
        "facets": _facets(runs),
        "runs": runs,
        "values": values,
        "configuration": study.manifest.get("configuration") or {},
        "metrics": {name: labels.metric(name) for name in labels.ordered(metrics)},
        "series": _series(study, packer, place, runs),
        "layers": None if layers is None else _packed_layers(layers, packer, place),
        "unigram_entropy": _plain(study.runs["unigram_entropy"].max()),
        "claims": _claims(study),
        "palette": {"light": list(style.PALETTE), "dark": [DARK[colour] for colour in style.PALETTE]},
    }
    data["points"] = packer.count
    return data, packer.blob()


def facts(study: Study) -> list[str]:
    """What was trained, where and at what size, in a few short phrases; that it is frozen, where it is, comes first."""
    manifest = study.manifest
    found = [said] if (said := frozen(study.folder)) else []
    if manifest.get("corpora"):
        corpora = (f"{corpus['name']} ({corpus['sentences']:,} pairs)" for corpus in manifest["corpora"])
        found.append(listed(dict.fromkeys(corpora)))  # runs of another batch size count its epochs otherwise
    if manifest.get("weights"):
        found.append(f"{listed(f'{weights:,}' for weights in manifest['weights'])} weights")
    if manifest.get("steps"):
        found.append(f"{listed(f'{steps:,}' for steps in manifest['steps'])} steps")
    if manifest.get("hardware"):
        found.append(listed(dict.fromkeys(map(describe_hardware, manifest["hardware"]))))
    commits = manifest.get("commits") or []
    if len(commits) == 1:
        found.append(f"commit {str(commits[0]['commit'])[:7]}{' (modified)' if commits[0]['dirty'] else ''}")
    elif commits:
        found.append(f"{len(commits)} states of the code")
    return found


def _runs(study: Study, arms: Arms, values: list[str]) -> list[Plain]:
    """A member per run, in the order of the roles; those that failed before they left a configuration come last."""
    shared = study.manifest.get("configuration") or {}
    varying = [str(key) for key in study.manifest.get("varying") or {} if key in study.runs]
    placed = arms.runs.set_index("run_id")[["setting", "rate", "warmup", "loss", "outcome"]].to_dict("index")
    rises = {kind: _rises(study, table) for kind, table in (("episodes", EPISODES), ("spikes", SPIKES))}
    runs = []
    for row in study.runs.to_dict("records"):
        own = {key: _plain(row[key]) for key in varying}
        config = shared | own
        arm = placed.get(row["run_id"]) or {}
        known = bool(arm)
        runs.append(
            {
                "id": str(row["run_id"]),
                "seed": _plain(row["seed"]),
                "norm": labels.norm(config) if known else MISSING,
                "schedule": str(config.get("schedule.decay.name", MISSING)) if known else MISSING,
                "setting": arm.get("setting", MISSING),
                "rate": (arm.get("rate") or labels.rate(config)) if known else MISSING,
                "warmup": (arm.get("warmup") or labels.warmup(config)) if known else MISSING,
                "roles": [arm.get(role) for role in ("setting", "rate", "warmup")],
                "outcome": str(arm.get("outcome", row["status"])),
                "values": [_rounded(arm.get("loss") if name == "loss" else row[name]) for name in values],
                "config": own,
                "command": rerun.run_command(config) if known else None,
                "retrain": rerun.retrain_command(study.name, str(row["run_id"])) if _has_place(row) else None,
                "facts": {name: _plain(row[name]) for name in labels.FACTS if name in row},
                **{kind: of_run.get(str(row["run_id"]), []) for kind, of_run in rises.items()},
            }
        )
    order = {role: {label: i for i, label in enumerate(getattr(arms, role + "s"))} for role in _ROLES}
    return sorted(runs, key=lambda run: _order(run, order))


def _has_place(row: Mapping[Any, Any]) -> bool:
    """Whether the table says where in its population a run was trained."""
    return _plain(row.get(MEMBER)) is not None


_ROLES = ("setting", "rate", "warmup")


def _order(run: Plain, order: Mapping[str, Mapping[str, int]]) -> list[float]:
    places = [order[role].get(label, math.inf) for role, label in zip(_ROLES, run["roles"], strict=True)]
    return [*places, run["seed"] if run["seed"] is not None else math.inf]


def _facets(runs: list[Plain]) -> list[Plain]:
    """What runs are filtered by, with the values in order; the setting only where it says more than the others."""
    facets = []
    for key, title in labels.FACETS.items():
        values = dict.fromkeys(run[key] for run in runs)
        if key == "setting" and any(
            len({(run["setting"], run[other]) for run in runs}) <= len({run[other] for run in runs})
            for other in ("norm", "schedule")
        ):
            continue
        ordered = sorted(values, key=lambda value: labels.facet_order(key, value))
        facets.append({"key": key, "title": title, "values": ordered})
    return facets


def _series(study: Study, packer: Packer, place: Mapping[str, int], runs: list[Plain]) -> dict[str, dict[int, Any]]:
    """Where each series lies in the blob, by metric and place of the run. Peaks of spikes are always kept."""
    found: dict[str, dict[int, Any]] = {}
    for (metric, run_id), steps, values in _each_series(study.curves, ["metric", "run_id"]):
        if run_id in place:
            rises = runs[place[run_id]][RISES[metric]] if metric in RISES else []
            tips = [rise[1] + near for rise in rises for near in (-1, 0, 1)]
            entry = packer.add(steps, values, tips)
            if entry is not None:
                found.setdefault(metric, {})[place[run_id]] = entry
    return found


def _each_series(
    table: pd.DataFrame, keys: list[str]
) -> Iterator[tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float64]]]:
    """Per series, in the order in which they begin in `table`: the values of `keys`, its steps in order, its values.

    The whole table is sorted once: to sort each of some ten thousand parts takes pandas minutes.
    """
    table = table.dropna(subset=keys)
    number = table.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
    order = np.lexsort((table["step"].to_numpy(), number))
    begins = np.flatnonzero(np.diff(number[order], prepend=-1))
    names = zip(*(table[key].iloc[order[begins]].astype(str) for key in keys), strict=True)
    steps, values = (np.split(table[name].to_numpy()[order], begins[1:]) for name in ("step", "value"))
    yield from zip(names, steps, values, strict=False)  # of an empty table, `split` makes one empty part


def _rises(study: Study, table: str) -> dict[str, list[list[float]]]:
    """Per run the `[start, peak, end, height, loss at the peak]` of every row of `table`, as collected."""
    path = study.folder / table
    found: dict[str, list[list[float]]] = {}
    for row in read_table(study.name, path, SPIKE_COLUMNS).to_dict("records") if path.exists() else []:
        rise = [_rounded(row.get(name)) for name in ("start", "peak", "end", "height", "loss")]
        found.setdefault(str(row["run_id"]), []).append(rise)
    return found


def _layers(study: Study) -> pd.DataFrame | None:
    """A row per run, stack, layer, metric and step; None where the study has no such file."""
    path = study.folder / LAYERS
    if not path.exists():
        return None
    table = read_table(study.name, path, LAYER_COLUMNS)
    table = table[table["run_id"].isin(study.runs["run_id"])]
    keys = [name for name in ("run_id", "stack", "layer", "step") if name in table]
    if "metric" not in table:  # a column per metric
        table = table.melt(keys, var_name="metric", value_name="value")
    if "stack" not in table:
        table["stack"] = ""
    return table.dropna(subset=["value"])


def _lengths(curves: pd.DataFrame, layers: pd.DataFrame | None) -> list[int]:
    """How many measurements each series has."""
    found = curves.groupby(["run_id", "metric"], observed=True).size().tolist()
    if layers is not None:
        found += layers.groupby(_LAYER_KEYS, observed=True).size().tolist()
    return found


_LAYER_KEYS = ["metric", "run_id", "stack", "layer"]


def _packed_layers(layers: pd.DataFrame, packer: Packer, place: Mapping[str, int]) -> Plain:
    """The names of layers from the first to the last of each stack, and where their series lie."""
    pairs = layers[["stack", "layer"]].drop_duplicates()
    ordered = sorted(pairs.itertuples(index=False), key=lambda pair: (str(pair.stack) != "encoder", *pair))
    names = {(str(pair.stack), str(pair.layer)): f"{pair.stack} {pair.layer}".strip() for pair in ordered}
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for (metric, run_id, stack, layer), steps, values in _each_series(layers, _LAYER_KEYS):
        entry = packer.add(steps, values)
        if entry is not None and run_id in place:
            found.setdefault(metric, {}).setdefault(place[run_id], {})[names[stack, layer]] = entry
    metrics = {name: labels.metric(name) for name in labels.ordered(found)}
    return {"names": list(names.values()), "series": found, "metrics": metrics}


def _claims(study: Study) -> list[Plain]:
    """The claims with the verdicts that were found, as `claims.json` lists them."""
    content = read_json(study.folder / CLAIMS)
    claims = content.get("claims") if isinstance(content, dict) else None
    return [claim for claim in claims if isinstance(claim, dict)] if isinstance(claims, list) else []


def _plain(value: Any) -> Any:
    """A cell as JSON has it: null for everything that is missing or not finite."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _rounded(value: Any) -> Any:
    """Something measured: seven digits are as many as were measured, and half the bytes."""
    plain = _plain(value)
    return float(f"{plain:.7g}") if isinstance(plain, float) else plain
