"""Temporary folders, removed at the end of a block, or at the next call after a kill."""

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

STANDARD_FOLDERS = ("/tmp", "/var/tmp", "/usr/tmp")

SECONDS_TO_LOCK = 60.0
"""Minimum age of a removed folder, since a new one may not be locked yet."""


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Create a temporary folder, and remove it at the end of the block.

    Folders with the same prefix whose process was killed are removed first.

    Args:
        prefix: prefix of the folder's name.

    Raises:
        OSError: no folder for temporary files is writable.
    """
    parent = Path(tempfile.gettempdir())
    # Python falls back to the working directory, which may be an untrusted folder.
    configured = {os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")}
    if parent == Path.cwd() and str(parent) not in {*configured, *STANDARD_FOLDERS}:
        raise FileNotFoundError(errno.ENOENT, "no folder for temporary files; set TMPDIR to one")
    _remove_abandoned_folders(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_abandoned_folders(parent: Path, prefix: str) -> None:
    """Remove folders of this user whose process has ended."""
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            status = os.lstat(folder)
            is_old = time.time() - status.st_mtime > SECONDS_TO_LOCK
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or not is_old:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
