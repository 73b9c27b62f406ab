"""Whatever is killed, the same command makes the same bytes."""

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
from tests.results import hashes

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
    command = snakemake_command(target, folder / "kills.yaml", "--cores", "2")
    with open(folder / "output.txt", "a") as output:
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )


def job_of(process: subprocess.Popen, rule: str) -> psutil.Process | None:
    """The running job of a rule, by the name of its script."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(part.endswith(f".{rule}.py") for part in child.cmdline()):
                    return child
    return None


def kill_during(folder: Path, rule: str, how: str, wait: float) -> str:
    """Begin a call, and kill it while a job of the rule runs: Snakemake alone, it with all its
    jobs, or that job. Returns what was printed."""
    process = start(folder)
    printed = (folder / "output.txt").read_text
    while (job := job_of(process, rule)) is None:
        assert process.poll() is None, f"it ended before {rule} was seen\n{printed()}"
        time.sleep(0.01)
    with contextlib.suppress(psutil.TimeoutExpired):
        job.wait(wait)
    if how == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "job":
        with contextlib.suppress(psutil.NoSuchProcess):
            job.kill()
    else:
        process.kill()
    process.wait()
    return printed()


def finished(folder: Path) -> bool:
    """Whether all that a call makes is there; then nothing was killed before its end."""
    return (folder / "results/benchmarks/kills/report.html.prov.json").exists()


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory) -> dict[str, str]:
    """The results of a call that nobody disturbs."""
    folder = tmp_path_factory.mktemp("unharmed")
    assert start(folder).wait() == 0, (folder / "output.txt").read_text()
    return hashes(folder)


def training(folder: Path) -> bool:
    return bool(list((folder / "results").glob("resume/*/state.pt")))


def test_a_killed_training_goes_on(tmp_path):
    unharmed, killed = tmp_path / "unharmed", tmp_path / "killed"
    for folder in (unharmed, killed):
        folder.mkdir()
    assert start(unharmed, "trainings").wait() == 0, (unharmed / "output.txt").read_text()
    process = start(killed, "trainings")
    while not training(killed):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert start(killed, "trainings").wait() == 0, (killed / "output.txt").read_text()
    assert hashes(killed) == hashes(unharmed) != {}
    (log,) = (killed / "results" / "logs" / "train").glob("*.log")
    assert "goes on after update" in log.read_text()
    assert not training(killed)


@pytest.mark.slow
def test_a_hundred_kills(unharmed, tmp_path):
    """Takes half an hour of two cores."""
    chance = random.Random(int(os.environ.get("DAF_KILL_SEED", "1")))
    wanted, killed, tries = int(os.environ.get("DAF_KILLS", "100")), Counter(), 0
    while sum(killed.values()) < wanted:
        rule = RULES[tries % len(RULES)]
        how = chance.choice(["snakemake", "group", "job"])
        wait = chance.uniform(0, 3 if rule == "train" else 1)
        folder = tmp_path / str(tries)
        folder.mkdir()
        tries += 1
        printed = kill_during(folder, rule, how, wait)
        killed[rule] += not finished(folder)  # the job may have ended just before
        assert start(folder).wait() == 0, (rule, how, wait, printed)
        assert hashes(folder) == unharmed, (rule, how, wait, printed)
        assert tries < 3 * wanted + len(RULES), killed
    assert all(killed[rule] > 0 for rule in RULES), killed
