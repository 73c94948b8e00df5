"""Steps as graphs of kernels: on a GPU a recorded step is launched as one, where its kernels take longer to launch than
to run.

Two visits of a key must differ in the contents of tensors alone, as a graph knows addresses and no Python: what changes
from step to step (the clock, the weights, the metrics) is changed in place on the device.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import torch

Result = TypeVar("Result")


class Replay:
    """Runs the work of a step; where `replays`, from the third visit of its key on as a recorded graph."""

    def __init__(self, device: torch.device, wanted: bool) -> None:
        self.replays = wanted and device.type == "cuda"
        self._visited: set[Hashable] = set()
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, object]] = {}
        if self.replays:
            self._stream, self._pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def run(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """Do `work`; its result, which the next visit of the `key` overwrites where it is replayed.

        `work` may keep no other tensor that it makes: the next graph uses that memory again. `key` must tell apart
        whatever makes the kernels of `work` or their shapes differ.
        """
        if not self.replays:
            return work()
        if key not in self._visited:  # libraries set themselves up in the first visit, which a graph cannot hold
            self._visited.add(key)
            return self._beside(work)
        if key not in self._graphs:
            graph = torch.cuda.CUDAGraph()
            # One pool: graphs run one after the other, so what one needs in between the next may use again.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                result = work()
            self._graphs[key] = graph, result
        graph, kept = self._graphs[key]
        graph.replay()
        return cast(Result, kept)

    def _beside(self, work: Callable[[], Result]) -> Result:
        """Do `work` on the stream that records, as recording demands of what ran before it."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = work()
        torch.cuda.current_stream().wait_stream(self._stream)
        return result
