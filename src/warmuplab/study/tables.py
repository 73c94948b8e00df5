"""What the runs of a study measured step by step, as tables for `results/<study>/`: curves, rises, layers.

A study may have tens of thousands of runs: what some of them measured is held in arrays, `Measured`, which are joined
at the end. A frame of its own per series would take minutes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from warmuplab.base.errors import ConfigError
from warmuplab.record.directory import BUCKET, LOSS, PROBE_LOSS, RunDirectory, recorded_episodes, recorded_spikes
from warmuplab.record.verifying import LAYERS, METRICS, Read
from warmuplab.series.instability import Episode
from warmuplab.series.spikes import Spike
from warmuplab.series.thinning import KEPT, UNTHINNED, kept_positions

# Results are committed: the curves of a study with thousands of runs must stay a few megabytes. So many measurements
# of a study, about nine series a run, and never fewer of a series than show its shape.
MOST_MEASUREMENTS, SERIES_OF_A_RUN, FEWEST_KEPT = 300_000, 9, 40
ALWAYS_WHOLE = 64  # measurements: what probes took at some steps only, which thinned could not be summed up any more

_CURVES = {"run_id": "category", "metric": "category", "step": "int32", "value": "float64"}
_RISES = {"run_id": "category", "start": "int32", "peak": "int32", "end": "int32", "height": "float64"}
_RISES |= {"loss": "float64", "recovered": "bool"}
_LAYERS = {"run_id": "category", "stack": "category", "layer": "int16", "step": "int32"}

Metrics = Mapping[str, NDArray[Any]]
"""The columns of a run's `metrics.parquet`, `step` among them, NaN where nothing was measured."""
Most = tuple[int, int]
"""Up to which length a series is kept whole, and what is about left of a longer one."""


@dataclass
class Measured:
    """What some runs measured step by step, thinned as in `results/<study>/`, in few and large arrays."""

    series: list[tuple[str, str, int]] = field(default_factory=list)
    """Run, metric and number of measurements of every series, in order."""
    steps: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """Of all series, one behind the other."""
    episodes: list[tuple[Any, ...]] = field(default_factory=list)
    spikes: list[tuple[Any, ...]] = field(default_factory=list)
    """Rows of these tables."""
    with_layers: list[tuple[str, int]] = field(default_factory=list)
    """Every run that measured its layers, and its number of rows."""
    layers: pd.DataFrame | None = None
    """Their rows, one run behind the other, without `run_id`; None where there are none."""


def measured_by(runs: Iterable[tuple[RunDirectory, Read]], most: Most) -> Measured:
    """What `runs` measured, from what is read of the files of each. Raises `ConfigError` where one cannot be read."""
    found = Measured()
    steps, values, layers = [found.steps], [found.values], []
    for run, read in runs:
        metrics = _read_metrics(run, read)
        of_probe = [_as_spike(episode, len(metrics["step"])) for episode in recorded_episodes(run.summary)]
        rises = {PROBE_LOSS: of_probe, LOSS: recorded_spikes(run.summary, metrics)}
        found.episodes += _rise_rows(run.run_id, metrics, PROBE_LOSS, rises[PROBE_LOSS])
        found.spikes += _rise_rows(run.run_id, metrics, LOSS, rises[LOSS])
        for name, at, measured in _thinned(metrics, rises, most):
            found.series.append((run.run_id, name, len(at)))
            steps.append(at)
            values.append(measured)
        of_layers = _read_layers(run, read)
        if of_layers is not None:
            found.with_layers.append((run.run_id, of_layers.num_rows))
            layers.append(of_layers)
    found.steps, found.values = np.concatenate(steps), np.concatenate(values)
    if layers:  # as one table: to make pandas' of each takes longer than to read it
        whole = pa.concat_tables(layers, promote_options="permissive").to_pandas(use_threads=False)
        metrics_of = [str(name) for name in whole if name not in _LAYERS]
        kinds = {name: kind for name, kind in _LAYERS.items() if name != "run_id"}
        found.layers = whole[[*kinds, *metrics_of]].astype(kinds | dict.fromkeys(metrics_of, "float32"))
    return found


def most_kept(runs: int) -> Most:
    """Up to which length a series is kept whole, and what is about left of a longer one, in a study of `runs` runs."""
    share = max(FEWEST_KEPT, MOST_MEASUREMENTS // max(1, runs * SERIES_OF_A_RUN))
    return max(ALWAYS_WHOLE, min(UNTHINNED, share)), min(KEPT, share)


def curves_table(parts: Sequence[Measured]) -> pd.DataFrame:
    """`curves.parquet`: every series of every run, where measured, to the seven digits that a training computes with.

    Long ones, and all in a study of very many runs, are thinned with their extremes kept; starts and peaks of rises,
    and the steps beside a peak, are never thinned away.
    """
    series = [each for part in parts for each in part.series]
    if not series:
        return pd.DataFrame({name: [] for name in _CURVES}).astype(_CURVES)
    counts = [count for _, _, count in series]
    return pd.DataFrame(
        {
            "run_id": _repeated([run_id for run_id, _, _ in series], counts),
            "metric": _repeated([metric for _, metric, _ in series], counts),
            "step": np.concatenate([np.empty(0, np.int32), *(part.steps for part in parts)]),
            "value": np.concatenate([np.empty(0), *(part.values for part in parts)]),
        }
    )


def rises_table(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """`episodes.parquet`, a row per episode of the probe loss, or `spikes.parquet`, one per spike of the training loss.

    As the record of the run lists them; `loss` is the loss at the peak, `end` the first step at which it is back.
    """
    table = pd.DataFrame(rows, columns=list(_RISES)) if rows else pd.DataFrame({name: [] for name in _RISES})
    return table.astype(_RISES)


def layers_table(parts: Sequence[Measured]) -> pd.DataFrame | None:
    """`layers.parquet`: the rows of every run's own, a column per metric; None where no run measured layers."""
    there = [(part.with_layers, part.layers) for part in parts if part.layers is not None]
    if not there:
        return None
    runs = [run for with_layers, _ in there for run in with_layers]
    frames = [layers for _, layers in there]
    table: dict[str, Any] = {
        "run_id": _repeated([run_id for run_id, _ in runs], [count for _, count in runs]),
        "stack": union_categoricals([layers["stack"] for layers in frames], sort_categories=True),
    }
    for name in dict.fromkeys(str(name) for layers in frames for name in layers if name != "stack"):
        nothing = np.float32(np.nan)
        table[name] = np.concatenate(
            [layers[name].to_numpy() if name in layers else np.full(len(layers), nothing) for layers in frames]
        )
    return pd.DataFrame(table)


def _repeated(names: Sequence[str], counts: Sequence[int]) -> pd.Categorical:
    """A column with each of `names` as often as `counts` says; its categories are those that are in it, in order."""
    categories, code_of = np.unique(np.array(names, dtype=object), return_inverse=True)
    codes = np.repeat(code_of.astype(np.int32), counts)
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories, dtype="str"))


def _thinned(
    metrics: Metrics, rises: Mapping[str, Sequence[Spike]], most: Most
) -> Iterator[tuple[str, NDArray[np.int32], NDArray[np.float64]]]:
    """Name, steps and values of each series that was measured."""
    step = metrics["step"].astype(np.int32)
    for name, values in metrics.items():
        if name in ("step", BUCKET):  # which batch it was is no curve
            continue
        at = np.flatnonzero(~np.isnan(values))
        if len(at):
            tips = [near for rise in rises.get(name, ()) for near in _tip(rise)]
            marked = np.isin(at, tips).nonzero()[0] if tips else ()
            kept = at[kept_positions(values[at], *most, always=marked)]
            yield name, step[kept], values[kept].astype(np.float32).astype(np.float64)


def _tip(spike: Spike) -> tuple[int, ...]:
    """Where a spike starts, its peak and the steps beside it, with which its drawing has its true width."""
    return spike.start, spike.peak - 1, spike.peak, spike.peak + 1


def _as_spike(episode: Episode, steps: int) -> Spike:
    back = episode.back_after
    end = steps if back is None else episode.start + back
    return Spike(episode.start, episode.peak, end, episode.height, recovered=back is not None)


def _rise_rows(run_id: str, metrics: Metrics, loss: str, rises: Sequence[Spike]) -> list[tuple[Any, ...]]:
    """A row of `_RISES` for each of the rises of that loss."""
    first = int(metrics["step"][0]) if len(metrics["step"]) else 0
    return [
        (run_id, *(first + step for step in (rise.start, rise.peak, rise.end)), rise.height,
         float(metrics[loss][rise.peak]), rise.recovered)
        for rise in rises
    ]  # fmt: skip


def _read_metrics(run: RunDirectory, read: Read) -> Metrics:
    path = run.path / METRICS
    try:
        table = _read_table(read(path), "step")
    except (OSError, ValueError) as error:
        if not run.is_complete:
            return {"step": np.empty(0, np.int64)}  # it failed before it could measure
        raise _unreadable(run, path) from error
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def _read_layers(run: RunDirectory, read: Read) -> pa.Table | None:
    path = run.path / LAYERS
    if not path.exists():
        return None
    try:
        return _read_table(read(path), "stack", "layer", "step").replace_schema_metadata(None)
    except (OSError, ValueError) as error:
        raise _unreadable(run, path) from error


def _read_table(content: bytes, *needed: str) -> pa.Table:
    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    if not set(needed) <= set(table.column_names):
        raise ValueError(f"it lacks one of the columns {', '.join(needed)}")
    return table


def _unreadable(run: RunDirectory, path: Path) -> ConfigError:
    return ConfigError(path.name, path, "cannot be read", f"remove {run.path} and train the run again")
