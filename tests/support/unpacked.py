"""The blob of a page read back, as the page's own script reads it (`static/data.js`)."""

import base64
import gzip
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from warmuplab.dashboard.series import LARGEST, LOGARITHMIC, Entry


def unpacked(blob: str, entries: Iterable[Entry]) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The steps and values of `entries`, as the page reads them."""
    raw = np.frombuffer(gzip.decompress(base64.b64decode(blob)), dtype=np.uint8)
    count = len(raw) // 6
    steps = raw[: 4 * count].reshape(4, count).T.copy().view("<u4")[:, 0]
    codes = raw[4 * count :].reshape(2, count).T.copy().view("<u2")[:, 0]
    found = []
    for offset, length, kind, low, high in entries:
        code = codes[offset : offset + length].astype(np.float64)
        if kind == LOGARITHMIC:
            values = np.where(code > 0, low * (high / low) ** ((code - 1) / (LARGEST - 1)), 0.0)
        else:
            values = low + (high - low) * code / LARGEST
        found.append((np.cumsum(steps[offset : offset + length].astype(np.int64)), values))
    return found
