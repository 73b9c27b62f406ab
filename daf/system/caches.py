"""Where libraries keep what they compile and copy: a folder that this user can write to."""

import os
import stat
import tempfile
from pathlib import Path

from daf.system.limits import EnvironmentProblem

VARIABLE = "XDG_CACHE_HOME"
"""Names the folder of caches to Snakemake, Warp and many others."""


def provide_caches() -> None:
    """Lead the caches of this process, and of those it starts, to a folder that can be written.

    That is what `XDG_CACHE_HOME` names, else `.cache` in the home folder, else a folder of this
    user among the temporary files, for which neither a home nor a name of the user is needed.

    Raises:
        EnvironmentProblem: the folder cannot be written, or others could change what lies there.
    """
    given, home = os.environ.get(VARIABLE), os.path.expanduser("~")
    if given:
        if problem := _unwritable(Path(given)):
            raise EnvironmentProblem(f"{VARIABLE}: {given} cannot be written ({problem})")
    elif not os.path.isabs(home) or _unwritable(Path(home, ".cache")):
        os.environ[VARIABLE] = str(_temporary_folder())


def _temporary_folder() -> Path:
    folder = Path(tempfile.gettempdir(), f"daf-cache-{os.geteuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        problem = error.strerror
    else:
        # What lies there is run: others must not be able to write it.
        private = found.st_uid == os.geteuid() and not found.st_mode & 0o022
        ours = private and stat.S_ISDIR(found.st_mode)
        problem = _unwritable(folder) if ours else "others may write to it"
    if problem:
        raise EnvironmentProblem(
            f"caches: {folder} cannot be used ({problem}); name a folder by {VARIABLE}"
        )
    return folder


def _unwritable(folder: Path) -> str | None:
    """Why a folder cannot be written, or made; None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror
