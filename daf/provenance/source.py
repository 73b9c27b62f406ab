"""Source of this process: location of DAF, hash of its files, state of its checkout."""

import subprocess
from functools import cache
from pathlib import Path

from daf.config.model import Model
from daf.provenance.hashing import digest, file_digest

PACKAGE = Path(__file__).parents[1]
"""The folder of the package `daf`."""


class Git(Model):
    """State of the checkout the code ran from; None where it is none."""

    commit: str | None
    dirty: bool | None


@cache
def source_digest() -> str:
    """Hash of the names and contents of all files of the package and of the workflow."""
    content = {}
    for label, folder in {"daf": PACKAGE, "workflow": workflow_folder()}.items():
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            ignored = any(part.startswith((".", "_")) for part in name.parts[:-1])
            if path.is_file() and not ignored and not name.name.startswith("."):
                content[f"{label}/{name.as_posix()}"] = file_digest(path)
    return digest(content)


@cache
def git_state() -> Git:
    """Commit of the source, and whether it has changes."""
    folder = PACKAGE.parent

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not (folder / ".git").exists():
        return Git(commit=None, dirty=None)
    status = git("status", "--porcelain", "--untracked-files=no")
    dirty = None if status is None else bool(status)
    return Git(commit=git("rev-parse", "HEAD"), dirty=dirty)


def workflow_folder() -> Path:
    """The folder with the Snakefile."""
    return packaged_or_checkout("_workflow", "workflow")


def relative_or_name(path: str) -> str:
    """A file by its way from the working directory; one that lies elsewhere by its name."""
    whole = Path(path).resolve()
    here = Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else whole.name


def packaged_or_checkout(packaged: str, in_checkout: str) -> Path:
    inside = PACKAGE / packaged
    return inside if inside.is_dir() else PACKAGE.parent / in_checkout
