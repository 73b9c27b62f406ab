"""Capture of the output of this process and its children, so that it does not mix with a view."""

import contextlib
import os
import threading
from collections import deque

NUM_LAST_LINES = 3
CHUNK_BYTES = 2**16
MAX_LINE_BYTES = 2**12


class CapturedStandardStreams:
    """Capture of everything that this process and later children write to stdout and stderr.

    The jobs of a workflow also write it to their logs. The last lines are kept, because a job that
    crashes may write the reason nowhere else.
    """

    def __init__(self) -> None:
        self._saved = (os.dup(1), os.dup(2))
        read_end, write_end = os.pipe()
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)
        self._lines: deque[bytes] = deque(maxlen=NUM_LAST_LINES)
        self._thread = threading.Thread(
            target=self._collect_lines_until_closed, args=(read_end,), daemon=True
        )
        self._thread.start()

    @property
    def last_lines(self) -> str:
        """Last non-empty lines, joined by " / "."""
        return " / ".join(line.decode(errors="replace").strip() for line in [*self._lines])

    def restore(self) -> None:
        """Give stdout and stderr back to this process."""
        for descriptor, number in zip(self._saved, (1, 2)):
            os.dup2(descriptor, number)
            os.close(descriptor)

    def _collect_lines_until_closed(self, pipe_read_descriptor: int) -> None:
        incomplete_line = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(pipe_read_descriptor, CHUNK_BYTES):
                *lines, incomplete_line = (incomplete_line + chunk).split(b"\n")
                self._lines.extend(line[:MAX_LINE_BYTES] for line in lines if line.strip())
                incomplete_line = incomplete_line[:MAX_LINE_BYTES]
        os.close(pipe_read_descriptor)
