"""Reading of regular files within a size limit.

A results folder, a bundle or a configuration may come from anybody. A link in it may lead
anywhere, a pipe blocks, and a device has no end.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 2**20
MAX_BYTES = 4 * 2**30
"""The most that DAF reads of any file."""


class UnsafeFile(OSError):
    """A file that DAF does not touch, such as a link, a pipe, or one that is too large."""


@contextlib.contextmanager
def open_regular(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """Open a regular file for reading, with its size checked; links to one are followed.

    Raises:
        UnsafeFile: it is a pipe, a device or a folder, or larger than `max_bytes`.
        OSError: it cannot be opened.
    """
    # To open a device may already do something, and to open a pipe waits for a writer.
    _check_regular(os.stat(path), path)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        _check_regular(found, path)
        if found.st_size > max_bytes:
            raise UnsafeFile(errno.EFBIG, f"is larger than {max_bytes} bytes", str(path))
        yield file


def read_chunks(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
    """The content of a regular file, piece by piece, and no more than the size it was opened with:
    the files of `/proc` say 0, and some of them never end.

    Raises:
        OSError: as `open_regular`, or it cannot be read.
    """
    with open_regular(path, max_bytes) as file:
        left = os.fstat(file.fileno()).st_size
        while left and (part := file.read(min(left, CHUNK))):
            left -= len(part)
            yield part


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a regular file; see `read_chunks`."""
    return b"".join(read_chunks(path, max_bytes))


def _check_regular(found: os.stat_result, path: str | Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise UnsafeFile(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(errno.EINVAL, "is no regular file", str(path))
