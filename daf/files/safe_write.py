"""Atomic writing of files, never through a link.

Results folders are untrusted: a link in them can point anywhere.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from daf.files.safe_read import UnsafeFileError, read_chunks

TEMPORARY_PREFIX = r"\.daf-[0-9a-f]{16}\."
"""Regular expression of the prefix of temporary file names."""


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` when the block ends without an error.

    An existing file or link at `path` is replaced, not written to.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = temporary_path(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def copy_file(source: str | Path, destination: str | Path) -> None:
    """Copy the content of a regular file atomically.

    Args:
        source: path of the file to read.
        destination: path of the file to write.

    Raises:
        OSError: a file cannot be read or written.
    """
    with atomic_write(destination) as file:
        for chunk in read_chunks(source):
            file.write(chunk)


def temporary_path(path: str | Path) -> Path:
    """Return an unpredictable path in the folder of `path`, with the same suffix."""
    path = Path(path)
    return path.with_name(f".daf-{secrets.token_hex(8)}.{path.name}")


def remove_file_or_folder(path: str | Path) -> None:
    """Remove a file, a link or a whole folder; a missing path is no error."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_stale_temporaries(path: str | Path) -> None:
    """Remove temporary files that killed writers of `path` did not remove.

    No other process may be writing `path`.
    """
    path = Path(path)
    pattern = re.compile(rf"(?:{TEMPORARY_PREFIX})+{re.escape(path.name)}")
    for file in path.parent.iterdir():
        if pattern.fullmatch(file.name):
            file.unlink(missing_ok=True)


def open_descriptor_for_update(path: str | Path) -> int:
    """Open a file for changes in place, such as a lock or a log; create it if it is missing.

    Returns:
        file descriptor for reading and writing.

    Raises:
        UnsafeFileError: it is a link, has several hard links, or is not a regular file.
        OSError: it cannot be opened.
    """
    with contextlib.suppress(FileNotFoundError):
        _check_regular_single_link(os.lstat(path), path)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        _check_regular_single_link(os.fstat(descriptor), path)
    except UnsafeFileError:
        os.close(descriptor)
        raise
    return descriptor


def make_folder_within(folder: str | Path, root: str | Path) -> None:
    """Create a folder within `root`, and `root` itself; only `root` may be a link.

    Args:
        folder: path of the folder.
        root: path of the outermost folder.

    Raises:
        UnsafeFileError: a folder between the two is a link or a file.
        ValueError: the folder is not within `root`.
        OSError: it cannot be created.
    """
    root, folder = (Path(os.path.abspath(path)) for path in (root, folder))
    if not folder.is_relative_to(root):
        raise ValueError(f"{folder} is not within {root}")
    root.mkdir(parents=True, exist_ok=True)
    current = root
    for part in folder.relative_to(root).parts:
        current = current / part
        try:
            current.mkdir()
        except FileExistsError:
            check_real_folder(current)


def check_real_folder(path: str | Path) -> None:
    """Check that a path is a folder and not a link to one.

    Raises:
        UnsafeFileError: it is not.
        OSError: its status cannot be read.
    """
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(errno.ELOOP, "is a link; DAF does not write through links", str(path))
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(errno.ENOTDIR, "is not a folder", str(path))


def _check_regular_single_link(status: os.stat_result, path: str | Path) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(errno.ELOOP, "is a link; DAF does not write through links", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(errno.EINVAL, "is not a regular file", str(path))
    if status.st_nlink > 1:
        raise UnsafeFileError(errno.EMLINK, "has several hard links", str(path))
