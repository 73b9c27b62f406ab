"""Kubernetes jobs of the workflow: commands of the profile `kubernetes`.

python -m daf.cluster.kubernetes submit TEMPLATE CPUS MEMORY_MB DISK_MB GPUS MINUTES SCRIPT
python -m daf.cluster.kubernetes status NAME
"""

import copy
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from daf.config import ConfigError, load_yaml

GPU = "nvidia.com/gpu"

JobName: TypeAlias = str
"""Name of a Kubernetes job."""

SnakemakeStatus = Literal["success", "failed", "running"]
"""Status of a job, as Snakemake reads it."""


def build_job_manifest(
    template: dict[str, Any],
    *,
    name: str,
    working_directory: str,
    script_path: str,
    cpus: int,
    memory_mb: int,
    disk_mb: int,
    gpus: int,
    minutes: int,
) -> dict[str, Any]:
    """Build the manifest of a Kubernetes job from the site's template.

    Memory and GPUs are limits, which imply requests: Kubernetes refuses GPUs without a limit. CPUs
    and disk are requests only.

    Args:
        template: Job (`workflow/profiles/kubernetes/job.yaml`), whose first container runs the
            script.
        name: name of the Kubernetes job.
        working_directory: working directory of the workflow, on a volume that the template mounts.
        script_path: script of the Snakemake job.
        cpus: number of CPUs.
        memory_mb: memory in MB.
        disk_mb: ephemeral storage in MB.
        gpus: number of GPUs.
        minutes: time limit in minutes.

    Raises:
        ConfigError: template without a container, in one line.
    """
    job = copy.deepcopy(template)
    try:
        container = job["spec"]["template"]["spec"]["containers"][0]
        job.setdefault("metadata", {})["name"] = name
        job["spec"]["activeDeadlineSeconds"] = 60 * minutes
        container["command"] = ["/bin/sh", script_path]
        container["workingDir"] = working_directory
        resources = container.setdefault("resources", {})
        requests, limits = (resources.setdefault(key, {}) for key in ("requests", "limits"))
        requests |= {"cpu": str(cpus), "ephemeral-storage": f"{disk_mb}M"}
        limits |= {"memory": f"{memory_mb}M"} | ({GPU: str(gpus)} if gpus else {})
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ConfigError("the template is no Job with a container") from None
    return job


def submit_job(
    template_path: str,
    cpus: str,
    memory_mb: str,
    disk_mb: str,
    gpus: str,
    minutes: str,
    script_path: str,
) -> JobName:
    """Submit a job's script and return its name; arguments as in `build_job_manifest`.

    Raises:
        ConfigError: missing or invalid template.
    """
    if not Path(template_path).is_file():
        raise ConfigError(
            f"{template_path} is missing; copy workflow/profiles/kubernetes/job.yaml, "
            "and name your image and volume in it"
        )
    name = f"daf-{uuid.uuid4().hex[:20]}"
    job = build_job_manifest(
        load_yaml(template_path),
        name=name,
        working_directory=os.getcwd(),
        script_path=script_path,
        cpus=int(cpus),
        memory_mb=int(memory_mb),
        disk_mb=int(disk_mb),
        gpus=int(gpus),
        minutes=int(minutes),
    )
    subprocess.run(["kubectl", "create", "-f", "-"], input=json.dumps(job), text=True,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return name


def query_job_status(job_name: JobName) -> SnakemakeStatus:
    """Return the status of a job.

    A deleted job has failed. A job is running if Kubernetes does not respond.
    """
    query = ["kubectl", "get", "job", job_name, "--output=json", "--ignore-not-found"]
    result = subprocess.run(query, capture_output=True, text=True)
    if result.returncode:
        return "running"
    if not result.stdout.strip():
        return "failed"
    conditions = json.loads(result.stdout).get("status", {}).get("conditions", [])
    active = {condition["type"] for condition in conditions if condition["status"] == "True"}
    return "success" if "Complete" in active else "failed" if "Failed" in active else "running"


def cancel_jobs(job_names: Sequence[JobName]) -> None:
    """Delete jobs and their pods."""
    subprocess.run(["kubectl", "delete", "job", "--wait=false", *job_names], check=True)


def run_cancel_command() -> None:
    """Run the command `daf-kubernetes-cancel NAME...`."""
    cancel_jobs(sys.argv[1:])


if __name__ == "__main__":
    try:
        print({"submit": submit_job, "status": query_job_status}[sys.argv[1]](*sys.argv[2:]))
    except ConfigError as error:
        sys.exit(f"error: {error}")
