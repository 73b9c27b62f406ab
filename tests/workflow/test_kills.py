"""Kills of workflows and jobs: the next call makes the same bytes."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml

from daf.orchestrators.snakemake_command import snakemake_command
from tests.results import result_hashes

RULES = ("train", "evaluate", "compare", "report")
CONFIG = {
    "name": "kills",
    "policies": ["stateless", "random"],
    "missions": ["assembler_1"],
    "training_seeds": [1],
    "training": {"worlds": 8, "rollout_length": 32, "steps": 40_000},
    "evaluation": {"episodes": 4},
    "execution": {"save_seconds": 0.2},
}


def start(folder: Path, target: str = "benchmark_report") -> subprocess.Popen:
    (folder / "kills.yaml").write_text(yaml.safe_dump(CONFIG))
    command = snakemake_command([target], folder / "kills.yaml", "--cores", "2")
    with open(folder / "output.txt", "a") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def find_job(process: subprocess.Popen, rule: str) -> psutil.Process | None:
    """Return the running job of a rule, by the name of its script."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(part.endswith(f".{rule}.py") for part in child.cmdline()):
                    return child
    return None


def kill_during(folder: Path, rule: str, target: str, wait: float) -> str:
    """Start a call, kill it while a job of the rule runs, and return its output.

    Args:
        target: "snakemake", "group" (with all jobs) or "job".
        wait: seconds between the start of the job and the kill.
    """
    process = start(folder)
    printed = (folder / "output.txt").read_text
    while (job := find_job(process, rule)) is None:
        assert process.poll() is None, f"the call ended before a job of {rule}\n{printed()}"
        time.sleep(0.01)
    with contextlib.suppress(psutil.TimeoutExpired):
        job.wait(wait)
    if target == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif target == "job":
        with contextlib.suppress(psutil.NoSuchProcess):
            job.kill()
    else:
        process.kill()
    process.wait()
    return printed()


def is_finished(folder: Path) -> bool:
    """Return true if the call has finished before the kill."""
    return (folder / "results/benchmarks/kills/report.html.prov.json").exists()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, str]:
    """Return the hashes of the results of an uninterrupted call."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert start(folder).wait() == 0, (folder / "output.txt").read_text()
    return result_hashes(folder)


def has_resume_state(folder: Path) -> bool:
    return bool(list((folder / "results").glob("resume/*/state.pt")))


def test_killed_run_resumes(tmp_path):
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    for folder in (uninterrupted, killed):
        folder.mkdir()
    assert start(uninterrupted, "trainings").wait() == 0, (uninterrupted / "output.txt").read_text()
    process = start(killed, "trainings")
    while not has_resume_state(killed):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert start(killed, "trainings").wait() == 0, (killed / "output.txt").read_text()
    assert result_hashes(killed) == result_hashes(uninterrupted) != {}
    (log,) = (killed / "results" / "logs" / "train").glob("*.log")
    assert "resuming from update" in log.read_text()
    assert not has_resume_state(killed)


@pytest.mark.slow
def test_repeated_kills(uninterrupted, tmp_path):
    """100 kills take 30 min on 2 cores."""
    rng = random.Random(int(os.environ.get("DAF_KILL_SEED", "1")))
    num_kills, killed, tries = int(os.environ.get("DAF_KILLS", "100")), Counter(), 0
    while sum(killed.values()) < num_kills:
        rule = RULES[tries % len(RULES)]
        target = rng.choice(["snakemake", "group", "job"])
        wait = rng.uniform(0, 3 if rule == "train" else 1)
        folder = tmp_path / str(tries)
        folder.mkdir()
        tries += 1
        printed = kill_during(folder, rule, target, wait)
        killed[rule] += not is_finished(folder)  # the job may have ended just before
        assert start(folder).wait() == 0, (rule, target, wait, printed)
        assert result_hashes(folder) == uninterrupted, (rule, target, wait, printed)
        assert tries < 3 * num_kills + len(RULES), killed
    assert all(killed[rule] > 0 for rule in RULES), killed
