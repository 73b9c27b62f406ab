"""Benchmark on Slurm with a cancelled, a timed-out and a preempted job: same bytes as locally."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from daf.orchestrators.snakemake_command import snakemake_command
from daf.provenance.source import workflow_folder
from tests.results import result_hashes

from .cluster import cluster

pytestmark = pytest.mark.slurm

# A run takes minutes while the brake file exists, and seconds without it.
POLICY = """
import os, time
from pathlib import Path

import torch
from daf.policies.stateless import Stateless


class Braked(Stateless):
    def forward(self, observations, recurrent_state, episode_starts):
        if torch.is_grad_enabled() and Path(os.environ.get("BRAKE", "none")).exists():
            time.sleep(0.7)
        return super().forward(observations, recurrent_state, episode_starts)
"""
CONFIG = {
    "name": "slurm",
    "policies": [
        {"class_path": "mine.py:Braked", "init_kwargs": {"hidden_size": 8}},
        "random",
    ],
    "missions": ["assembler_1"],
    "training_seeds": [1, 2, 3],
    "training": {
        "worlds": 2,
        "rollout_length": 8,
        "minibatches": 1,
        "epochs": 1,
        "steps": 16 * 400,
    },
    "evaluation": {"episodes": 2},
    "execution": {"save_seconds": 0.5},
}
OPTIONS = (
    "--set-resources", "train:runtime=attempt*10", "train:mem_mb=attempt*1500",
    "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5", "--jobs", "8",
)  # fmt: skip


def write_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "mine.py").write_text(POLICY)
    (folder / "slurm.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@contextlib.contextmanager
def running(folder: Path, environment: dict[str, str], *options: str) -> Iterator[subprocess.Popen]:
    """Run the benchmark, and stop it at the end of the block."""
    command = snakemake_command(["benchmark_report"], Path("slurm.yaml"), *options)
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # Snakemake cancels its jobs
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        process.kill()
        process.wait()


class Queue:
    """Job queue of Slurm during a workflow."""

    def __init__(self, environment: dict[str, str], workflow: subprocess.Popen, output: Path):
        self.environment, self.workflow, self.output = environment, workflow, output

    def run_command(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def jobs(self) -> dict[str, dict[str, str]]:
        """Return all jobs, also ended ones: number -> attributes."""
        jobs = {}
        for line in self.run_command("scontrol", "--oneliner", "--all", "show", "job").splitlines():
            if job := dict(re.findall(r"(\w+)=(\S*)", line)):
                jobs[job["JobId"]] = job
        return jobs

    def wait_for(self, event: str, condition, seconds: float = 1200):
        """Return the first true result of the condition."""
        end = time.monotonic() + seconds
        while not (result := condition()):
            printed = self.output.read_text()
            assert self.workflow.poll() is None, f"the workflow ended before: {event}\n{printed}"
            states = {number: job["JobState"] for number, job in self.jobs().items()}
            assert time.monotonic() < end, f"timeout: {event}\n{states}\n{printed}"
            time.sleep(0.5)
        return result

    def resumable_runs(self) -> dict[str, str]:
        """Return the running train jobs with a saved state: training seed -> job number."""
        numbers = {}
        for number, job in self.jobs().items():
            seed = re.search(r"Braked-s(\d)-", job.get("Comment", ""))
            if job["JobState"] == "RUNNING" and seed and "train_" in job["Comment"]:
                folder = self.output.parent / "results" / "resume"
                if list(folder.glob(f"Braked-s{seed[1]}-*/state.pt")):
                    numbers[seed[1]] = number
        return numbers

    def state(self, number: str) -> str:
        return self.jobs()[number]["JobState"]


def test_slurm_and_local_results_are_equal(tmp_path):
    local_folder = write_project(tmp_path / "local")
    slurm_folder = write_project(tmp_path / "on_slurm")
    with running(local_folder, dict(os.environ), "--cores", "2") as local:
        assert local.wait() == 0, (local_folder / "output.txt").read_text()

    brake = tmp_path / "brake"
    brake.touch()
    profile = workflow_folder() / "profiles" / "slurm"
    options = ["--workflow-profile", str(profile), *OPTIONS]
    with cluster(tmp_path / "slurm") as environment:
        environment["BRAKE"] = str(brake)
        with running(slurm_folder, environment, *options) as workflow:
            queue = Queue(environment, workflow, slurm_folder / "output.txt")
            first = queue.wait_for(
                "two runs train", lambda: len(runs := queue.resumable_runs()) == 2 and runs
            )
            urgent = ["sbatch", "--parsable", "--partition=urgent", "--gpus=1", "--ntasks=1"]
            queue.run_command(*urgent, "--mem=100", "--output=/dev/null", "--wrap=sleep 2")
            preempted = queue.wait_for(
                "one of the runs is preempted",
                lambda: [n for n in first.values() if queue.jobs()[n]["Restarts"] != "0"],
            )[0]
            [cancelled] = set(first.values()) - {preempted}
            queue.run_command("scancel", cancelled)
            late = queue.wait_for(
                "the third run trains",
                lambda: [n for seed, n in queue.resumable_runs().items() if seed not in first],
            )[0]
            queue.run_command("scontrol", "update", f"JobId={late}", "TimeLimit=1")
            queue.wait_for("the third run times out", lambda: queue.state(late) == "TIMEOUT")
            brake.unlink()
            workflow.wait(1200)
            jobs = queue.jobs()
    printed = (slurm_folder / "output.txt").read_text()
    assert workflow.returncode == 0, printed
    assert jobs[cancelled]["JobState"] == "CANCELLED"
    assert jobs[late]["JobState"] == "TIMEOUT"
    assert jobs[preempted]["Restarts"] == "1"
    for log in (slurm_folder / "results/logs/train").glob("*.log"):
        assert "resuming from update" in log.read_text(), log
    train_jobs = [job for job in jobs.values() if "train_" in job.get("Comment", "")]
    assert {job["TimeLimit"] for job in train_jobs} == {"00:01:00", "00:10:00", "00:20:00"}
    assert result_hashes(slurm_folder) == result_hashes(local_folder) != {}
