"""The sidecar of a job: what it made, of what, by which code, where and when."""

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daf.provenance import digest, file_digest, temporary_name, versions, write_json

SUFFIX = ".prov.json"
SELF = "record_digest"
"""Key of a record's digest of all its other keys."""


@contextlib.contextmanager
def recorded(
    *,
    rule: str,
    inputs: list[str],
    outputs: list[str],
    sidecar: str,
    parameters: dict[str, Any],
    device: str,
    results: str,
) -> Iterator[dict[str, Path]]:
    """Make the outputs of one job appear together, with their provenance, or not at all.

    Files are named in the record relative to `results`, so that the folder can be moved; inputs
    from elsewhere, as they were given, stand under `inputs_from_elsewhere`.

    Yields:
        for each output, the temporary path to write it to. When the block ends without error all
        are renamed to their final names and the sidecar is written; else they are removed and what
        stood there before stays.

    Raises:
        FileNotFoundError: the block did not write an output.
    """
    begin = datetime.now(UTC)
    temporary = {output: temporary_name(output) for output in outputs}
    for output in outputs:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        digests = {path: file_digest(path) for path in sorted(inputs)}
        names = {path: _inside(path, results) for path in digests}
        record = {
            "rule": rule,
            "outputs": {_inside(o, results): file_digest(path) for o, path in temporary.items()},
            "inputs": {name: digests[path] for path, name in names.items() if name},
            "inputs_from_elsewhere": {
                path: digests[path] for path, name in names.items() if not name
            },
            "parameters": parameters,
            "parameters_digest": digest(parameters),
            "git": git_state(),
            "versions": versions(),
            "platform": platform.platform(),
            "device": device,
            "hardware": hardware(device),
            "command": sys.argv,
            "begin": begin.isoformat(),
            "end": datetime.now(UTC).isoformat(),
        }
        temporary[sidecar] = temporary_name(sidecar)
        write_json(temporary[sidecar], record | {SELF: digest(record)})
        for output, path in temporary.items():
            os.replace(path, output)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _inside(path: str, results: str) -> str | None:
    """Name of a file within the folder of results; None for one that is elsewhere."""
    whole, folder = (Path(os.path.abspath(name)) for name in (path, results))
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else None


def git_state() -> dict[str, Any]:
    """Commit of the source and whether it has changes; None where it is no checkout."""
    folder = Path(__file__).parent.parent

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if not (folder / ".git").exists():
        return {"commit": None, "dirty": None}
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def hardware(device: str) -> dict[str, str | None]:
    """The processor; and where `device` is CUDA, the GPU and the version of its driver."""
    if device == "cpu":
        return {"processor": processor(), "gpu": None, "driver": None}
    import torch

    return {"processor": processor(), "gpu": torch.cuda.get_device_name(), "driver": _driver()}


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
