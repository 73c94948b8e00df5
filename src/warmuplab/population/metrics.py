"""The series measured while a population trains, kept on its device until the end."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from warmuplab.series.catalogue import SERIES


class Metrics:
    """A value per metric, step and member; not a number where nothing was measured.

    All values lie in one buffer on the device; recording copies there and never waits for it.
    """

    def __init__(
        self,
        members: int,
        steps: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        names: Sequence[str] = tuple(SERIES),
    ) -> None:
        self._steps = steps
        self._columns = {name: column for column, name in enumerate(names)}
        self._values_CxTxM = torch.full((len(names), steps, members), torch.nan, device=device, dtype=dtype)
        self._recorded: dict[str, None] = {}  # in the order of their first value, which is that of a record's columns

    def record(self, name: str, step: int | torch.Tensor, value_M: torch.Tensor) -> None:
        """Keep `value_M` as the metric `name` of every member at `step`, a number or 0-d on the device."""
        self._recorded[name] = None
        series_TxM = self._values_CxTxM[self._columns[name]]
        if isinstance(step, int):
            series_TxM[step] = value_M
        else:
            series_TxM.index_copy_(0, step[None], value_M[None].to(series_TxM.dtype))

    def rows(self, first: int, stop: int) -> dict[str, np.ndarray]:
        """Every metric from step `first` to before `stop`, `[steps, M]`, copied to the host; waits for the device."""
        values_CxTxM = self._values_CxTxM[:, first:stop]
        host_CxTxM = torch.empty(values_CxTxM.shape, dtype=values_CxTxM.dtype, pin_memory=values_CxTxM.is_cuda)
        host_CxTxM.copy_(values_CxTxM)
        return {name: host_CxTxM[self._columns[name]].numpy() for name in self._recorded}

    def tables(self, rates: Sequence[Mapping[str, np.ndarray]]) -> list[pd.DataFrame]:
        """Per member a row per step: `step`, its `rates` and every metric, null where not measured or not finite."""
        host = self.rows(0, self._steps)
        return [
            pd.DataFrame(
                {"step": np.arange(self._steps)}
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
