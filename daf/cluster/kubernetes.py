"""Jobs of the workflow as jobs of Kubernetes: what the profile `kubernetes` calls.

python -m daf.cluster.kubernetes submit TEMPLATE CPUS MEMORY_MB DISK_MB GPUS MINUTES SCRIPT
python -m daf.cluster.kubernetes status NAME
"""

import copy
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from daf.config import ConfigError, load_yaml

GPU = "nvidia.com/gpu"


def manifest(
    template: dict[str, Any],
    *,
    name: str,
    folder: str,
    script: str,
    cpus: int,
    memory_mb: int,
    disk_mb: int,
    gpus: int,
    minutes: int,
) -> dict[str, Any]:
    """The Kubernetes job that runs a job's script; what the site must say stands in the template.

    Memory and GPUs are limits, which are requests as well: Kubernetes refuses GPUs that are only
    requested. CPUs and disk are requested only.

    Args:
        template: a Job (`workflow/profiles/kubernetes/job.yaml`), whose first container runs it.
        folder: where the workflow runs, on a volume that the template mounts.
        minutes: after which Kubernetes ends it.

    Raises:
        ConfigError: the template is no such Job; one line.
    """
    job = copy.deepcopy(template)
    try:
        container = job["spec"]["template"]["spec"]["containers"][0]
        job.setdefault("metadata", {})["name"] = name
        job["spec"]["activeDeadlineSeconds"] = 60 * minutes
        container["command"] = ["/bin/sh", script]
        container["workingDir"] = folder
        resources = container.setdefault("resources", {})
        requests, limits = (resources.setdefault(key, {}) for key in ("requests", "limits"))
        requests |= {"cpu": str(cpus), "ephemeral-storage": f"{disk_mb}M"}
        limits |= {"memory": f"{memory_mb}M"} | ({GPU: str(gpus)} if gpus else {})
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ConfigError("the template is no Job with a container") from None
    return job


def submit(
    template: str, cpus: str, memory_mb: str, disk_mb: str, gpus: str, minutes: str, script: str
) -> str:
    """Submit a job's script. Returns the name Kubernetes knows it by."""
    if not Path(template).is_file():
        raise ConfigError(
            f"{template} is missing; copy workflow/profiles/kubernetes/job.yaml, and name your "
            "image and volume in it"
        )
    name = f"daf-{uuid.uuid4().hex[:20]}"
    job = manifest(
        load_yaml(template),
        name=name,
        folder=os.getcwd(),
        script=script,
        cpus=int(cpus),
        memory_mb=int(memory_mb),
        disk_mb=int(disk_mb),
        gpus=int(gpus),
        minutes=int(minutes),
    )
    subprocess.run(["kubectl", "create", "-f", "-"], input=json.dumps(job), text=True,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return name


def status(name: str) -> str:
    """What Snakemake asks for: success, failed or running. A job that was deleted has failed; if
    Kubernetes does not answer, it may well be running."""
    query = ["kubectl", "get", "job", name, "--output=json", "--ignore-not-found"]
    asked = subprocess.run(query, capture_output=True, text=True)
    if asked.returncode:
        return "running"
    if not asked.stdout.strip():
        return "failed"
    conditions = json.loads(asked.stdout).get("status", {}).get("conditions", [])
    ends = {of["type"] for of in conditions if of["status"] == "True"}
    return "success" if "Complete" in ends else "failed" if "Failed" in ends else "running"


def cancel() -> None:
    """The command `daf-kubernetes-cancel NAME...`: delete jobs and what they run."""
    subprocess.run(["kubectl", "delete", "job", "--wait=false", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    try:
        print({"submit": submit, "status": status}[sys.argv[1]](*sys.argv[2:]))
    except ConfigError as error:
        sys.exit(f"error: {error}")
