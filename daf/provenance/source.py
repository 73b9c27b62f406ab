"""Source of this process: location of DAF, hash of its files, state of its checkout."""

import subprocess
from functools import cache
from pathlib import Path

from daf.config.model import Model
from daf.provenance.hashing import digest, file_digest

PACKAGE = Path(__file__).parents[1]
"""Folder of the package `daf`."""


class Git(Model):
    """State of the Git checkout of the code; None outside of a checkout."""

    commit: str | None
    dirty: bool | None


@cache
def source_digest() -> str:
    """Return the hash of the names and contents of all files of the package and the workflow."""
    content = {}
    for label, folder in {"daf": PACKAGE, "workflow": workflow_folder()}.items():
        for path in folder.rglob("*"):
            relative = path.relative_to(folder)
            is_ignored = any(part.startswith((".", "_")) for part in relative.parts[:-1])
            if path.is_file() and not is_ignored and not relative.name.startswith("."):
                content[f"{label}/{relative.as_posix()}"] = file_digest(path)
    return digest(content)


@cache
def git_state() -> Git:
    """Return the commit of the checkout, and if it has uncommitted changes."""
    folder = PACKAGE.parent

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(folder), *arguments]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.strip() if result.returncode == 0 else None

    if not (folder / ".git").exists():
        return Git(commit=None, dirty=None)
    status = git("status", "--porcelain", "--untracked-files=no")
    dirty = None if status is None else bool(status)
    return Git(commit=git("rev-parse", "HEAD"), dirty=dirty)


def workflow_folder() -> Path:
    """Return the folder of the Snakefile."""
    return packaged_or_checkout_folder("_workflow", "workflow")


def cwd_relative_path_or_name(path: str) -> str:
    """Return a path relative to the working directory; outside of it, only the name."""
    absolute = Path(path).resolve()
    current = Path.cwd()
    return str(absolute.relative_to(current)) if absolute.is_relative_to(current) else absolute.name


def packaged_or_checkout_folder(packaged_name: str, checkout_name: str) -> Path:
    """Return a folder of the installed package, else of the checkout.

    Args:
        packaged_name: name of the folder in the package `daf`.
        checkout_name: name of the folder in the root of the checkout.
    """
    folder = PACKAGE / packaged_name
    return folder if folder.is_dir() else PACKAGE.parent / checkout_name
