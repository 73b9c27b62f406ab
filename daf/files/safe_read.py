"""Reading of regular files within a size limit.

Results folders, bundles and configurations are untrusted: a link can point anywhere, a pipe
blocks, and a device has no end.
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
"""Maximum size of any file that DAF reads."""


class UnsafeFileError(OSError):
    """A file that DAF refuses to open: a link, a pipe, a device, or one that is too large."""


@contextlib.contextmanager
def open_regular_file(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """Open a regular file for reading and check its size; links to regular files are followed.

    Args:
        path: path of the file.
        max_bytes: maximum size of the file.

    Raises:
        UnsafeFileError: it is a pipe, a device or a folder, or larger than `max_bytes`.
        OSError: it cannot be opened.
    """
    # Opening a device can have side effects, and opening a pipe blocks, so check before.
    _check_is_regular_file(os.stat(path), path)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        _check_is_regular_file(status, path)
        if status.st_size > max_bytes:
            raise UnsafeFileError(errno.EFBIG, f"is larger than {max_bytes} bytes", str(path))
        yield file


def read_chunks(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
    """Yield the content of a regular file in chunks, up to its size at the time of opening.

    Files of `/proc` report a size of 0, and some of them never end.

    Args:
        path: path of the file.
        max_bytes: maximum size of the file.

    Raises:
        OSError: as `open_regular_file`, or it cannot be read.
    """
    with open_regular_file(path, max_bytes) as file:
        remaining = os.fstat(file.fileno()).st_size
        while remaining and (chunk := file.read(min(remaining, CHUNK))):
            remaining -= len(chunk)
            yield chunk


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file; see `read_chunks`."""
    return b"".join(read_chunks(path, max_bytes))


def is_within(path: str | Path, folder: str | Path) -> bool:
    """Return True if a path is inside a folder after all links of both are followed.

    Raises:
        ValueError: the path has a null character.
    """
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _check_is_regular_file(status: os.stat_result, path: str | Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(errno.EINVAL, "is not a regular file", str(path))
