"""Who uses which GPU: names and locks stand in for GPUs, which are not needed."""

import ast
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from daf.config import ExecutionConfig
from daf.jobs.device import job_device
from daf.orchestrators.snakemake_command import snakemake_command
from daf.provenance.source import workflow_folder
from daf.system.gpus import NotEnoughGPUs, claim_gpus, visible_gpus

HOLD = """
import sys, time
from daf.system.gpus import claim_gpus
with claim_gpus(int(sys.argv[1]), int(sys.argv[2])) as names:
    print(",".join(names), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def two_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def hold():
    """A function that starts a process which takes GPUs, and holds them until it is ended."""
    started = []

    def begin(number: int = 1, slots: int = 1) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(number), str(slots)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def test_the_gpus_that_are_visible(monkeypatch):
    for text, names in {"": [], "-1": [], "1": ["1"], "3, GPU-7f": ["3", "GPU-7f"]}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert visible_gpus() == names


def test_two_jobs_have_two_gpus_and_a_third_waits(hold):
    first, second = hold(), hold()
    assert {told(first), mine := told(second)} == {"0", "1"}
    third = hold()
    assert third.stderr.readline() == "waiting for a GPU: all are in use\n"
    second.kill()  # no lock outlives its process
    assert told(third) == mine


def test_jobs_share_a_gpu_only_where_they_must(hold):
    assert [told(hold(slots=2)) for _ in range(4)] == ["0", "1", "0", "1"]
    assert "waiting" in hold(slots=2).stderr.readline()


def test_a_job_with_several_gpus_has_different_ones(hold):
    both = hold(number=2, slots=2)
    assert told(both) == "0,1"
    assert told(hold(number=2, slots=2)) == "0,1"
    assert "waiting" in hold(slots=2).stderr.readline()
    with pytest.raises(NotEnoughGPUs, match="needs 3 GPUs; 2 are visible"), claim_gpus(3, 1):
        pass


def test_a_job_on_several_machines_takes_its_part_of_the_gpus_on_each():
    asked = SimpleNamespace(resources={"gpu": 4, "nodes": 2}, threads=1)
    with job_device(asked, ExecutionConfig()):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    asked = SimpleNamespace(resources={"gpu": 4}, threads=1)
    with pytest.raises(NotEnoughGPUs), job_device(asked, ExecutionConfig()):
        pass


def test_a_job_sees_its_gpu_alone_and_only_while_it_has_it():
    with claim_gpus(1, 1) as [name]:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == name
    with claim_gpus(0, 1) as names:
        assert names == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_jobs_of_a_cluster_keep_apart_by_themselves(hold, monkeypatch):
    # Each may see its GPU as number 0.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for number in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        assert told(hold()) == "0"


def test_scripts_do_not_look_at_cuda_before_their_job_has_a_gpu():
    scripts = [p for p in Path(workflow_folder(), "scripts").glob("*.py")]
    needing = [p for p in scripts if re.search(r"device_needed=True|batch\(", p.read_text())]
    assert {p.stem for p in needing} >= {"train", "evaluate", "environment_check"}
    for script in needing:
        body = ast.parse(script.read_text()).body
        imports = "\n".join(
            ast.unparse(line) for line in body if isinstance(line, ast.Import | ast.ImportFrom)
        )
        check = f"{imports}\nimport sys\nassert not {{'torch', 'warp'}} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize("gpus, slots", [("0,1", 1), ("0", 2)])
def test_concurrent_trainings(gpus, slots, tmp_path, monkeypatch):
    """With two GPUs they never share one; with one and two slots, two at a time share it."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    config = {
        "name": "gpus",
        "policies": [{"class_path": "stateless", "init_kwargs": {"hidden_size": 8}}],
        "missions": ["assembler_1"],
        "training_seeds": [1, 2, 3],
        "training": {"worlds": 2, "rollout_length": 8, "steps": 16},
        "execution": {"jobs_per_gpu": slots},
    }
    (tmp_path / "gpus.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        snakemake_command("trainings", Path("gpus.yaml"), "--cores", "4"),
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    spans = []
    for log in (tmp_path / "results" / "logs" / "train").glob("*.log"):
        (name,) = re.findall(r"^on GPU (.*)$", log.read_text(), flags=re.MULTILINE)
        begin = datetime.fromisoformat(log.read_text().split("\n")[0].removeprefix("begin: "))
        spans.append((begin.timestamp(), os.path.getmtime(log), name))
        assert "waiting" not in log.read_text()
    together = [
        {name, other}
        for number, (begin, end, name) in enumerate(spans)
        for other_begin, other_end, other in spans[:number]
        if begin < other_end and other_begin < end
    ]
    assert together, "no two ran at the same time"
    assert all(names == set(gpus.split(",")) for names in together)
