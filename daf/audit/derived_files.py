"""Files whose content follows from their sidecar, and what of it nobody else can tell."""

import os
import platform
from pathlib import Path
from typing import Any

import yaml

from daf.audit.differences import first_value_difference
from daf.audit.jobs import Call, EnvironmentCheck, parsed_config
from daf.audit.reexecute import gpu_here
from daf.config import load_json
from daf.config.plain_data import parse_yaml
from daf.jobs.environment_check import MIN_PYTHON
from daf.orchestrators.pipeline import CONFIG_HEADER
from daf.provenance.origin import Origin
from daf.provenance.packages import PACKAGES, versions
from daf.provenance.sidecar import Sidecar

OTHERS = {"execution", "audit", "missing"}
"""Parts of a configuration that decide no result, or that a call finds out."""


def environment_difference(file: Path, record: Sidecar, job: EnvironmentCheck) -> str | None:
    """The first difference between environment.json and what its sidecar tells; None if there is
    none. How many cores the machine has is not looked at.

    Raises:
        ConfigError: it cannot be read.
    """
    told = load_json(file)
    origin, device = record.origin, record.device
    name = origin.hardware.gpu or origin.hardware.processor
    needed = f"{len(PACKAGES)} packages installed"
    checks = [
        ("python", origin.versions.get("python"), f">= {'.'.join(map(str, MIN_PYTHON))}"),
        ("packages", f"{len(origin.versions)} versions recorded", needed),
        ("results folder", "writable", "writable"),
        ("disk", "enough", f"{job.needed_mb:.0f} MB free"),
        ("simulator", *["compiles and repeats itself"] * 2),
        ("device", name, f"{device} computes correctly"),
    ]
    expected = {
        "ok": True,
        "checks": [
            {"name": check, "ok": True, "found": found, "needed": needed}
            for check, found, needed in checks
        ],
        "device": {"kind": device, "name": name, "cores": _cores(told)},
        "versions": origin.versions,
        "platform": origin.platform,
    }
    return first_value_difference(
        job.versions, origin.versions, "versions"
    ) or first_value_difference(told, expected, "")


def other_machine(file: Path, record: Sidecar) -> list[str]:
    """In what the machine of an environment check differs from this one, in words; what was found
    on another machine can be found nowhere else.

    Raises:
        ConfigError: the file cannot be read.
    """
    if record.device == "cuda" and not gpu_here():
        return ["a GPU instead of none"]
    here = Origin.current(record.device)
    same_code = record.origin.model_copy(update={"source": here.source})
    found = here.differences(same_code, hardware=True)
    if record.origin.platform != platform.platform():
        found.append(f"platform {record.origin.platform}")
    if _cores(load_json(file)) != os.cpu_count():
        found.append(f"{_cores(load_json(file))} cores instead of {os.cpu_count()}")
    return found


def other_versions(record: Sidecar) -> bool:
    """Whether the packages of a job are not those that are installed here."""
    return record.origin.versions != versions()


def config_difference(file: Path, job: Call) -> str | None:
    """The first difference between the config.yaml of a pipeline and what its sidecar tells; None
    if there is none.

    Raises:
        ConfigError: it cannot be read, or is no configuration.
    """
    text = file.read_text(encoding="utf-8")
    config = parsed_config(parse_yaml(text, "it"))
    body = yaml.safe_dump(config.resolved(), sort_keys=False, allow_unicode=True)
    if text != f"{CONFIG_HEADER}{body}":
        return "is not written as DAF writes configurations"
    if not job.configs:
        return None
    told, expected = (c.model_dump(mode="json", exclude=OTHERS) for c in (config, job.configs[-1]))
    return first_value_difference(told, expected, "")


def _cores(told: Any) -> int:
    """The number of cores that a check found; 1 where it is no number of cores."""
    device = told.get("device") if isinstance(told, dict) else None
    cores = device.get("cores") if isinstance(device, dict) else None
    return cores if type(cores) is int and cores > 0 else 1
