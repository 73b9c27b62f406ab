"""By what results are made: the code, the versions, the machine."""

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from daf.config.model import Model
from daf.provenance import digest, file_digest, versions
from daf.stopping import snakemake_process
from daf.workflow import PACKAGE, within, workflow_folder


class Git(Model):
    """State of the checkout the code ran from; None where it is none."""

    commit: str | None
    dirty: bool | None


class Hardware(Model):
    """The processor; the GPU and its driver where one was used."""

    processor: str
    gpu: str | None
    driver: str | None


class Origin(Model):
    """By what a result was made.

    Attributes:
        source: hash of all of DAF's own files; `git` says where they come from.
        versions: of DAF, Python and the packages that decide results.
    """

    source: str
    git: Git
    versions: dict[str, str]
    platform: str
    hardware: Hardware

    @classmethod
    def here(cls, device: str) -> "Origin":
        """What this process would make results by, on "cpu" or "cuda"."""
        return cls(
            source=source_digest(),
            git=git_state(),
            versions=versions(),
            platform=platform.platform(),
            hardware=hardware(device),
        )

    def differences(self, other: "Origin", hardware: bool) -> list[str]:
        """What may be the cause if another origin gives other results, in words.

        Args:
            hardware: whether it can be.
        """
        found = [] if self.source == other.source else ["other source code of DAF"]
        names = sorted(self.versions.keys() | other.versions.keys())
        for name in names:
            mine, theirs = self.versions.get(name, "none"), other.versions.get(name, "none")
            if mine != theirs:
                found.append(f"{name} {theirs} instead of {mine}")
        for part in ("processor", "gpu") if hardware else ():
            mine, theirs = getattr(self.hardware, part), getattr(other.hardware, part)
            if mine != theirs:
                found.append(f"{part} {theirs} instead of {mine}")
        return found


def command() -> list[str]:
    """The call of Snakemake that this process is a job of, else its own, as somebody would type
    it: files are named from the working directory, or by their names alone."""
    snakemake = snakemake_process()
    program, *rest = sys.argv if snakemake is None else snakemake.cmdline()[1:]
    while program in ("-P", "-m"):
        program, *rest = rest
    path = Path(program)
    name = path.parent.name if path.name == "__main__.py" else path.name
    return [name, *map(_typed, rest)]


def _typed(word: str) -> str:
    option, equals, value = word.partition("=")
    if equals and Path(value).is_absolute():
        return f"{option}={within(value)}"
    return within(word) if Path(word).is_absolute() else word


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


def hardware(device: str) -> Hardware:
    """The processor; and where `device` is "cuda", the GPU and the version of its driver."""
    if device == "cpu":
        return Hardware(processor=processor(), gpu=None, driver=None)
    import torch

    gpu = torch.cuda.get_device_name()
    return Hardware(processor=processor(), gpu=gpu, driver=_driver())


def processor() -> str:
    """Name of this machine's processor."""
    names = _values("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _driver() -> str | None:
    lines = _values("/proc/driver/nvidia/version", "NVRM version")
    return lines[0] if lines else None


def _values(file: str, key: str) -> list[str]:
    """What a file of the kernel says of a key."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == key]
