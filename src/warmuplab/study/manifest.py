"""How and with what a study's runs were obtained: `manifest.json`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from warmuplab.config.rerun import sweep_command

if TYPE_CHECKING:
    from warmuplab.record.directory import RunDirectory


def describe(
    study: str,
    directories: Sequence["RunDirectory"],
    runs: pd.DataFrame,
    varying: Sequence[str],
    registered: Mapping[str, str],
) -> dict[str, Any]:
    """The manifest of collected runs.

    `command` reproduces them (null where no one command does); `configuration` holds the keys that all runs share and
    `varying` the values of the others; `hardware`, `corpora` and `commits` list what differs between runs once, with
    the number of runs; `registered` holds the hash of every registered claim that needs the runs, by id; `seconds`
    counts a population once, `wall_seconds` is from the first start to the last end.
    """
    told = [run.config for run in directories if run.config]
    configuration = {key: value for key, value in (told[0] if told else {}).items() if key not in varying}
    values = {key: _ordered(config.get(key) for config in told) for key in varying}
    summaries = [run.summary for run in directories]
    return {
        "study": study,
        "command": sweep_command(study, configuration, values),
        "runs": _count(runs),
        "steps": _values("training.steps", configuration, values),
        "weights": sorted({int(weights) for weights in runs["weights"].dropna()}),
        **_times(summaries),
        "commits": _distinct(
            {"commit": summary["commit"], "dirty": summary.get("dirty")} for summary in summaries if "commit" in summary
        ),
        "versions": _versions(summaries),
        "hardware": _distinct(summary["hardware"] for summary in summaries if "hardware" in summary),
        "corpora": _distinct(summary["corpus"] for summary in summaries if "corpus" in summary),
        **({"registered": dict(registered)} if registered else {}),
        "configuration": configuration,
        "varying": values,
    }


def _count(runs: pd.DataFrame) -> dict[str, int]:
    counted = {status: int((runs["status"] == status).sum()) for status in ("finished", "diverged", "failed")}
    stuck = (runs["status"] == "finished") & ~runs["trained"].fillna(False).astype(bool)
    return {"total": len(runs), **counted, "stuck": int(stuck.sum())}


def _times(summaries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """When training began and ended, and how long it took; a population's time is in the record of each member."""
    spans: dict[tuple[str, str], float] = {}
    for summary in summaries:
        timings = summary.get("timings") or {}
        if "started" in timings and "seconds" in timings:
            name = (summary.get("population") or {}).get("name", summary.get("run_id"))
            spans[(str(name), timings["started"])] = timings["seconds"]
    if not spans:
        return {"started": None, "ended": None, "wall_seconds": None, "seconds": None}
    starts = {span: datetime.fromisoformat(span[1]) for span in spans}
    first = min(starts.values())
    last = max(start + timedelta(seconds=spans[span]) for span, start in starts.items())
    return {
        "started": first.isoformat(timespec="seconds"),
        "ended": last.isoformat(timespec="seconds"),
        "wall_seconds": round((last - first).total_seconds()),
        "seconds": round(sum(spans.values()), 1),
    }


def _versions(summaries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each package with its version, or with all of them where runs differ."""
    found: dict[str, dict[str, None]] = {}
    for summary in summaries:
        for package, version in (summary.get("versions") or {}).items():
            found.setdefault(package, {})[version] = None
    return {package: ", ".join(sorted(versions)) for package, versions in found.items()}


def _distinct(facts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each of `facts` once, the most frequent first, with the number of `runs` it belongs to."""
    counted: dict[str, dict[str, Any]] = {}
    for fact in facts:
        entry = counted.setdefault(repr(sorted(fact.items())), {**fact, "runs": 0})
        entry["runs"] += 1
    return sorted(counted.values(), key=lambda entry: -int(entry["runs"]))


def _values(key: str, configuration: Mapping[str, Any], varying: Mapping[str, list[Any]]) -> list[Any]:
    return varying[key] if key in varying else [configuration[key]] if key in configuration else []


def _ordered(values: Iterable[Any]) -> list[Any]:
    """The distinct values, numbers by size and before text, null last."""
    distinct: dict[str, Any] = {repr(value): value for value in values}
    return sorted(distinct.values(), key=lambda value: (value is None, *_rank(value)))


def _rank(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)
