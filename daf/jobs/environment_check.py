"""Environment check: tests of machine and installation before the first job."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from daf.provenance.origin import current_hardware
from daf.provenance.packages import RECORDED_PACKAGES, daf_and_package_versions
from daf.system.limits import MachineCheckError

MIN_PYTHON = (3, 11)
MB = 1024 * 1024


CheckResult = dict[str, str | bool]
"""Result of one check: `name`, `ok`, `found` (value of this machine), `needed`."""


class MachineReport(TypedDict):
    """Content of environment.json. It is the same for all calls on one machine.

    Attributes:
        ok: true if every check passed.
        checks: results of the checks.
        device: kind ("cpu" or "cuda") and name of the device, number of CPU cores.
        versions: versions of the packages, by name.
        platform: operating system.
    """

    ok: bool
    checks: list[CheckResult]
    device: dict[str, Any]
    versions: dict[str, str]
    platform: str


def run_machine_checks(
    results_dir: str | Path, needed_disk_mb: float, device: str
) -> MachineReport:
    """Check everything that the workflow needs, and report failed checks without an error.

    Args:
        results_dir: folder of the results.
        needed_disk_mb: estimated disk space of the results, in MB.
        device: "cpu" or "cuda", device of the training runs.
    """
    checks = [
        _run_machine_check(
            "python", _check_and_describe_python_version, f">= {'.'.join(map(str, MIN_PYTHON))}"
        ),
        _run_machine_check(
            "packages", _describe_package_count, f"{len(RECORDED_PACKAGES)} packages installed"
        ),
        _run_machine_check(
            "results folder", lambda: _check_and_describe_writability(Path(results_dir)), "writable"
        ),
        _run_machine_check(
            "disk",
            lambda: _check_and_describe_disk_sufficiency(Path(results_dir), needed_disk_mb),
            f"{needed_disk_mb:.0f} MB free",
        ),
        _run_machine_check(
            "simulator",
            lambda: _check_and_describe_simulator(device),
            "compiles and is deterministic",
        ),
        _run_machine_check(
            "device", lambda: _check_and_describe_device(device), f"{device} computes correctly"
        ),
    ]
    return {
        "ok": all(check["ok"] for check in checks),
        "checks": checks,
        "device": {"kind": device, "name": _device_name(device), "cores": os.cpu_count()},
        "versions": daf_and_package_versions() if checks[1]["ok"] else {},
        "platform": platform.platform(),
    }


def _run_machine_check(
    name: str, check_and_describe: Callable[[], str], requirement: str
) -> CheckResult:
    try:
        result, ok = check_and_describe(), True
    except Exception as error:  # any error is a failed check
        result, ok = " ".join(f"{type(error).__name__}: {error}".split()), False
    return {"name": name, "ok": ok, "found": result, "needed": requirement}


def _check_and_describe_python_version() -> str:
    if sys.version_info < MIN_PYTHON:
        raise MachineCheckError(f"Python {platform.python_version()} is too old")
    return platform.python_version()


def _describe_package_count() -> str:
    return f"{len(daf_and_package_versions())} versions recorded"


def _check_and_describe_writability(results_dir: Path) -> str:
    results_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=results_dir) as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    return "writable"


def _check_and_describe_disk_sufficiency(results_dir: Path, needed_mb: float) -> str:
    """Return "enough" instead of the free space, which is different at each check."""
    free_mb = shutil.disk_usage(results_dir).free / MB
    if free_mb < needed_mb:
        raise MachineCheckError(f"{free_mb:.0f} MB free in {results_dir.resolve()}")
    return "enough"


def _check_and_describe_simulator(device: str) -> str:
    import torch

    from daf.missions import load_mission
    from daf.sim.simulation import Simulation

    simulations = [Simulation(load_mission("assembler_2"), 4, device, seed=7) for _ in range(2)]
    for step in range(20):
        actions = (torch.arange(16, device=device) * 7 + step).view(4, 4) % 6
        for simulation in simulations:
            simulation.step(actions)
    if not torch.equal(simulations[0].observations, simulations[1].observations):
        raise MachineCheckError("two equal simulations gave different observations")
    return "compiles and is deterministic"


def _check_and_describe_device(device: str) -> str:
    import torch

    matrix = torch.linspace(-1, 1, 256 * 256).view(256, 256)
    expected = matrix.double() @ matrix.double()
    product = (matrix.to(device) @ matrix.to(device)).cpu().double()
    error = float((product - expected).abs().max())
    if error > 0.01:
        raise MachineCheckError(f"a matrix product on {device} has an error of {error:g}")
    return _device_name(device)


def _device_name(device: str) -> str:
    current = current_hardware(device)
    return current.gpu or current.processor
