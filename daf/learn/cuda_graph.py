"""Work on a GPU as one graph: launched as a whole instead of call by call."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

Result = TypeVar("Result")


class CapturedFunction(Generic[Result]):
    """Does what a function does, on a GPU from a recording; on the CPU it is the function.

    The function takes what it needs from memory that stays in place, and never waits for the
    device. It is run the first time, which loads kernels, and recorded the second time; what it
    returns is overwritten by the next call.
    """

    def __init__(self, function: Callable[[], Result], device: str):
        self.function = function
        self.on_gpu = torch.device(device).type == "cuda"
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> Result:
        if not self.on_gpu:
            return self.function()
        if not self._warm:
            self._warm = True
            return self._warm_up()
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._stream()):
                self._result = self.function()
            self._graph = graph
        self._graph.replay()
        return self._result

    def _warm_up(self) -> Result:
        """Run where it will be recorded, as torch wants of a first run."""
        stream, current = self._stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            result = self.function()
        current.wait_stream(stream)
        return result

    def _stream(self) -> torch.cuda.Stream:
        """Where to record: here, unless this is the default stream, which cannot be. Products of
        matrices of all recordings of one stream share their room to work in (cuBLAS), so that
        those that may be replayed side by side have to be recorded in different ones."""
        here = torch.cuda.current_stream()
        return torch.cuda.Stream() if here == torch.cuda.default_stream() else here
