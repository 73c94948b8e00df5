"""What a result was obtained with: commit, versions, hardware."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

CODE = ("src", "conf", "scripts", "pyproject.toml", "constraints.txt")  # a change elsewhere cannot change a result
REPORTED_PACKAGES = ("torch", "numpy", "hydra-core", "tokenizers", "warmuplab")


@cache
def commit() -> dict[str, Any]:
    """`commit` and whether the code was `dirty`, that is, other than committed; both None outside a git checkout.

    A package that is installed inside someone else's checkout is outside: git does not track its files there.
    """
    here = Path(__file__)
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    head = _git(here.parent, "rev-parse", "HEAD")
    if tracked is None or head is None:
        return {"commit": None, "dirty": None}
    return {"commit": head, "dirty": bool(_git(here.parents[3], "status", "--porcelain", "--", *CODE))}


@cache
def code() -> str:
    """A fingerprint of this package's own code, committed or not."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    return {"python": platform.python_version()} | {name: _version(name) for name in REPORTED_PACKAGES}


def hardware(device: str) -> dict[str, Any]:
    """The machine, described for a reader; `device` is `cpu` or `cuda`."""
    import torch

    facts: dict[str, Any] = {
        "device": device,
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if device == "cuda":
        facts |= {
            "gpu": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32": torch.get_float32_matmul_precision() != "highest",
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
    return facts


def describe_hardware(facts: dict[str, Any]) -> str:
    """`hardware` in a few words."""
    return str(facts["gpu"]) if "gpu" in facts else f"{facts['cores']} CPU cores ({facts['cpu']})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"  # this one, where a path leads to src/


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
