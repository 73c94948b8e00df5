"""The series of a study in few bytes: thinned with extremes kept, quantised, compressed.

A step is stored as its difference from the one before, a value as 16 bits: a share of the series' own range, linear or,
where the values are positive and span more than `WIDE`, logarithmic, so that a value read off the page is within
1/65534 of the range (0.02 % of the value where it spans four decades). Bytes of equal weight lie together, which is
what makes them compress. Equal series (the learning rate of every seed) are stored once.
"""

import base64
import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from warmuplab.series.thinning import kept_positions

MOST_POINTS = 2_200_000  # of a page: about 6 MB of it
FEWEST_KEPT = 60  # measurements of a series, however many series there are
MOST_KEPT = 500
LARGEST = 2**16 - 1
WIDE = 20.0  # largest over smallest value from which on a series is stored logarithmically

LINEAR, LOGARITHMIC = 0, 1

Entry = tuple[int, int, int, float, float]
"""Offset, number of measurements, `LINEAR` or `LOGARITHMIC`, and the two ends of the scale."""


def kept_of(lengths: ArrayLike) -> int:
    """Measurements that each series of these `lengths` may keep; short ones leave room to others."""
    shortest_first = np.sort(np.asarray(lengths, dtype=np.int64))
    room, kept = MOST_POINTS, 0
    for place, length in enumerate(shortest_first.tolist()):
        kept = room // (len(shortest_first) - place)
        if length > kept:
            break
        room -= length
    else:
        return MOST_KEPT
    return int(np.clip(kept, FEWEST_KEPT, MOST_KEPT))


@dataclass
class Packer:
    """Collects series one by one; `blob` is all of them."""

    kept: int = MOST_KEPT
    """Measurements that a series may keep."""
    _steps: list[NDArray[np.uint32]] = field(default_factory=list)
    _codes: list[NDArray[np.uint16]] = field(default_factory=list)
    _known: dict[bytes, Entry] = field(default_factory=dict)
    _count: int = 0

    def add(self, steps: ArrayLike, values: ArrayLike, always: Iterable[int] = ()) -> Entry | None:
        """Store a series and tell where; None for one without a finite value.

        `steps` are whole and rising; those in `always` are kept.
        """
        values_n = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(values_n)
        steps_n, values_n = np.asarray(steps, dtype=np.int64)[finite], values_n[finite]
        if not len(values_n):
            return None
        marked = np.isin(steps_n, list(always)).nonzero()[0]
        kept = kept_positions(values_n, self.kept, self.kept, marked)
        steps_n, values_n = steps_n[kept], values_n[kept]
        key = steps_n.tobytes() + values_n.tobytes()
        if key not in self._known:
            codes, kind, low, high = quantised(values_n)
            self._known[key] = (self._count, len(codes), kind, low, high)
            self._steps.append(np.diff(steps_n, prepend=0).astype(np.uint32))
            self._codes.append(codes)
            self._count += len(codes)
        return self._known[key]

    @property
    def count(self) -> int:
        """Measurements stored."""
        return self._count

    def blob(self) -> str:
        """All steps, then all values, by byte planes, as base64 of gzip."""
        steps = np.concatenate([np.empty(0, np.uint32), *self._steps])
        codes = np.concatenate([np.empty(0, np.uint16), *self._codes])
        raw = _planes(steps.astype("<u4")) + _planes(codes.astype("<u2"))
        return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode()


def quantised(values: NDArray[np.float64]) -> tuple[NDArray[np.uint16], int, float, float]:
    """16-bit codes of finite `values` [n], and the scale that reads them: its kind and its two ends.

    Logarithmically, code 0 is exactly zero and 1 to 65535 go from the smallest positive value to the largest.
    """
    positive = values[values > 0]
    if values.min() >= 0 and len(positive) and positive.max() > WIDE * positive.min():
        low, high = float(positive.min()), float(positive.max())
        share = np.log(np.maximum(values, low) / low) / np.log(high / low)
        codes = np.where(values > 0, 1 + np.rint(share * (LARGEST - 1)), 0)
        return codes.astype(np.uint16), LOGARITHMIC, low, high
    low, high = float(values.min()), float(values.max())
    width = high - low
    codes = np.rint((values - low) / width * LARGEST) if width > 0 else np.zeros(len(values))
    return codes.astype(np.uint16), LINEAR, low, high


def _planes(numbers: "NDArray[np.uint32] | NDArray[np.uint16]") -> bytes:
    """All lowest bytes, then all second ones, and so on."""
    return numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize).T.tobytes()
