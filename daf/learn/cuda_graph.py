"""CUDA graphs: functions captured once and replayed with a single launch."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

Result = TypeVar("Result")


class CapturedFunction(Generic[Result]):
    """A function that is captured in a CUDA graph; on the CPU the plain function.

    The function must read its inputs from fixed memory addresses and must never synchronize with
    the device. The first call runs it, which loads kernels; the second call captures it. Each call
    overwrites the result of the previous one.

    Args:
        function: function without arguments.
        device: "cpu" or "cuda".
    """

    def __init__(self, function: Callable[[], Result], device: str):
        self.function = function
        self.on_gpu = torch.device(device).type == "cuda"
        self._is_warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> Result:
        """Call the function; on a GPU replay its graph."""
        if not self.on_gpu:
            return self.function()
        if not self._is_warm:
            self._is_warm = True
            return self._warm_up()
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._select_capture_stream()):
                self._result = self.function()
            self._graph = graph
        self._graph.replay()
        return self._result

    def _warm_up(self) -> Result:
        """Run the function in the capture stream, as torch requires before a capture."""
        stream, current = self._select_capture_stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            result = self.function()
        current.wait_stream(stream)
        return result

    def _select_capture_stream(self) -> torch.cuda.Stream:
        """Return the current stream, or a new one for the default stream.

        The default stream cannot be captured. All captures of one stream share their cuBLAS
        workspace, so graphs that may run concurrently need different capture streams.
        """
        current = torch.cuda.current_stream()
        return torch.cuda.Stream() if current == torch.cuda.default_stream() else current
