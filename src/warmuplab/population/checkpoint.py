"""A training at one moment, in a file: named tensors and the facts that say which training it is.

The file is whole or absent: written beside, synced to the disk, then renamed; a checksum tells one that was damaged
later. It holds numbers and text alone, and reading it runs no code.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from warmuplab.base.files import replace_atomically

State = dict[str, torch.Tensor]
"""Tensors by name; a name of a part begins with the part's, `probes.seen.loss`."""


@dataclass(frozen=True)
class Checkpoint:
    """A training after some of its steps."""

    state: State
    facts: dict[str, Any]


class DamagedError(Exception):
    """A file that is no whole checkpoint."""


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, in place of an earlier one. Raises `OSError` where the system refuses it."""
    content = io.BytesIO()
    host = {name: tensor.detach().cpu() for name, tensor in checkpoint.state.items()}
    torch.save({"facts": json.dumps(checkpoint.facts), "state": host}, content)
    with replace_atomically(path, durable=True) as temporary, temporary.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).hexdigest().encode() + b"\n")
        file.write(content.getbuffer())


def read(path: Path) -> Checkpoint | None:
    """The checkpoint in `path`, on the CPU; None where there is none. Raises `DamagedError` where it is not whole."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(str(error)) from error
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise DamagedError("its checksum is wrong")
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return Checkpoint(dict(loaded["state"]), dict(json.loads(loaded["facts"])))
    except Exception as error:  # whatever torch makes of a file that another program wrote
        raise DamagedError("it holds something else") from error


def part(state: State, name: str) -> State:
    """The tensors of the part of that name, without it."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def whole(**parts: Mapping[str, torch.Tensor]) -> State:
    """The tensors of all `parts`, each under the name of its part."""
    return {f"{name}.{key}": value for name, state in parts.items() for key, value in state.items()}


def put_back(into: Mapping[str, torch.Tensor], saved: State) -> None:
    """Copy every saved tensor into that of its name, which stays where it is."""
    with torch.no_grad():
        for name, tensor in into.items():
            tensor.copy_(saved[name])
