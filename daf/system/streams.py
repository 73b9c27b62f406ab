"""Standard streams of a command, including closed and full ones."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TextIO


class OutputError(RuntimeError):
    """Failed write to standard output; one line.

    Attributes:
        is_broken_pipe: True if the reader has closed the pipe.
    """

    def __init__(self, problem: str, is_broken_pipe: bool = False):
        super().__init__(f"standard output {problem}")
        self.is_broken_pipe = is_broken_pipe


@contextlib.contextmanager
def open_and_guard_standard_streams() -> Iterator[None]:
    """Open all three standard streams during the block.

    Otherwise, an opened file could get the descriptor of a closed stream, and receive its output. A
    failed write to stdout raises `OutputError`; failed writes to stderr are ignored.
    """
    output, errors = sys.stdout, sys.stderr
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
    with (
        open(os.devnull, "w", encoding="utf-8") as null,
        contextlib.redirect_stdout(
            _StdoutRaisingWriteFailures(output or null, closed=output is None)
        ),
        contextlib.redirect_stderr(_StderrIgnoringWriteFailures(errors or null)),
    ):
        yield


class _ErrorHandlingStream:
    """Text stream that writes to another and handles its errors."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._call_or_handle_error(self._stream.write, text)

    def flush(self) -> None:
        self._call_or_handle_error(self._stream.flush)

    def _call_or_handle_error(self, operation: Callable[..., Any], *arguments: str) -> Any:
        try:
            return operation(*arguments)
        except OSError as error:
            # Python flushes the buffer again at exit, which must not fail.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
            return self._handle_error(error)

    def _handle_error(self, error: OSError) -> Any:
        raise NotImplementedError


class _StdoutRaisingWriteFailures(_ErrorHandlingStream):
    def __init__(self, stream: TextIO, closed: bool):
        super().__init__(stream)
        self._closed = closed

    def write(self, text: str) -> int:
        if self._closed:
            raise OutputError("is closed")
        return super().write(text)

    def _handle_error(self, error: OSError) -> Any:
        is_broken_pipe = isinstance(error, BrokenPipeError)
        raise OutputError(f"cannot be written ({error.strerror})", is_broken_pipe)


class _StderrIgnoringWriteFailures(_ErrorHandlingStream):
    def _handle_error(self, error: OSError) -> int:
        return 0


@contextlib.contextmanager
def drop_stderr_lines(prefix: str) -> Iterator[None]:
    """Drop lines that native code writes to stderr in the block; other lines appear at its end.

    Args:
        prefix: begin of the lines to drop.
    """
    try:
        saved, captured = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # a closed stderr, or no space for temporary files
        yield
        return
    os.dup2(captured.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        with captured, contextlib.suppress(OSError):
            captured.seek(0)
            others = [line for line in captured if not line.startswith(prefix.encode())]
            os.write(2, b"".join(others))


def escape_unencodable_output() -> None:
    r"""Make stdout and stderr escape characters outside their encoding, as in `\u2212`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # missing in notebooks, where it is not needed
            reconfigure(errors="backslashreplace")
