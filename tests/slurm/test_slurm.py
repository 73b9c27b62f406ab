"""The main job on a real Slurm, cancelled, out of time and preempted on the way: the same bytes."""

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

# A training that takes minutes while the brake is there, and seconds without.
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


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "mine.py").write_text(POLICY)
    (folder / "slurm.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@contextlib.contextmanager
def running(folder: Path, environment: dict[str, str], *options: str) -> Iterator[subprocess.Popen]:
    """The main job, which ends with the block at the latest."""
    command = snakemake_command("benchmark_report", Path("slurm.yaml"), *options)
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it takes its jobs with it
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        process.kill()
        process.wait()


class Queue:
    """What Slurm says of the jobs, and what happens to them."""

    def __init__(self, environment: dict[str, str], workflow: subprocess.Popen, output: Path):
        self.environment, self.workflow, self.output = environment, workflow, output

    def ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def jobs(self) -> dict[str, dict[str, str]]:
        """Every job there was: its number -> the attributes Slurm gives it."""
        found = {}
        for line in self.ask("scontrol", "--oneliner", "--all", "show", "job").splitlines():
            if job := dict(re.findall(r"(\w+)=(\S*)", line)):
                found[job["JobId"]] = job
        return found

    def wait_for(self, what: str, condition, seconds: float = 1200):
        """What the condition returns, once it is true."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            printed = self.output.read_text()
            assert self.workflow.poll() is None, f"it ended before: {what}\n{printed}"
            states = {number: job["JobState"] for number, job in self.jobs().items()}
            assert time.monotonic() < end, f"in vain: {what}\n{states}\n{printed}"
            time.sleep(0.5)
        return found

    def trainings(self) -> dict[str, str]:
        """The running jobs of trainings that have saved something: seed -> number."""
        found = {}
        for number, job in self.jobs().items():
            seed = re.search(r"Braked-s(\d)-", job.get("Comment", ""))
            if job["JobState"] == "RUNNING" and seed and "train_" in job["Comment"]:
                folder = self.output.parent / "results" / "resume"
                if list(folder.glob(f"Braked-s{seed[1]}-*/state.pt")):
                    found[seed[1]] = number
        return found

    def state(self, number: str) -> str:
        return self.jobs()[number]["JobState"]


def test_the_main_job_on_slurm_gives_the_same_bytes(tmp_path):
    here = prepared(tmp_path / "here")
    there = prepared(tmp_path / "there")
    with running(here, dict(os.environ), "--cores", "2") as local:
        assert local.wait() == 0, (here / "output.txt").read_text()

    brake = tmp_path / "brake"
    brake.touch()
    profile = workflow_folder() / "profiles" / "slurm"
    options = ["--workflow-profile", str(profile), *OPTIONS]
    with cluster(tmp_path / "slurm") as environment:
        environment["BRAKE"] = str(brake)
        with running(there, environment, *options) as workflow:
            queue = Queue(environment, workflow, there / "output.txt")
            first = queue.wait_for(
                "two trainings run", lambda: len(found := queue.trainings()) == 2 and found
            )
            urgent = ["sbatch", "--parsable", "--partition=urgent", "--gpus=1", "--ntasks=1"]
            queue.ask(*urgent, "--mem=100", "--output=/dev/null", "--wrap=sleep 2")
            preempted = queue.wait_for(
                "one of them is preempted",
                lambda: [n for n in first.values() if queue.jobs()[n]["Restarts"] != "0"],
            )[0]
            [cancelled] = set(first.values()) - {preempted}
            queue.ask("scancel", cancelled)
            late = queue.wait_for(
                "the third training runs",
                lambda: [n for seed, n in queue.trainings().items() if seed not in first],
            )[0]
            queue.ask("scontrol", "update", f"JobId={late}", "TimeLimit=1")
            queue.wait_for("it is out of time", lambda: queue.state(late) == "TIMEOUT")
            brake.unlink()
            workflow.wait(1200)
            jobs = queue.jobs()
    printed = (there / "output.txt").read_text()
    assert workflow.returncode == 0, printed
    assert jobs[cancelled]["JobState"] == "CANCELLED"
    assert jobs[late]["JobState"] == "TIMEOUT"
    assert jobs[preempted]["Restarts"] == "1"
    for log in (there / "results/logs/train").glob("*.log"):
        assert "resuming from update" in log.read_text(), log
    trainings = [job for job in jobs.values() if "train_" in job.get("Comment", "")]
    assert {job["TimeLimit"] for job in trainings} == {"00:01:00", "00:10:00", "00:20:00"}
    assert result_hashes(there) == result_hashes(here) != {}
