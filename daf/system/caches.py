"""Cache folder of libraries: a folder that this user can write to."""

import os
import stat
import tempfile
from pathlib import Path

from daf.system.limits import MachineCheckError

CACHE_VARIABLE = "XDG_CACHE_HOME"
"""Environment variable with the cache folder of Snakemake, Warp and other libraries."""


def ensure_writable_xdg_cache() -> None:
    """Set a writable cache folder for this process and its children.

    The folder is `XDG_CACHE_HOME`, else `.cache` in the home folder, else a private folder among
    the temporary files, which needs neither a home folder nor a user name.

    Raises:
        MachineCheckError: the folder is not writable, or other users can write to it.
    """
    configured, home = os.environ.get(CACHE_VARIABLE), os.path.expanduser("~")
    if configured:
        if problem := _find_write_error(Path(configured)):
            raise MachineCheckError(f"{CACHE_VARIABLE}: {configured} cannot be written ({problem})")
    elif not os.path.isabs(home) or _find_write_error(Path(home, ".cache")):
        os.environ[CACHE_VARIABLE] = str(_make_private_cache_folder())


def _make_private_cache_folder() -> Path:
    folder = Path(tempfile.gettempdir(), f"daf-cache-{os.geteuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        problem = error.strerror
    else:
        # Compiled code in the cache is executed, so other users must not be able to write it.
        is_private = status.st_uid == os.geteuid() and not status.st_mode & 0o022
        is_safe = is_private and stat.S_ISDIR(status.st_mode)
        problem = _find_write_error(folder) if is_safe else "other users can write to it"
    if problem:
        raise MachineCheckError(
            f"caches: {folder} cannot be used ({problem}); set {CACHE_VARIABLE} to another folder"
        )
    return folder


def _find_write_error(folder: Path) -> str | None:
    """Return the reason why a folder cannot be made or written; None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror
