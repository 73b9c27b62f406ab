"""Origin of a result: code, package versions and hardware."""

import platform
from pathlib import Path

from daf.config.model import Model
from daf.provenance.packages import versions
from daf.provenance.source import Git, git_state, source_digest


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
    def current(cls, device: str) -> "Origin":
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


def hardware(device: str) -> Hardware:
    """The processor; and where `device` is "cuda", the GPU and the version of its driver."""
    if device == "cpu":
        return Hardware(processor=processor(), gpu=None, driver=None)
    import torch

    gpu = torch.cuda.get_device_name()
    return Hardware(processor=processor(), gpu=gpu, driver=_driver())


def processor() -> str:
    """Name of this machine's processor."""
    names = _kernel_file_values("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _driver() -> str | None:
    lines = _kernel_file_values("/proc/driver/nvidia/version", "NVRM version")
    return lines[0] if lines else None


def _kernel_file_values(file: str, key: str) -> list[str]:
    """What a file of the kernel says of a key."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == key]
