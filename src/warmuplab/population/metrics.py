"""The series measured while a population trains, kept on its device until the end."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from warmuplab.population.checkpoint import State
from warmuplab.series.catalogue import OF_LAYERS, SERIES


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

    def state(self) -> State:
        """The values, and which were recorded, in the order of their first value."""
        return {"values": self._values_CxTxM, "recorded": _places(self._recorded, self._columns)}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self._values_CxTxM.copy_(state["values"])
        self._recorded = _names(state["recorded"], self._columns)

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
    """A value per metric, layer and member at the few steps where layers are measured; not a number where none was.

    As in `Metrics` all values lie in one buffer on the device.
    """

    def __init__(
        self,
        measured_steps: Sequence[int],
        steps: int,
        layers: Collection[str],
        like_M: torch.Tensor,
        names: Sequence[str] = tuple(OF_LAYERS),
    ) -> None:
        """For `layers`, such as `encoder.0`, at `measured_steps` of a run of `steps`; `like_M` lies on the device."""
        device, rows = like_M.device, len(measured_steps)
        self._steps, self._layers = list(measured_steps), {layer: place for place, layer in enumerate(layers)}
        self._columns = {name: column for column, name in enumerate(names)}
        self._values_CxLxRxM = torch.full(
            (len(names), len(layers), rows, len(like_M)), torch.nan, device=device, dtype=torch.float64
        )
        self._written_R = torch.zeros(rows, dtype=torch.bool, device=device)
        self._row_T = torch.zeros(steps, dtype=torch.int64, device=device)
        self._row_T[self._steps] = torch.arange(rows, device=device)
        self._recorded: dict[str, None] = {}  # in the order of their first value, which is that of a record's columns

    def record(self, name: str, step: torch.Tensor, layer: str, value_M: torch.Tensor) -> None:
        """Keep `value_M` as the metric `name` of `layer` at `step`, 0-d on the device."""
        self._recorded[name] = None
        row_1 = self._row_T.index_select(0, step[None])
        values_RxM = self._values_CxLxRxM[self._columns[name], self._layers[layer]]
        values_RxM.index_copy_(0, row_1, value_M[None].to(values_RxM.dtype))
        self._written_R.index_fill_(0, row_1, 1)

    def state(self) -> State:
        """As `Metrics.state`, and at which steps anything was recorded."""
        recorded = _places(self._recorded, self._columns)
        return {"values": self._values_CxLxRxM, "written": self._written_R, "recorded": recorded}

    def restore(self, state: State) -> None:
        """Go on from what `state` gave."""
        self._values_CxLxRxM.copy_(state["values"])
        self._written_R.copy_(state["written"])
        self._recorded = _names(state["recorded"], self._columns)

    def tables(self) -> list[pd.DataFrame]:
        """Per member a row per step and layer: `step`, `stack`, `layer` (0 is nearest the input) and every metric.

        Null where not measured or not finite.
        """
        written = np.flatnonzero(self._written_R.cpu().numpy())
        values_CxLxRxM = _finite(self._values_CxLxRxM.cpu().numpy()[:, :, written])
        of_names = {name: values_CxLxRxM[self._columns[name]] for name in self._recorded}
        where = [(self._steps[row], *layer.split(".")) for row in written for layer in self._layers]
        steps, stacks, numbers = zip(*where, strict=True)
        place = {"step": list(steps), "stack": list(stacks), "layer": [int(number) for number in numbers]}
        return [
            pd.DataFrame(place | {name: values_LxRxM[..., m].T.ravel() for name, values_LxRxM in of_names.items()})
            for m in range(values_CxLxRxM.shape[-1])
        ]


def _places(names: Iterable[str], columns: Mapping[str, int]) -> torch.Tensor:
    return torch.tensor([columns[name] for name in names], dtype=torch.int64)


def _names(places: torch.Tensor, columns: Mapping[str, int]) -> dict[str, None]:
    names = list(columns)
    return {names[place]: None for place in places.tolist()}


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
