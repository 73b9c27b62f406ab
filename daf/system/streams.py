"""The standard streams of a command, whatever they were when it was started."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class OutputLost(RuntimeError):
    """What a command says cannot be written; the message says why, one line.

    Attributes:
        unread: the reader has gone, which is no trouble.
    """

    def __init__(self, problem: str, unread: bool = False):
        super().__init__(f"standard output {problem}")
        self.unread = unread


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Inside, all three streams are open: a file that got the number of a closed one would receive
    what is said. What standard output does not take raises `OutputLost`; what standard error does
    not take is lost, for nobody can be told."""
    output, errors = sys.stdout, sys.stderr
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(_Output(output or nowhere, closed=output is None)),
        contextlib.redirect_stderr(_Errors(errors or nowhere)),
    ):
        yield


class _Stream:
    """A text stream that writes to another."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._tried(self._stream.write, text)

    def flush(self) -> None:
        self._tried(self._stream.flush)

    def _tried(self, act: Any, *arguments: str) -> Any:
        try:
            return act(*arguments)
        except OSError as error:
            # What still waits to be written is not to be tried again when the process ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            return self._lost(error)

    def _lost(self, error: OSError) -> Any:
        raise NotImplementedError


class _Output(_Stream):
    def __init__(self, stream: TextIO, closed: bool):
        super().__init__(stream)
        self._closed = closed

    def write(self, text: str) -> int:
        if self._closed:
            raise OutputLost("is closed")
        return super().write(text)

    def _lost(self, error: OSError) -> Any:
        unread = isinstance(error, BrokenPipeError)
        raise OutputLost(f"cannot be written ({error.strerror})", unread)


class _Errors(_Stream):
    def _lost(self, error: OSError) -> int:
        return 0


def tolerate_encodings() -> None:
    """Let stdout and stderr write what their encoding does not have as an escape, `\\u2212`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a notebook's have none, and none is needed
            reconfigure(errors="backslashreplace")
