"""The environment check: can this machine do the work that is about to start?"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daf.provenance.origin import hardware
from daf.provenance.packages import PACKAGES, versions
from daf.system.limits import EnvironmentProblem

MIN_PYTHON = (3, 11)
MB = 1024 * 1024


def check_environment(results: str | Path, needed_mb: float, device: str) -> dict[str, Any]:
    """Try everything the workflow needs.

    Args:
        results: the folder results go to.
        needed_mb: estimate of what will be written there, in MB.
        device: "cpu" or "cuda", what trainings will run on.

    Returns:
        the content of environment.json: `ok`, `checks` [{name, ok, found, needed}], `device`,
        `versions`, `platform`. Nothing in it changes from one call to the next on one machine.
    """
    checks = [
        _check("python", _python, f">= {'.'.join(map(str, MIN_PYTHON))}"),
        _check("packages", _packages, f"{len(PACKAGES)} packages installed"),
        _check("results folder", lambda: _writable(Path(results)), "writable"),
        _check("disk", lambda: _disk(Path(results), needed_mb), f"{needed_mb:.0f} MB free"),
        _check("simulator", lambda: _simulator(device), "compiles and repeats itself"),
        _check("device", lambda: _device(device), f"{device} computes correctly"),
    ]
    return {
        "ok": all(check["ok"] for check in checks),
        "checks": checks,
        "device": {"kind": device, "name": _device_name(device), "cores": os.cpu_count()},
        "versions": versions() if checks[1]["ok"] else {},
        "platform": platform.platform(),
    }


def _check(name: str, test: Callable[[], str], needed: str) -> dict[str, Any]:
    try:
        found, ok = test(), True
    except Exception as error:  # whatever goes wrong here is the finding
        found, ok = " ".join(f"{type(error).__name__}: {error}".split()), False
    return {"name": name, "ok": ok, "found": found, "needed": needed}


def _python() -> str:
    if sys.version_info < MIN_PYTHON:
        raise EnvironmentProblem(f"Python {platform.python_version()} is too old")
    return platform.python_version()


def _packages() -> str:
    return f"{len(versions())} versions recorded"


def _writable(results: Path) -> str:
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=results) as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    return "writable"


def _disk(results: Path, needed_mb: float) -> str:
    free_mb = shutil.disk_usage(results).free / MB
    if free_mb < needed_mb:
        raise EnvironmentProblem(f"{free_mb:.0f} MB free in {results.resolve()}")
    return "enough"


def _simulator(device: str) -> str:
    import torch

    from daf.missions import load_mission
    from daf.sim.simulation import Simulation

    simulations = [Simulation(load_mission("assembler_2"), 4, device, seed=7) for _ in range(2)]
    for step in range(20):
        actions = (torch.arange(16, device=device) * 7 + step).view(4, 4) % 6
        for simulation in simulations:
            simulation.step(actions)
    if not torch.equal(simulations[0].observations, simulations[1].observations):
        raise EnvironmentProblem("two equal simulations gave different observations")
    return "compiles and repeats itself"


def _device(device: str) -> str:
    import torch

    left = torch.linspace(-1, 1, 256 * 256).view(256, 256)
    expected = left.double() @ left.double()
    got = (left.to(device) @ left.to(device)).cpu().double()
    error = float((got - expected).abs().max())
    if error > 0.01:
        raise EnvironmentProblem(f"a matrix product on {device} is wrong by {error:g}")
    return _device_name(device)


def _device_name(device: str) -> str:
    found = hardware(device)
    return found.gpu or found.processor
