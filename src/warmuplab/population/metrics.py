"""The series measured while a population trains, kept on its device until the end."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch


class Metrics:
    """A value per metric, step and member; not a number where nothing was measured.

    Recording copies on the device and never waits for it.
    """

    def __init__(self, members: int, steps: int, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._shape, self._device, self._dtype = (steps, members), device, dtype
        self._series_TxM: dict[str, torch.Tensor] = {}

    def record(self, name: str, step: int, value_M: torch.Tensor) -> None:
        """Keep `value_M` as the metric `name` of every member at `step`."""
        if name not in self._series_TxM:
            self._series_TxM[name] = torch.full(self._shape, torch.nan, device=self._device, dtype=self._dtype)
        self._series_TxM[name][step] = value_M

    def rows(self, first: int, stop: int) -> dict[str, np.ndarray]:
        """Every metric from step `first` to before `stop`, `[steps, M]`, copied to the host; waits for the device."""
        return {name: series[first:stop].cpu().numpy().copy() for name, series in self._series_TxM.items()}

    def tables(self, rates: Sequence[Mapping[str, np.ndarray]]) -> list[pd.DataFrame]:
        """Per member a row per step: `step`, its `rates` and every metric, null where not measured or not finite."""
        host = self.rows(0, self._shape[0])
        return [
            pd.DataFrame(
                {"step": np.arange(self._shape[0])}
                | dict(rates_of_member)
                | {name: _finite(values[:, m]) for name, values in host.items()}
            )
            for m, rates_of_member in enumerate(rates)
        ]


class LayerMetrics:
    """Values per layer at the few steps where layers are measured, kept on the device until the end."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], dict[str, torch.Tensor]] = {}

    def record(self, name: str, step: int, layer: str, value_M: torch.Tensor) -> None:
        """Keep `value_M` as the metric `name` of `layer`, such as `encoder.0`, at `step`."""
        self._values.setdefault((step, layer), {})[name] = value_M

    def tables(self, members: int) -> list[pd.DataFrame]:
        """Per member a row per step and layer: `step`, `stack`, `layer` (0 is nearest the input) and every metric.

        Null where not measured or not finite.
        """
        host = [{name: value.cpu().numpy() for name, value in row.items()} for row in self._values.values()]
        names = list(dict.fromkeys(name for row in host for name in row))
        unmeasured = np.full(members, np.nan)
        where = {
            "step": [step for step, _ in self._values],
            "stack": [layer.split(".")[0] for _, layer in self._values],
            "layer": [int(layer.split(".")[1]) for _, layer in self._values],
        }
        return [
            pd.DataFrame(
                where | {name: _finite(np.array([row.get(name, unmeasured)[m] for row in host])) for name in names}
            )
            for m in range(members)
        ]


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
