"""Writing of files whole or not at all, and never through a link.

A results folder may come from anybody; a link in it may lead anywhere.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from daf.files.safe_read import UnsafeFile, read_chunks

TOKEN = r"\.daf-[0-9a-f]{16}\."
"""What the name of a temporary file begins with, as a pattern."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `path` when the block ends without error.

    Whatever stood there, be it a link, is replaced and not written to.

    Raises:
        OSError: it cannot be written.
    """
    temporary = temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def copy(source: str | Path, path: str | Path) -> None:
    """Copy the content of a regular file, whole or not at all.

    Raises:
        OSError: it cannot be read or written.
    """
    with replacing(path) as file:
        for part in read_chunks(source):
            file.write(part)


def temporary_name(path: str | Path) -> Path:
    """A name beside `path` that nobody can foresee; its suffix is kept."""
    path = Path(path)
    return path.with_name(f".daf-{secrets.token_hex(8)}.{path.name}")


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files that writers of `path` have left when they were killed; nobody
    else may be writing it."""
    path = Path(path)
    left = re.compile(rf"(?:{TOKEN})+{re.escape(path.name)}")
    for other in path.parent.iterdir():
        if left.fullmatch(other.name):
            other.unlink(missing_ok=True)


def open_in_place(path: str | Path) -> int:
    """Open a file to be changed where it stands, such as a lock or a log; made if it is missing.

    Returns:
        a descriptor for reading and writing.

    Raises:
        UnsafeFile: it is a link, has a second name elsewhere, or is no regular file.
        OSError: it cannot be opened.
    """
    with contextlib.suppress(FileNotFoundError):
        _check_own(os.lstat(path), path)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        _check_own(os.fstat(descriptor), path)
    except UnsafeFile:
        os.close(descriptor)
        raise
    return descriptor


def make_folder(folder: str | Path, root: str | Path) -> None:
    """Make a folder within `root`, and `root` itself; only `root` may be a link.

    Raises:
        UnsafeFile: a folder on the way is a link or a file.
        ValueError: it is not within `root`.
        OSError: it cannot be made.
    """
    root, folder = (Path(os.path.abspath(path)) for path in (root, folder))
    if not folder.is_relative_to(root):
        raise ValueError(f"{folder} is not within {root}")
    root.mkdir(parents=True, exist_ok=True)
    here = root
    for part in folder.relative_to(root).parts:
        here = here / part
        try:
            here.mkdir()
        except FileExistsError:
            check_folder(here)


def check_folder(path: str | Path) -> None:
    """Make sure that something is a folder, and no link to one.

    Raises:
        UnsafeFile: it is not.
        OSError: it cannot be looked at.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(errno.ELOOP, "is a link, through which nothing is written", str(path))
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeFile(errno.ENOTDIR, "is no folder", str(path))


def _check_own(found: os.stat_result, path: str | Path) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(errno.ELOOP, "is a link, through which nothing is written", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(errno.EINVAL, "is no regular file", str(path))
    if found.st_nlink > 1:
        raise UnsafeFile(errno.EMLINK, "has a second name, maybe elsewhere", str(path))
