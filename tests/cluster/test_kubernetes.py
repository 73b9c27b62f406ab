"""Kubernetes jobs without a cluster: API types, and a fake kubectl that runs commands locally."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from daf.cluster.kubernetes import GPU, build_job_manifest, query_job_status, submit_job
from daf.config import ConfigError, load_yaml
from daf.orchestrators.snakemake_command import snakemake_command, snakemake_profile_options
from daf.provenance.source import workflow_folder

TEMPLATE = workflow_folder() / "profiles" / "kubernetes" / "job.yaml"
NEEDS = {"cpus": 2, "memory_mb": 3000, "disk_mb": 1000, "gpus": 1, "minutes": 120}

# Stores created jobs and runs their commands without a container.
KUBECTL = f"""#!{sys.executable}
import json, os, subprocess, sys
from pathlib import Path
folder = Path(os.environ["KUBE"])
if sys.argv[1] == "create":
    job = json.load(sys.stdin)
    name = job["metadata"]["name"]
    (folder / f"{{name}}.json").write_text(json.dumps(job))
    container = job["spec"]["template"]["spec"]["containers"][0]
    run = '"$@" > "$KUBE/$0.log" 2>&1; echo $? > "$KUBE/$0.new"; mv "$KUBE/$0.new" "$KUBE/$0.end"'
    subprocess.Popen(["sh", "-c", run, name, *container["command"]], cwd=container["workingDir"],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    print(f"job.batch/{{name}} created")
elif sys.argv[1:3] == ["get", "job"]:
    if not (folder / f"{{sys.argv[3]}}.json").exists():
        sys.exit("unreachable" in sys.argv[3])
    end = folder / f"{{sys.argv[3]}}.end"
    code = end.read_text().strip() if end.exists() else None
    kind = {{None: "Suspended", "0": "Complete"}}.get(code, "Failed")
    condition = {{"type": kind, "status": str(code is not None)}}
    print(json.dumps({{"status": {{"active": 1, "conditions": [condition]}}}}))
"""


@pytest.fixture
def kube(tmp_path, monkeypatch):
    """Folder of a fake kubectl with its jobs."""
    folder = tmp_path / "kube"
    folder.mkdir()
    kubectl = folder / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    path = f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("KUBE", str(folder))
    return folder


def check(value, kind: str, path: str = "job") -> None:
    """Check a value against a type of the official client: keys, types and required keys."""
    from kubernetes import client

    plain = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        assert isinstance(value, list), path
        for number, item in enumerate(value):
            check(item, listed[1], f"{path}[{number}]")
    elif mapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
        assert isinstance(value, dict), path
        for key, item in value.items():
            check(item, mapped[1], f"{path}.{key}")
    elif kind in plain:
        assert isinstance(value, plain[kind]) and (kind == "bool") == (value in (True, False)
               and isinstance(value, bool)), f"{path}: {value!r} is no {kind}"  # fmt: skip
    else:
        model = getattr(client, kind)
        names = {wire: name for name, wire in model.attribute_map.items()}
        assert isinstance(value, dict), path
        assert set(value) <= set(names), f"{path}: unknown {set(value) - set(names)}"
        for key, item in value.items():
            check(item, model.openapi_types[names[key]], f"{path}.{key}")
        model(**{names[key]: item for key, item in value.items()})  # raises for missing keys


def check_job(job: dict) -> None:
    """Check the documented rules of the server beyond types."""
    check(job, "V1Job")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", job["metadata"]["name"])
    assert job["spec"]["activeDeadlineSeconds"] > 0
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] in ("Never", "OnFailure")
    [container] = pod["containers"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    for quantity in (*requests.values(), *limits.values()):
        assert re.fullmatch(r"[1-9][0-9]*(m|[kMGTPE]|[KMGTPE]i)?", quantity)
    # Extended resources cannot be overcommitted: a limit, and no other request.
    assert all(limits.get(name) == amount for name, amount in requests.items() if "/" in name)


def make_manifest(**changes) -> dict:
    arguments = (
        {"name": "daf-1", "working_directory": "/work", "script_path": "/work/x.sh"}
        | NEEDS
        | changes
    )
    return build_job_manifest(load_yaml(TEMPLATE), **arguments)


def test_manifest_has_the_resources_of_the_job():
    job = make_manifest()
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "/work/x.sh"]
    assert container["workingDir"] == "/work"
    assert container["resources"] == {
        "requests": {"cpu": "2", "ephemeral-storage": "1000M"},
        "limits": {"memory": "3000M", GPU: "1"},
    }
    assert job["spec"]["activeDeadlineSeconds"] == 7200
    [container] = make_manifest(gpus=0)["spec"]["template"]["spec"]["containers"]
    assert GPU not in container["resources"]["limits"]


@pytest.mark.parametrize("template", [[], {}, {"spec": {"template": {"spec": {"containers": []}}}}])
def test_invalid_template_is_refused(template):
    with pytest.raises(ConfigError, match="no Job with a container"):
        build_job_manifest(
            template, name="daf-1", working_directory="/work", script_path="x", **NEEDS
        )


def test_missing_template_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"kubernetes\.yaml is missing; copy "):
        submit_job("kubernetes.yaml", "1", "1", "1", "0", "1", "x.sh")


def test_status_of_a_job(kube):
    assert query_job_status("daf-deleted") == "failed"
    assert query_job_status("daf-unreachable") == "running"
    for end, word in {None: "running", "0": "success", "1": "failed"}.items():
        (kube / "daf-1.json").touch()
        if end:
            (kube / "daf-1.end").write_text(end)
        assert query_job_status("daf-1") == word


@pytest.mark.cluster
def test_manifests_fit_the_api():
    check_job(make_manifest())
    check_job(make_manifest(gpus=0))
    invalid = {"gpus": "one", "memory_mb": "many"}
    for key, value in invalid.items():
        with pytest.raises(AssertionError):
            check_job(make_manifest(**{key: value}))
    for change in (
        lambda job: job["spec"].update(backofLimit=0),
        lambda job: job["spec"].pop("template"),
        lambda job: job["spec"].update(backoffLimit="0"),
    ):
        job = make_manifest()
        change(job)
        with pytest.raises((AssertionError, ValueError)):
            check(job, "V1Job")


@pytest.mark.cluster
def test_the_main_job_through_the_profile(kube, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        "name": "kube",
        "policies": [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}, "noop"],
        "missions": ["assembler_1"],
        "training_seeds": [1],
        "training": {"worlds": 2, "rollout_length": 8, "steps": 16},
        "evaluation": {"episodes": 2},
    }
    Path("kube.yaml").write_text(yaml.safe_dump(config))
    Path("kubernetes.yaml").write_text(TEMPLATE.read_text())
    options = [*snakemake_profile_options("kubernetes"), "--latency-wait", "5"]
    done = subprocess.run(
        snakemake_command(["benchmark_report"], Path("kube.yaml"), *options),
        capture_output=True, text=True,
    )  # fmt: skip
    logs = "\n".join(log.read_text() for log in kube.glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert Path("results/benchmarks/kube/report.html").exists()
    jobs = [json.loads(file.read_text()) for file in kube.glob("*.json")]
    assert len(jobs) == 4  # check, run, 2 evaluations; other rules are local
    for job in jobs:
        check_job(job)
        [container] = job["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"][GPU] == "1"
        assert container["workingDir"] == str(tmp_path)
