"""What tells whether a file still holds what was written to it."""

import hashlib
from collections.abc import Mapping
from typing import Any


def of_arrays(arrays: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal digits, of NumPy arrays: of their names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def of_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
