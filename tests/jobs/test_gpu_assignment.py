"""Assignment of GPUs to jobs, by names and locks; no GPU is needed."""

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
from daf.jobs.device import claim_job_device
from daf.jobs.gpu_assignment import NotEnoughGPUsError, claim_gpus
from daf.orchestrators.snakemake_command import snakemake_command
from daf.provenance.source import workflow_folder
from daf.system.gpus import visible_gpus

HOLD = """
import sys, time
from daf.jobs.gpu_assignment import claim_gpus
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
    """Function that starts a process which claims GPUs until it is killed."""
    started = []

    def start(count: int = 1, jobs_per_gpu: int = 1) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(count), str(jobs_per_gpu)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_line(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def test_visible_gpus(monkeypatch):
    for text, names in {"": [], "-1": [], "1": ["1"], "3, GPU-7f": ["3", "GPU-7f"]}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert visible_gpus() == names


def test_third_job_waits_for_one_of_two_gpus(hold):
    first, second = hold(), hold()
    assert {read_line(first), mine := read_line(second)} == {"0", "1"}
    third = hold()
    assert third.stderr.readline() == "waiting for a GPU: all are in use\n"
    second.kill()  # no lock outlives its process
    assert read_line(third) == mine


def test_jobs_share_a_gpu_only_if_none_is_unused(hold):
    assert [read_line(hold(jobs_per_gpu=2)) for _ in range(4)] == ["0", "1", "0", "1"]
    assert "waiting" in hold(jobs_per_gpu=2).stderr.readline()


def test_job_with_several_gpus(hold):
    both = hold(count=2, jobs_per_gpu=2)
    assert read_line(both) == "0,1"
    assert read_line(hold(count=2, jobs_per_gpu=2)) == "0,1"
    assert "waiting" in hold(jobs_per_gpu=2).stderr.readline()
    with pytest.raises(NotEnoughGPUsError, match="needs 3 GPUs; 2 are visible"), claim_gpus(3, 1):
        pass


def test_job_on_several_nodes_claims_its_share_per_node():
    snakemake = SimpleNamespace(resources={"gpu": 4, "nodes": 2}, threads=1)
    with claim_job_device(snakemake, ExecutionConfig()):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
    snakemake = SimpleNamespace(resources={"gpu": 4}, threads=1)
    with pytest.raises(NotEnoughGPUsError), claim_job_device(snakemake, ExecutionConfig()):
        pass


def test_only_claimed_gpus_are_visible():
    with claim_gpus(1, 1) as [name]:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == name
    with claim_gpus(0, 1) as names:
        assert names == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_cluster_jobs_have_separate_locks(hold, monkeypatch):
    # Each may see its GPU as number 0.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for number in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        assert read_line(hold()) == "0"


def test_scripts_do_not_import_torch_before_claiming_gpus():
    scripts = [p for p in Path(workflow_folder(), "scripts").glob("*.py")]
    needing = [
        p for p in scripts if re.search(r"claim_device=True|run_stale_job_parts\(", p.read_text())
    ]
    assert {p.stem for p in needing} >= {"train", "evaluate", "environment_check"}
    for script in needing:
        body = ast.parse(script.read_text()).body
        imports = "\n".join(
            ast.unparse(line) for line in body if isinstance(line, ast.Import | ast.ImportFrom)
        )
        check = f"{imports}\nimport sys\nassert not {{'torch', 'warp'}} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize("gpus, slots", [("0,1", 1), pytest.param("0", 2, marks=pytest.mark.slow)])
def test_concurrent_runs(gpus, slots, tmp_path, monkeypatch):
    """Runs use separate GPUs with 1 job per GPU, and share one with 2 jobs per GPU."""
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
        snakemake_command(["trainings"], Path("gpus.yaml"), "--cores", "4"),
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    spans = []
    for log in (tmp_path / "results" / "logs" / "train").glob("*.log"):
        (name,) = re.findall(r"^on GPU (.*)$", log.read_text(), flags=re.MULTILINE)
        start = datetime.fromisoformat(log.read_text().split("\n")[0].removeprefix("begin: "))
        spans.append((start.timestamp(), os.path.getmtime(log), name))
        assert "waiting" not in log.read_text()
    together = [
        {name, other}
        for number, (start, end, name) in enumerate(spans)
        for other_begin, other_end, other in spans[:number]
        if start < other_end and other_begin < end
    ]
    assert together, "no runs at the same time"
    assert all(names == set(gpus.split(",")) for names in together)
