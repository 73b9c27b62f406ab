"""Checks of files whose content follows from their sidecar."""

import os
import platform
from pathlib import Path
from typing import Any

import yaml

from daf.audit.differences import find_value_difference
from daf.audit.jobs import MachineCheckJob, PipelineCallJob, parse_experiment_config
from daf.audit.reexecute import is_gpu_available
from daf.config import load_json
from daf.config.plain_data import parse_yaml
from daf.jobs.environment_check import MIN_PYTHON
from daf.orchestrators.pipeline import CONFIG_HEADER
from daf.provenance.origin import Origin
from daf.provenance.packages import RECORDED_PACKAGES, daf_and_package_versions
from daf.provenance.sidecar import Sidecar

UNCHECKED_KEYS = {"execution", "audit", "missing"}
"""Keys of a configuration that affect no result, or that a pipeline fills in."""


def find_machine_check_difference(
    environment_file: Path, sidecar: Sidecar, job: MachineCheckJob
) -> str | None:
    """Return the first difference between environment.json and its sidecar; None if they agree.

    The number of cores is not in the sidecar and is not compared.

    Raises:
        ConfigError: the file cannot be read.
    """
    recorded = load_json(environment_file)
    origin, device = sidecar.origin, sidecar.device
    name = origin.hardware.gpu or origin.hardware.processor
    needed = f"{len(RECORDED_PACKAGES)} packages installed"
    checks = [
        ("python", origin.versions.get("python"), f">= {'.'.join(map(str, MIN_PYTHON))}"),
        ("packages", f"{len(origin.versions)} versions recorded", needed),
        ("results folder", "writable", "writable"),
        ("disk", "enough", f"{job.needed_mb:.0f} MB free"),
        ("simulator", *["compiles and is deterministic"] * 2),
        ("device", name, f"{device} computes correctly"),
    ]
    expected = {
        "ok": True,
        "checks": [
            {"name": check, "ok": True, "found": value, "needed": needed}
            for check, value, needed in checks
        ],
        "device": {"kind": device, "name": name, "cores": _recorded_num_cores_or_one(recorded)},
        "versions": origin.versions,
        "platform": origin.platform,
    }
    return find_value_difference(
        job.versions, origin.versions, "versions"
    ) or find_value_difference(recorded, expected, "")


def find_differences_from_this_machine(
    recorded_environment_file: Path, recorded_sidecar: Sidecar
) -> list[str]:
    """Return the differences between the machine of an environment check and this one, in words.

    Raises:
        ConfigError: the file cannot be read.
    """
    if recorded_sidecar.device == "cuda" and not is_gpu_available():
        return ["a GPU instead of none"]
    current = Origin.current(recorded_sidecar.device)
    same_code = recorded_sidecar.origin.model_copy(update={"source": current.source})
    differences = current.describe_differences(same_code, include_hardware=True)
    if recorded_sidecar.origin.platform != platform.platform():
        differences.append(f"platform {recorded_sidecar.origin.platform}")
    if (
        cores := _recorded_num_cores_or_one(load_json(recorded_environment_file))
    ) != os.cpu_count():
        differences.append(f"{cores} cores instead of {os.cpu_count()}")
    return differences


def has_uninstalled_package_versions(sidecar: Sidecar) -> bool:
    """Return true if the recorded package versions differ from those installed."""
    return sidecar.origin.versions != daf_and_package_versions()


def find_config_difference(config_file: Path, job: PipelineCallJob) -> str | None:
    """Return the first difference between config.yaml and its sidecar; None if they agree.

    Raises:
        ConfigError: the file cannot be read, or is not a configuration.
    """
    text = config_file.read_text(encoding="utf-8")
    config = parse_experiment_config(parse_yaml(text, "it"))
    body = yaml.safe_dump(config.resolved(), sort_keys=False, allow_unicode=True)
    if text != f"{CONFIG_HEADER}{body}":
        return "is not formatted as DAF writes configurations"
    if not job.configs:
        return None
    configs = (config, job.configs[-1])
    recorded, expected = (c.model_dump(mode="json", exclude=UNCHECKED_KEYS) for c in configs)
    return find_value_difference(recorded, expected, "")


def _recorded_num_cores_or_one(environment_json: Any) -> int:
    """Return the number of cores in environment.json; 1 if it is not a positive integer."""
    device = environment_json.get("device") if isinstance(environment_json, dict) else None
    cores = device.get("cores") if isinstance(device, dict) else None
    return cores if type(cores) is int and cores > 0 else 1
