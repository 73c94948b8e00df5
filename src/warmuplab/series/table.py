"""The catalogue of metrics as a table in the README."""

from warmuplab.series.catalogue import OF_LAYERS, SERIES, Metric
from warmuplab.series.markers import MARKERS


def markdown() -> str:
    """A row per metric, then the markers that only W&B has, then the metrics of layers."""
    lines = ["| metric | unit | meaning | source | light |", "|---|---|---|---|---|"]
    lines += [_row(metric, "", metric.light) for metric in SERIES.values()]
    lines += [_row(metric, " (on W&B alone)", metric.light) for metric in MARKERS.values()]
    lines += [_row(metric, " (per layer)", False) for metric in OF_LAYERS.values()]
    return "\n".join(lines)


def _row(metric: Metric, where: str, light: bool) -> str:
    return f"| `{metric.name}`{where} | {metric.unit} | {metric.meaning} | {metric.source} | {'yes' if light else ''} |"
