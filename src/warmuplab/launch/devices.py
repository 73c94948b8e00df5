"""The GPUs of this machine that a launcher may use, and which of them the next worker gets.

A worker sees one GPU, its first: `CUDA_VISIBLE_DEVICES` names it before the worker imports torch.
"""

import os
from collections import Counter
from collections.abc import Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus() -> list[str]:
    """The names of the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` takes them.

    Asks the driver how many there are and makes no CUDA context: a launcher that held one would hold memory, too.
    """
    import torch

    count = torch.cuda.device_count()
    told = os.environ.get(VISIBLE)
    return list(map(str, range(count))) if told is None else [name.strip() for name in told.split(",")][:count]


def per_gpu(workers: int, gpus: Sequence[object]) -> int:
    """Most workers that share a GPU, or the memory of the machine where there is none."""
    return -(-workers // max(1, len(gpus)))


def next_gpu(gpus: Sequence[str], training: Sequence[str | None], writing: Sequence[str | None]) -> str | None:
    """The one of `gpus` on which fewest workers train, of these the one on which fewest still write; None of none.

    `training` and `writing` are the GPUs of the workers that do so now.
    """
    train, write = Counter(training), Counter(writing)
    return min(gpus, key=lambda gpu: (train[gpu], write[gpu]), default=None)
