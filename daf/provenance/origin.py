"""Origin of a result: code, package versions and hardware."""

import platform
from pathlib import Path

from daf.config.model import Model
from daf.provenance.packages import daf_and_package_versions
from daf.provenance.source import Git, git_state, source_digest


class Hardware(Model):
    """Hardware of a job.

    Attributes:
        processor: name of the processor.
        gpu, driver: name of the GPU and version of its driver; None on a CPU.
    """

    processor: str
    gpu: str | None
    driver: str | None


class Origin(Model):
    """Code, package versions and hardware that made a result.

    Attributes:
        source: hash of all files of DAF and its workflow.
        git: state of the checkout.
        versions: versions of DAF, Python and packages, by name.
        platform: operating system.
        hardware: processor and GPU.
    """

    source: str
    git: Git
    versions: dict[str, str]
    platform: str
    hardware: Hardware

    @classmethod
    def current(cls, device: str) -> "Origin":
        """Return the origin of results of this process on "cpu" or "cuda"."""
        return cls(
            source=source_digest(),
            git=git_state(),
            versions=daf_and_package_versions(),
            platform=platform.platform(),
            hardware=current_hardware(device),
        )

    def describe_differences(self, other_origin: "Origin", include_hardware: bool) -> list[str]:
        """Return descriptions of the differences of another origin, as causes of other results.

        Args:
            other_origin: origin to compare with.
            include_hardware: True to include processor and GPU.
        """
        differences = [] if self.source == other_origin.source else ["other source code of DAF"]
        names = sorted(self.versions.keys() | other_origin.versions.keys())
        for name in names:
            mine, theirs = self.versions.get(name, "none"), other_origin.versions.get(name, "none")
            if mine != theirs:
                differences.append(f"{name} {theirs} instead of {mine}")
        for part in ("processor", "gpu") if include_hardware else ():
            mine, theirs = getattr(self.hardware, part), getattr(other_origin.hardware, part)
            if mine != theirs:
                differences.append(f"{part} {theirs} instead of {mine}")
        return differences


def current_hardware(device: str) -> Hardware:
    """Return the hardware of a job on "cpu" or "cuda"."""
    if device == "cpu":
        return Hardware(processor=processor_name(), gpu=None, driver=None)
    import torch

    gpu = torch.cuda.get_device_name()
    return Hardware(processor=processor_name(), gpu=gpu, driver=_nvidia_driver_version())


def processor_name() -> str:
    """Return the name of the processor."""
    names = _read_values_from_linux_proc_file("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _nvidia_driver_version() -> str | None:
    lines = _read_values_from_linux_proc_file("/proc/driver/nvidia/version", "NVRM version")
    return lines[0] if lines else None


def _read_values_from_linux_proc_file(file_path: str, key: str) -> list[str]:
    """Return the values of a key in a file of the Linux kernel; empty without the file."""
    try:
        lines = Path(file_path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == key]
