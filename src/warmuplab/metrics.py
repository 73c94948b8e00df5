"""The series measured while a population trains, kept on its device until the end."""

from collections.abc import Sequence

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

    def tables(self, lr_MxT: Sequence[np.ndarray]) -> list[pd.DataFrame]:
        """Per member a row per step: `step`, `lr` and every metric, null where not measured or not finite."""
        host = self.rows(0, self._shape[0])
        return [
            pd.DataFrame(
                {"step": np.arange(self._shape[0]), "lr": lr_T}
                | {name: np.where(np.isfinite(values[:, m]), values[:, m], np.nan) for name, values in host.items()}
            )
            for m, lr_T in enumerate(lr_MxT)
        ]
