"""What the runs of a study measured step by step, as tables for `results/<study>/`: curves, rises, layers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from warmuplab.base.errors import ConfigError
from warmuplab.record.directory import BUCKET, LOSS, PROBE_LOSS, RunDirectory, recorded_episodes, recorded_spikes
from warmuplab.series.instability import Episode
from warmuplab.series.spikes import Spike
from warmuplab.series.thinning import KEPT, UNTHINNED, kept_positions

# Results are committed: the curves of a study with thousands of runs must stay a few megabytes. So many measurements
# of a study, about nine series a run, and never fewer of a series than show its shape.
MOST_MEASUREMENTS, SERIES_OF_A_RUN, FEWEST_KEPT = 400_000, 9, 40
ALWAYS_WHOLE = 64  # measurements: what probes took at some steps only, which thinned could not be summed up any more

_CURVES = {"run_id": "category", "metric": "category", "step": "int32", "value": "float64"}
_RISES = {"run_id": "category", "start": "int32", "peak": "int32", "end": "int32", "height": "float64"}
_RISES |= {"loss": "float64", "recovered": "bool"}
_LAYERS = {"run_id": "category", "stack": "category", "layer": "int16", "step": "int32"}


def curves_and_rises(directories: Sequence[RunDirectory]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`curves.parquet`, `episodes.parquet` and `spikes.parquet`, in one pass over the records.

    The first has every series of every run, where measured; long ones, and all in a study of very many runs, thinned
    with their extremes kept. The second has a row per episode of the probe loss, the third one per spike of the
    training loss, as the record of the run lists them; `loss` is the loss at the peak, `end` the first step at which it
    is back. Their starts and peaks, and the steps beside a peak, are never thinned away.
    """
    curves, episodes, spikes, most = [], [], [], most_kept(len(directories))
    for run in directories:
        metrics = _read_metrics(run).reset_index(drop=True)
        of_probe = [_as_spike(episode, len(metrics)) for episode in recorded_episodes(run.summary)]
        rises = {PROBE_LOSS: of_probe, LOSS: recorded_spikes(run.summary, metrics)}
        episodes.append(_rise_rows(run.run_id, metrics, PROBE_LOSS, rises[PROBE_LOSS]))
        spikes.append(_rise_rows(run.run_id, metrics, LOSS, rises[LOSS]))
        curves += _curve_rows(run.run_id, metrics, rises, most)
    return _joined(curves, _CURVES), _joined(episodes, _RISES), _joined(spikes, _RISES)


def most_kept(runs: int) -> tuple[int, int]:
    """Up to which length a series is kept whole, and what is about left of a longer one, in a study of `runs` runs."""
    share = max(FEWEST_KEPT, MOST_MEASUREMENTS // max(1, runs * SERIES_OF_A_RUN))
    return max(ALWAYS_WHOLE, min(UNTHINNED, share)), min(KEPT, share)


def layers_table(directories: Sequence[RunDirectory]) -> pd.DataFrame | None:
    """`layers.parquet`: the rows of every run's own, a column per metric; None where no run measured layers."""
    parts = []
    for run in directories:
        path = run.path / "layers.parquet"
        if path.exists():
            try:
                layers = _with_columns(pd.read_parquet(path), "stack", "layer", "step")
                parts.append(layers.assign(run_id=run.run_id))
            except (OSError, ValueError) as error:
                remedy = f"remove {run.path} and train the run again"
                raise ConfigError("layers.parquet", path, "cannot be read", remedy) from error
    if not parts:
        return None
    layers = pd.concat(parts, ignore_index=True)
    metrics = [str(name) for name in layers if name not in _LAYERS]
    return layers[[*_LAYERS, *metrics]].astype(_LAYERS | dict.fromkeys(metrics, "float32"))


def _curve_rows(
    run_id: str, metrics: pd.DataFrame, rises: Mapping[str, Sequence[Spike]], most: tuple[int, int]
) -> list[pd.DataFrame]:
    parts = []
    for name in metrics.columns.drop(["step", BUCKET], errors="ignore"):  # which batch it was is no curve
        measured = metrics.loc[metrics[name].notna(), ["step", name]]
        steps = [step for rise in rises.get(str(name), ()) for step in _tip(rise)]
        marked = measured.index.isin(steps).nonzero()[0]
        part = measured.iloc[kept_positions(measured[name].to_numpy(), *most, always=marked)]
        values = {"step": part["step"].to_numpy(), "value": part[name].to_numpy(dtype="float64")}
        parts.append(pd.DataFrame({"run_id": run_id, "metric": str(name)} | values))
    return parts


def _tip(spike: Spike) -> tuple[int, ...]:
    """Where a spike starts, its peak and the steps beside it, with which its drawing has its true width."""
    return spike.start, spike.peak - 1, spike.peak, spike.peak + 1


def _as_spike(episode: Episode, steps: int) -> Spike:
    back = episode.back_after
    end = steps if back is None else episode.start + back
    return Spike(episode.start, episode.peak, end, episode.height, recovered=back is not None)


def _rise_rows(run_id: str, metrics: pd.DataFrame, loss: str, rises: Sequence[Spike]) -> pd.DataFrame:
    first = int(metrics["step"].iloc[0]) if len(metrics) else 0
    rows = [
        {
            "run_id": run_id,
            "start": first + rise.start,
            "peak": first + rise.peak,
            "end": first + rise.end,
            "height": rise.height,
            "loss": float(metrics[loss].iloc[rise.peak]),
            "recovered": rise.recovered,
        }
        for rise in rises
    ]
    return pd.DataFrame(rows, columns=list(_RISES))


def _joined(parts: Sequence[pd.DataFrame], types: dict[str, str]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    whole = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame({name: [] for name in types})
    return whole.astype(types)


def _with_columns(table: pd.DataFrame, *needed: str) -> pd.DataFrame:
    if not set(needed) <= set(table):
        raise ValueError(f"it lacks one of the columns {', '.join(needed)}")
    return table


def _read_metrics(run: RunDirectory) -> pd.DataFrame:
    path = run.path / "metrics.parquet"
    try:
        return _with_columns(pd.read_parquet(path), "step")
    except (OSError, ValueError) as error:
        if not run.is_complete:
            return pd.DataFrame({"step": []})  # it failed before it could measure
        remedy = f"remove {run.path} and train the run again"
        raise ConfigError("metrics.parquet", path, "cannot be read", remedy) from error
