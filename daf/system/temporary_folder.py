"""Folders for work that leaves nothing: gone at its end, and after a kill at the next call."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

USUAL = ("/tmp", "/var/tmp", "/usr/tmp")

SECONDS_TO_LOCK = 60.0
"""A younger folder may be one whose owner has not locked it yet."""


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder in the folder for temporary files, removed at the end of the block.

    Folders of this prefix whose processes were killed are removed first.

    Raises:
        OSError: there is no place for it.
    """
    place = Path(tempfile.gettempdir())
    # Python falls back to the working directory, which may be a folder that somebody sent.
    named = {os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")}
    if place == Path.cwd() and str(place) not in {*named, *USUAL}:
        raise FileNotFoundError(errno.ENOENT, "no folder for temporary files; TMPDIR names one")
    _sweep(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(place: Path, prefix: str) -> None:
    """Remove what processes of this user have left that are no more."""
    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            found = os.lstat(folder)
            old = time.time() - found.st_mtime > SECONDS_TO_LOCK
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or not old:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
